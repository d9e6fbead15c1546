"""Memory that the system could give to a process, and memory that a process could give back."""

import ctypes
import mmap
import os
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["read_available_memory", "release_mapped_pages", "return_free_memory"]

ROOT = Path("/")

# Where versions 1 and 2 of Linux's control groups, which containers and job schedulers use, keep their files: the
# folder, and the files of the limit and of what is in use. The key is that of cached files, which can be dropped.
CONTROL_GROUPS = (
    ("sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ("sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
)


def read_available_memory() -> int | None:
    """Return how many bytes this process may still take before the system runs out of memory, without swap.

    Linux's estimate, the limits of control groups and that of the address space (``ulimit -v``) count. None on systems
    that do not tell.
    """
    memory = _read_numbers(ROOT / "proc/meminfo")
    if "MemAvailable" not in memory:
        return None
    found = [1024 * memory["MemAvailable"], *_read_group_limits(), *_read_address_space()]
    return max(0, min(found))


def _read_group_limits() -> list[int]:
    """Return what is left in each control group of this process and in those that contain it."""
    left = []
    for line in _read_text(ROOT / "proc/self/cgroup").splitlines():
        number, controllers, path = line.split(":", 2)
        if number != "0" and "memory" not in controllers.split(","):
            continue
        start, limit, usage, cached = CONTROL_GROUPS[number == "0"]
        # Inside a container, the path may be that of the host; then the container's own group is the topmost one.
        for folder in [ROOT / start / path.lstrip("/"), *(ROOT / start / path.lstrip("/")).parents]:
            max_bytes, in_use = _read_text(folder / limit).strip(), _read_text(folder / usage).strip()
            if max_bytes.isdigit() and in_use.isdigit():
                droppable = _read_numbers(folder / "memory.stat").get(cached, 0)
                left.append(int(max_bytes) - int(in_use) + droppable)
            if folder == ROOT / start:
                break
    return left


def _read_address_space() -> list[int]:
    import resource  # Windows has none

    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft == resource.RLIM_INFINITY:
        return []
    n_pages = int(_read_text(Path("/proc/self/statm")).split()[0])
    return [soft - n_pages * os.sysconf("SC_PAGE_SIZE")]


def _read_numbers(path: Path) -> dict[str, int]:
    """Return the names and numbers of a file with one pair a line."""
    pairs = [line.replace(":", " ").split()[:2] for line in _read_text(path).splitlines()]
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def _read_text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def release_mapped_pages(X: Any) -> None:
    """Let this process hold no page of a table that is mapped from a file; a page that is read is mapped again.

    Otherwise the whole table counts as memory of each process that has read it, and joblib replaces workers that have
    grown by 300 MB. The file's pages stay in the system's cache as long as there is memory for them. Nothing is done to
    other tables, or to maps that can be written, whose changes may be nowhere else.
    """
    pages = X.base if isinstance(X, np.memmap) and X.mode == "r" else None
    if isinstance(pages, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        pages.madvise(mmap.MADV_DONTNEED)


def return_free_memory() -> None:
    """Give freed memory back to the system, where the C library can.

    glibc keeps what a thread has freed for that thread and those that follow it. After a step that took much memory in
    a thread of its own, the next step in the main thread would take as much again.
    """
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):  # another C library: musl, macOS, Windows
        return

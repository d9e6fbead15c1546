"""How much memory there is, and that freed memory goes back to the system."""

import ctypes
import mmap
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from sklearn_autotune._compat import free_memory
from sklearn_autotune._compat.free_memory import read_available_memory, release_mapped_pages, return_free_memory


def read_resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="glibc")
def test_what_a_thread_has_freed_is_given_back():
    def take():
        blocks = [bytearray(50_000) for _ in range(4000)]  # below the size that has a mapping of its own
        keep = blocks[-1]
        del blocks
        return keep

    with ThreadPoolExecutor(1) as thread:
        last = thread.submit(take).result()
    before = read_resident_bytes()

    return_free_memory()

    assert before - read_resident_bytes() > 100_000_000
    assert len(last) == 50_000


@pytest.mark.parametrize("error", [AttributeError, OSError, TypeError])
def test_where_the_c_library_cannot_nothing_happens(monkeypatch, error):
    def fail(name):
        raise error

    monkeypatch.setattr(free_memory.ctypes, "CDLL", fail)

    return_free_memory()


@pytest.fixture
def path(tmp_path):
    np.save(tmp_path / "table.npy", np.arange(8_000_000.0).reshape(-1, 8))
    return tmp_path / "table.npy"


@pytest.mark.skipif(not hasattr(mmap, "MADV_DONTNEED") or sys.platform != "linux", reason="Linux")
def test_a_mapped_table_takes_no_memory_of_the_process_until_it_is_read_again(path):
    table = np.load(path, mmap_mode="r")
    total = table.sum()
    before = read_resident_bytes()

    release_mapped_pages(table)

    assert before - read_resident_bytes() > 60_000_000
    assert table.sum() == total


@pytest.mark.parametrize("mode", ["c", "r+"])
def test_what_was_written_into_a_map_is_kept(path, mode):
    table = np.load(path, mmap_mode=mode)
    table[3, 3] = -1

    for part in (table, table[:], np.asarray(table), "no table"):
        release_mapped_pages(part)

    assert table[3, 3] == -1


# -- available memory --------------------------------------------------------------------------------------------------

MEMINFO = "MemTotal:  900 kB\nMemFree:  100 kB\nMemAvailable:  500 kB\nHugePages_Total:  0\n"

# By what it shows: the files of a made system, and how many bytes are left.
SYSTEMS = {
    "no limit": ({"proc/self/cgroup": "0::/\n"}, 512_000),
    "no groups": ({}, 512_000),
    "version 2": (
        {
            "proc/self/cgroup": "0::/job/step\n",
            "sys/fs/cgroup/job/memory.max": "300000\n",
            "sys/fs/cgroup/job/memory.current": "250000\n",
            "sys/fs/cgroup/job/memory.stat": "anon 100\ninactive_file 30000\nactive_file 7\n",
            "sys/fs/cgroup/job/step/memory.max": "max\n",
            "sys/fs/cgroup/job/step/memory.current": "1000\n",
        },
        80_000,
    ),
    "version 1": (
        {
            "proc/self/cgroup": "9:cpu:/\n4:memory,other:/docker/0123\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "200000\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "50000\n",
        },
        150_000,
    ),
    "all in use": (
        {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "10\n", "sys/fs/cgroup/memory.current": "20\n"},
        0,
    ),
}


@pytest.mark.skipif(sys.platform != "linux", reason="reads the files of Linux")
@pytest.mark.parametrize("name", SYSTEMS)
def test_the_limits_of_control_groups_count(monkeypatch, tmp_path, name):
    files, expected = SYSTEMS[name]
    for path, text in ({"proc/meminfo": MEMINFO} | files).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    monkeypatch.setattr(free_memory, "ROOT", tmp_path)

    assert read_available_memory() == expected


def test_a_system_that_does_not_tell_has_no_known_memory(monkeypatch, tmp_path):
    monkeypatch.setattr(free_memory, "ROOT", tmp_path)

    assert read_available_memory() is None


@pytest.mark.skipif(sys.platform != "linux", reason="reads the files of Linux")
def test_the_limit_of_the_address_space_counts_less_what_is_in_use():
    code = (
        "import resource; from sklearn_autotune._compat.free_memory import read_available_memory;"
        "resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30)); print(read_available_memory());"
        "taken = bytearray(300_000_000); print(read_available_memory())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())

    assert after < before < 2**30
    assert before - after == pytest.approx(300_000_000, rel=0.01)

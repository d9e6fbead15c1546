"""Freed memory goes back to the system."""

import ctypes
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sklearn_autotune._compat import free_memory
from sklearn_autotune._compat.free_memory import return_free_memory


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

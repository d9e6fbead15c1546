"""Memory that a process has freed, and the system could have back."""

import ctypes

__all__ = ["return_free_memory"]


def return_free_memory() -> None:
    """Give freed memory back to the system, where the C library can.

    glibc keeps what a thread has freed for that thread and those that follow it. After a step that took much memory in
    a thread of its own, the next step in the main thread would take as much again.
    """
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):  # another C library: musl, macOS, Windows
        return

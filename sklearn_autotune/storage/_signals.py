"""Treat SIGTERM during a search like Ctrl-C, and defer both while the study is written."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sklearn_autotune.exceptions import SearchTerminated

__all__ = ["defer_interrupts", "raise_on_sigterm"]


@contextmanager
def raise_on_sigterm() -> Iterator[None]:
    """Raise SearchTerminated, a KeyboardInterrupt, in this block when the process receives SIGTERM.

    This works only in the main thread, where Python runs signal handlers, and only if SIGTERM has no handler yet.
    """
    may_handle = (
        threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )
    if not may_handle:
        yield
        return

    def interrupt(number: int, frame: Any) -> None:
        # Raise at every signal, because Python may ignore an exception, for instance in __del__.
        raise SearchTerminated("the process was told to end (SIGTERM)")

    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def defer_interrupts() -> Iterator[None]:
    """Defer Ctrl-C and SIGTERM until the end of this block; a second signal interrupts the block.

    This works only in the main thread, where Python runs signal handlers, and only for signals that Python handles.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers: dict[int, Any] = {}
    deferred: list[tuple[int, Any]] = []

    def defer(number: int, frame: Any) -> None:
        if deferred:
            handlers[number](number, frame)
        deferred.append((number, frame))

    for number in (signal.SIGINT, signal.SIGTERM):
        handler = signal.getsignal(number)
        if callable(handler):
            handlers[number] = handler
            signal.signal(number, defer)
    try:
        yield
    finally:
        for handled, handler in handlers.items():
            signal.signal(handled, handler)
        if deferred:
            first, frame = deferred[0]
            handlers[first](first, frame)

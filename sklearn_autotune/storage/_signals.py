"""SIGTERM while a search is under way is treated like Ctrl-C; both wait while its study is written."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sklearn_autotune.exceptions import SearchTerminated

__all__ = ["defer_interrupts", "raise_on_sigterm"]


@contextmanager
def raise_on_sigterm() -> Iterator[None]:
    """Raise SearchTerminated, a KeyboardInterrupt, in this block when the process is told to end.

    Only in the main thread, where Python runs signal handlers, and only where nobody handles SIGTERM already.
    """
    is_ours = (
        threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )
    if not is_ours:
        yield
        return

    def interrupt(number: int, frame: Any) -> None:
        # Each time: one that happens to be raised where Python ignores exceptions must not be the last.
        raise SearchTerminated("the process was told to end (SIGTERM)")

    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def defer_interrupts() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back until this block is done; a second one ends it where it is.

    Only in the main thread, where Python runs signal handlers, and only signals that Python handles.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers: dict[int, Any] = {}
    held: list[tuple[int, Any]] = []

    def hold(number: int, frame: Any) -> None:
        if held:
            handlers[number](number, frame)
        held.append((number, frame))

    for number in (signal.SIGINT, signal.SIGTERM):
        handler = signal.getsignal(number)
        if callable(handler):
            handlers[number] = handler
            signal.signal(number, hold)
    try:
        yield
    finally:
        for handled, handler in handlers.items():
            signal.signal(handled, handler)
        if held:
            first, frame = held[0]
            handlers[first](first, frame)

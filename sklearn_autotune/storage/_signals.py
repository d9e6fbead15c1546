"""Treat SIGTERM during a search like Ctrl-C, let neither be lost, and defer both while the study is written."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sklearn_autotune.exceptions import SearchTerminated

__all__ = ["SignalWatch", "defer_interrupts", "raise_on_signals"]


@dataclass(slots=True)
class SignalWatch:
    """The signal that a search has received, if there was one.

    Attributes
    ----------
    interrupt : KeyboardInterrupt or None
    """

    interrupt: KeyboardInterrupt | None = None

    def check(self) -> None:
        """Raise the interrupt of a signal that native code has swallowed.

        XGBoost swallows one that comes while it asks Python for rows, and then fails for another reason.
        """
        if self.interrupt is not None:
            raise self.interrupt


@contextmanager
def raise_on_signals() -> Iterator[SignalWatch]:
    """Raise SearchTerminated, a KeyboardInterrupt, in this block on SIGTERM, and note that and a Ctrl-C.

    This works only in the main thread, where Python runs signal handlers, and only for signals whose handler is
    Python's own.
    """
    watch = SignalWatch()
    own = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    if threading.current_thread() is not threading.main_thread():
        own = {}
    watched = {number: handler for number, handler in own.items() if signal.getsignal(number) is handler}

    def interrupt(number: int, frame: Any) -> None:
        # Raise at every signal, because Python may ignore an exception, for instance in __del__.
        is_sigterm = number == signal.SIGTERM
        watch.interrupt = (
            SearchTerminated("the process was told to end (SIGTERM)") if is_sigterm else KeyboardInterrupt()
        )
        raise watch.interrupt

    for number in watched:
        signal.signal(number, interrupt)
    try:
        yield watch
    finally:
        for number, handler in watched.items():
            signal.signal(number, handler)


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

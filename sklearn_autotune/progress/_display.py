"""How progress is shown: when there is a bar, and when and where a line is written."""

import logging
import multiprocessing
import os
import sys
from typing import Any, TextIO

from sklearn_autotune._compat.optional import import_optional

__all__ = ["LINE_SHARE", "LineWriter", "check_bar_option", "format_duration", "make_bar"]

logger = logging.getLogger(__package__)

# Unless told otherwise, a line is written each time that a tenth of the budget has been spent. It is also written when
# some seconds have passed since the last one: 5 at first, and later a tenth of the time so far.
LINE_SHARE = 0.1
MIN_LINE_SECONDS = 5.0

BAR_COLUMNS = 10
DEFAULT_COLUMNS, DEFAULT_ROWS = 100, 25  # of a terminal that does not tell its size


class LineWriter:
    """Says when the next line is to be written, and writes it."""

    def __init__(self, start: float) -> None:
        self.start = self.last_time = start
        self.last_share = 0.0
        self.last_key: object = None

    def is_due(self, share: float | None, now: float, *, goes_by_time: bool = True) -> bool:
        """Whether enough of the budget has been spent since the last line, or enough time has passed."""
        pause = max(MIN_LINE_SECONDS, LINE_SHARE * (now - self.start))
        is_due = share is not None and share - self.last_share > LINE_SHARE - 1e-9
        if is_due or (goes_by_time and now - self.last_time >= pause):
            self.last_share, self.last_time = share or 0.0, now
            return True
        return False

    def write(self, line: str, key: object, stream: TextIO | None) -> None:
        """Write a line unless the last one had the same key: through logging where that shows it, else to a stream."""
        if key == self.last_key:
            return
        self.last_key = key
        if _is_shown_by_logging():
            logger.info("%s", line)
            return
        stream = sys.stderr if stream is None else stream
        if stream is not None:  # in a program without a console it is None
            stream.write(f"{line}\n")
            stream.flush()


def _is_shown_by_logging() -> bool:
    """Whether logging has been set up so that it shows what is logged at the level INFO."""
    if not logger.isEnabledFor(logging.INFO):
        return False
    current: logging.Logger | None = logger
    while current is not None:
        if any(not isinstance(handler, logging.NullHandler) for handler in current.handlers):
            return True
        current = current.parent if current.propagate else None
    return False


def check_bar_option(bar: object) -> None:
    if bar not in (True, False, "auto"):
        raise ValueError(f"bar must be True, False or 'auto', got {bar!r}.")


def make_bar(bar: bool | str, stream: TextIO | None, total: float | None, text: str) -> Any:
    """Return a bar by tqdm where there is to be one, else None."""
    stream = sys.stderr if stream is None else stream
    if bar is False or stream is None:
        return None
    tqdm = import_optional("tqdm.auto", "A progress bar").tqdm
    is_notebook = any(kind.__module__ == "tqdm.notebook" for kind in tqdm.__mro__)
    is_terminal = bool(getattr(stream, "isatty", bool)())
    is_worker = multiprocessing.current_process().name != "MainProcess"
    if bar == "auto" and (is_worker or not (is_terminal or is_notebook)):
        return None
    # The bar is drawn after each step, so tqdm's thread that watches over bars which stand still has nothing to do.
    kind = type("Bar", (tqdm,), {"monitor_interval": 0})
    width = "" if is_notebook else f":{BAR_COLUMNS}"
    shape = "{percentage:3.0f}%|{bar" + width + "}| {desc}" if total is not None else "{desc}"
    size = {"ncols": DEFAULT_COLUMNS, "nrows": DEFAULT_ROWS} if _has_unknown_width(stream) else {"dynamic_ncols": True}
    return kind(total=total, desc=text, file=stream, bar_format=shape, **size)


def _has_unknown_width(stream: TextIO) -> bool:
    """Whether a terminal says that it has no columns, as in some containers; tqdm would draw nothing."""
    try:
        return os.get_terminal_size(stream.fileno()).columns == 0
    except (AttributeError, OSError, ValueError):  # no terminal, or a stream without a file
        return False


def format_duration(seconds: float) -> str:
    """Return seconds as people say them.

    Examples
    --------
    >>> format_duration(0.42), format_duration(75), format_duration(7300)
    ('0.4 s', '1 min 15 s', '2 h 1 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"

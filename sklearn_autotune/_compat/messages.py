"""Text for messages: tracebacks cut to a length, one line of them, and URLs without passwords."""

import re

__all__ = ["MAX_ERROR_LENGTH", "extract_exception_line", "extract_last_line", "make_storable", "redact_url"]

MAX_ERROR_LENGTH = 5_000  # characters of an error's text that are kept
MAX_LINE_LENGTH = 500  # of the line that names the exception, if it would be cut out

EXCEPTION_LINE_PATTERN = re.compile(r"[\w.]*(Error|Exception|Exit): .")


def make_storable(error: str) -> str:
    """Return an error's text as it is stored, shown and written: as long as is needed, and with no lone surrogates.

    Parameters
    ----------
    error : str
        A traceback, or another message.

    Returns
    -------
    text : str
        At most `MAX_ERROR_LENGTH` characters. Of a longer text it has the first and the last part, and between them the
        line that names the exception. It can be encoded as UTF-8.

    Examples
    --------
    >>> len(make_storable("ValueError: " + 5_000_000 * "x")) <= MAX_ERROR_LENGTH
    True
    >>> make_storable("column \\ud800")
    'column \\\\ud800'
    """
    encodable = _cut_middle(error).encode("utf-8", "backslashreplace").decode("utf-8")
    return _cut_middle(encodable)  # what replaces a surrogate is longer


def _cut_middle(text: str) -> str:
    n_more = len(text) - MAX_ERROR_LENGTH
    if n_more <= 0:
        return text
    n_kept = (MAX_ERROR_LENGTH - MAX_LINE_LENGTH - 100) // 2
    head, tail = text[:n_kept], text[-n_kept:]
    line = extract_exception_line(text)[:MAX_LINE_LENGTH]
    named = "" if line in head or line in tail else f"{line}\n"
    return f"{head}\n[... {len(text) - 2 * n_kept} characters left out ...]\n{named}{tail}"


def extract_exception_line(error: str) -> str:
    """Return the line of a traceback that names the exception, the innermost of several.

    Parameters
    ----------
    error : str
        A traceback, or another message; of that, the last line is returned.

    Returns
    -------
    line : str

    Examples
    --------
    >>> extract_exception_line("Traceback (most recent call last):\\nValueError: C must be positive\\nC: the penalty")
    'ValueError: C must be positive'
    """
    lines = error.strip().splitlines()
    named = [line for line in lines if EXCEPTION_LINE_PATTERN.match(line)]
    return (named or lines or [""])[-1]


def extract_last_line(error: str) -> str:
    """Return the last line of a traceback: the end of the exception's message, if that has several lines.

    Examples
    --------
    >>> extract_last_line("ValueError: C must be positive\\nC: the penalty\\n")
    'C: the penalty'
    """
    return (error.strip().splitlines() or [""])[-1]


def redact_url(url: str, *, hide_user: bool = False) -> str:
    """Return a URL without its password; a text that is no URL is returned as it is.

    Parameters
    ----------
    url : str
    hide_user : bool
        Whether to hide the user's name too.

    Returns
    -------
    redacted : str

    Examples
    --------
    >>> redact_url("postgresql://me:secret@host/db"), redact_url("postgresql://me:secret@host/db", hide_user=True)
    ('postgresql://me:***@host/db', 'postgresql://…@host/db')
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        redacted = make_url(url).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):  # no URL, or one with a port that is no number
        return re.sub(r"://[^@]*@", "://…@", url)
    return re.sub(r"//[^/@]*@", "//…@", redacted) if hide_user else redacted

"""Text for messages: one line of a traceback, and URLs without passwords."""

import re

__all__ = ["extract_exception_line", "extract_last_line", "redact_url"]

EXCEPTION_LINE_PATTERN = re.compile(r"[\w.]*(Error|Exception|Exit): .")


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
    return (named or lines)[-1]


def extract_last_line(error: str) -> str:
    """Return the last line of a traceback: the end of the exception's message, if that has several lines.

    Examples
    --------
    >>> extract_last_line("ValueError: C must be positive\\nC: the penalty\\n")
    'C: the penalty'
    """
    return error.strip().splitlines()[-1]


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

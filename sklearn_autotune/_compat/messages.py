"""Text for messages: one line of a traceback."""

import re

__all__ = ["extract_exception_line", "extract_last_line"]

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

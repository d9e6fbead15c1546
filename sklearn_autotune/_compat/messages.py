"""Texts of messages: shortened tracebacks, the line that names an exception, and suggestions for unknown names."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "MAX_ERROR_LENGTH",
    "extract_exception_line",
    "extract_last_line",
    "find_nearest_name",
    "make_encodable",
    "make_name_key",
    "make_storable",
    "suggest_name",
]

MAX_ERROR_LENGTH = 5_000  # maximum number of characters of an error's text
MIN_PREFIX_LENGTH = 3  # minimum length of a word that may be the beginning of a name
MAX_LINE_LENGTH = 500  # maximum number of characters of a line, if the text has to be shortened

EXCEPTION_LINE_PATTERN = re.compile(r"[\w.]*(Error|Exception|Exit): .")


def make_storable(error: str) -> str:
    """Return an error's text in the form that is stored and shown: not too long, and without lone surrogates.

    Parameters
    ----------
    error : str
        A traceback, or another message.

    Returns
    -------
    text : str
        At most `MAX_ERROR_LENGTH` characters, which can be encoded as UTF-8. If the text is longer, the ends of long
        lines are removed. If it is still too long, its middle is removed, except the line that names the exception.

    Examples
    --------
    >>> len(make_storable("ValueError: " + 5_000_000 * "x")) <= MAX_ERROR_LENGTH
    True
    >>> make_storable("column \\ud800")
    'column \\\\ud800'
    """
    return _cut_middle(make_encodable(_cut_middle(error)))  # escape sequences are longer than surrogates


def make_encodable(text: str) -> str:
    """Return a text that can be encoded as UTF-8, by replacing lone surrogates by their escape sequences.

    Lone surrogates represent bytes that Python could not decode, in file names and in the output of other programs.
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _cut_middle(text: str) -> str:
    """Remove the ends of long lines, and the middle of a long text."""
    if len(text) <= MAX_ERROR_LENGTH:
        return text
    text = "\n".join(_cut_line(line) for line in text.split("\n"))
    if len(text) <= MAX_ERROR_LENGTH:
        return text
    n_kept = (MAX_ERROR_LENGTH - MAX_LINE_LENGTH - 100) // 2
    head, tail = text[:n_kept], text[-n_kept:]
    line = extract_exception_line(text)
    named = "" if line in head or line in tail else f"{line}\n"
    return f"{head}\n[... {len(text) - 2 * n_kept} characters left out ...]\n{named}{tail}"


def _cut_line(line: str) -> str:
    n_more = len(line) - MAX_LINE_LENGTH + 50
    return line if len(line) <= MAX_LINE_LENGTH else f"{line[:-n_more]} [... {n_more} characters left out]"


def extract_exception_line(error: str) -> str:
    """Return the line of a traceback that names the exception, the innermost of several.

    Parameters
    ----------
    error : str
        A traceback. Of any other message, the last line is returned.

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


def find_nearest_name(word: str, known: Iterable[str]) -> str | None:
    """Find the known name that is most similar to a word; None if no name is similar.

    Parameters
    ----------
    word : str
        Capitals, spaces, hyphens and underscores do not matter. It may be the beginning of a name.
    known : iterable of str
        The known names. Of names that differ only in these characters, the first is returned.

    Examples
    --------
    >>> find_nearest_name("random forrest", ["random_forest", "ridge"]), find_nearest_name("svm", ["ridge"])
    ('random_forest', None)
    """
    names_by_key = {make_name_key(name): name for name in reversed(list(known))}
    key = make_name_key(word)
    longer = [other for other in names_by_key if len(key) >= MIN_PREFIX_LENGTH and other.startswith(key)]
    close = get_close_matches(key, names_by_key, n=1) or sorted(longer, key=len)
    return names_by_key[close[0]] if close else None


def suggest_name(word: str, known: Iterable[str], listed: Iterable[str] | None = None) -> str:
    """Return the end of a message about an unknown name: a similar name, or all known names.

    Parameters
    ----------
    word : str
    known : iterable of str
    listed : iterable of str or None, default=None
        The names to list if no name is similar; None means ``known``.

    Examples
    --------
    >>> suggest_name("n_trails", ["n_trials", "timeout"]), suggest_name("speed", ["n_trials", "timeout"])
    (': did you mean n_trials?', '; known are n_trials, timeout')
    """
    names = list(known)
    nearest = find_nearest_name(word, names)
    return f"; known are {', '.join(listed or names)}" if nearest is None else f": did you mean {nearest}?"


def make_name_key(name: str) -> str:
    """Return the letters and digits of a name in lower case, which are equal for all spellings of a name."""
    return re.sub("[^a-z0-9]", "", name.lower())

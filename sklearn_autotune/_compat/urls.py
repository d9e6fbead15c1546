"""URLs of databases and servers: conversion from and to paths, and removal of secrets."""

import os
import re
from urllib.parse import quote, unquote

__all__ = [
    "SecretUrl",
    "find_sqlite_file",
    "has_secret",
    "lacks_secret",
    "make_sqlite_url",
    "redact_text",
    "redact_url",
    "select_cause",
]

SQLITE = "sqlite:///"

HIDDEN = "***"

# The names that passwords and tokens have among the settings at the end of a URL.
SECRET_NAME = r"[\w.\-]*(?:pass|pwd|secret|token|api_?key|access_?key|credential|signature|odbc_connect)[\w.\-]*"
SECRET_SETTING = re.compile(rf"""(?i)([?&;]{SECRET_NAME}=)[^&;\s'"<#]+""")

# The user and the password of a URL, also if the colon before "//" is missing. In a web address, the user name alone
# may be a token. A scheme is short: without a limit, looking for one takes a time that grows with the square of a long
# text.
PASSWORD = re.compile(r"""(?i)\b([a-z][\w+.\-]{0,60}:?//[^:/?#@\s'"]*):([^@\s'"]+)@""")
WEB_USER = re.compile(r"""(?i)\b(https?://)[^/?#@\s'"]+@""")


class SecretUrl(str):
    """A URL whose ``repr`` does not contain its secrets; in all other respects it is a plain str with the whole URL."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return the URL without its secrets, in quotes."""
        return repr(redact_url(self))


def redact_text(text: str) -> str:
    """Return a text in which the secrets of all URLs are replaced by "***".

    Examples
    --------
    >>> redact_text("no answer from postgresql://me:pa55@host/db?sslpassword=x&sslmode=require, nor https://me:t0k@host")
    'no answer from postgresql://me:***@host/db?sslpassword=***&sslmode=require, nor https://***@host'
    """
    if "@" in text:
        text = WEB_USER.sub(rf"\1{HIDDEN}@", text)
        text = PASSWORD.sub(rf"\1:{HIDDEN}@", text)
    return SECRET_SETTING.sub(rf"\1{HIDDEN}", text)


def redact_url(url: str, *, hide_user: bool = False) -> str:
    """Return a URL without its password and without secrets among its settings; return other text unchanged.

    Parameters
    ----------
    url : str
    hide_user : bool
        Whether to hide the user name too.

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
        has_password = make_url(url).password is not None
    except (ArgumentError, ValueError):  # not a URL, or one whose port is not a number
        has_password = True
    # The whole password, with any characters in it: up to the last "@".
    redacted = re.sub(r"^([\w+.\-]+:?//[^:/@]*):.*@", rf"\1:{HIDDEN}@", url, flags=re.DOTALL) if has_password else url
    redacted = redact_text(redacted)
    return re.sub(r"//[^/@]*@", "//…@", redacted) if hide_user else redacted


def has_secret(url: str) -> bool:
    """Whether a URL contains a password or another secret."""
    return redact_url(url) != url


def lacks_secret(url: str) -> bool:
    """Whether `redact_url` has removed a secret from this URL."""
    return f":{HIDDEN}@" in url or f"//{HIDDEN}@" in url or f"={HIDDEN}" in url


def select_cause(error: BaseException) -> BaseException | None:
    """Return an error, to be used as the cause of another; None if its message or that of its causes has a secret.

    Examples
    --------
    >>> select_cause(ValueError("postgresql://me:secret@host/db")) is None
    True
    """
    found: BaseException | None = error
    while found is not None:
        if redact_text(str(found)) != str(found):
            return None
        found = found.__cause__ or found.__context__
    return error


def make_sqlite_url(path: str | os.PathLike[str]) -> str:
    """Return a URL of an SQLite file from which SQLAlchemy and Optuna read this path, with any characters in it.

    This is not trivial: SQLAlchemy 2.1 decodes percent signs in a path, 2.0 does not, both end the path at a question
    mark, and Optuna replaces text in braces.

    Examples
    --------
    >>> make_sqlite_url("studies/trials of may.db")
    'sqlite:///studies/trials of may.db'
    """
    from sqlalchemy.engine import make_url

    text = os.fspath(path)
    if text.startswith("file:"):  # SQLite would treat it as a URL
        text = os.path.join(os.curdir, text)
    for url in (f"{SQLITE}{text}", f"{SQLITE}{quote(text)}"):
        parsed = make_url(url)
        if parsed.database == text and not parsed.query and "{" not in url:
            return url
    return f"{SQLITE}file:{quote(text)}?uri=true"


def find_sqlite_file(url: str) -> str | None:
    """Return the path of the file in an SQLite URL; None if the database is in memory.

    Examples
    --------
    >>> find_sqlite_file("sqlite:///trials.db"), find_sqlite_file("sqlite:///file:trials.db?mode=ro&uri=true")
    ('trials.db', 'trials.db')
    >>> find_sqlite_file("sqlite://") is None
    True
    """
    from sqlalchemy.engine import make_url

    parsed = make_url(url)
    path = parsed.database
    if path and path.startswith("file:"):
        path = unquote(path.removeprefix("file:").partition("?")[0])
        path = f"/{path.lstrip('/')}" if path.startswith("//") else path
    in_memory = not path or path == ":memory:" or parsed.query.get("mode") == "memory"
    return None if in_memory else path

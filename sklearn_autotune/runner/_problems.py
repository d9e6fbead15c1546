"""What is wrong with a configuration or a path, in words, and what to write in its place.

Of a configuration: the line, the key and what came. Of a path that cannot be read or written: the nearest one that is
there, or the reason.
"""

import re
import tempfile
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sklearn_autotune._compat.messages import find_nearest_name, suggest_name

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = ["describe_problem", "explain_missing", "explain_not_writable"]

MAX_NAMES = 1000  # of a folder, that are compared with the missing one

MAX_LENGTH = 200  # of a value in a message

# What a value has to be, by the type of pydantic's error.
LIMITS = {
    "bool_type": "true or false",
    "dict_type": "a section with keys of its own",
    "float_type": "a number",
    "greater_than": "more than {}",
    "greater_than_equal": "at least {}",
    "int_type": "a whole number",
    "less_than": "less than {}",
    "less_than_equal": "at most {}",
    "list_type": "a list",
    "literal_error": "{}",
    "model_type": "a section with keys of its own",
    "string_type": "text",
}

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
DURATION_PATTERN = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)[a-z]*\.?", re.IGNORECASE)
NUMBER_PATTERN = re.compile(r"[-+]?\d+(\.\d+)?")
YES_AND_NO = {"yes": "true", "on": "true", "1": "true", "y": "true", "no": "false", "off": "false", "0": "false"}


def describe_problem(
    path: Path,
    loaded: Mapping[str, Any],
    lines: Mapping[tuple[Any, ...], int],
    error: "ErrorDetails",
    list_keys: Callable[[tuple[Any, ...]], Mapping[str, str]],
) -> str:
    """Return a message that says what is wrong, on which line, and what could be meant.

    Parameters
    ----------
    path : Path
        The file, for the message.
    loaded : mapping
        The content of the file.
    lines : mapping of tuple to int
        From keys to lines.
    error : dict
        One error of pydantic.
    list_keys : callable
        From the keys that lead to a section to the names of its keys, each with its description.

    Returns
    -------
    message : str
    """
    key_path = _find_key_path(error["loc"], loaded, is_missing=error["type"] == "missing")
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        message = f"unknown key{suggest_name(str(key_path[-1]), list_keys(key_path[:-1]))}"
    elif error["type"] == "missing":
        description = list_keys(key_path[:-1]).get(str(key_path[-1]))
        message = "this key is needed" + (f": {description[0].lower()}{description[1:]}" if description else "")
    elif error["type"] == "too_short":
        context = error["ctx"]
        message = f"needs {context['min_length']} or more values, and has {context['actual_length']}"
    elif key_path:
        value = _get_value(loaded, key_path)
        hint = _suggest_value(error, key_path, value, list_keys)
        message = f"{_describe_limit(error, message)}, got {_shorten(repr(value))}{hint}"
    named = key_path
    if not key_path:  # a check of several keys names the first in its message
        named = tuple(message.partition(":")[0].split("."))
    line = f", line {lines[named]}" if named in lines else ""
    where = ".".join(str(part) for part in key_path)
    return f"{path}{line}: {where}: {message}" if where else f"{path}{line}: {message}"


def _describe_limit(error: "ErrorDetails", message: str) -> str:
    """Return what a value has to be; pydantic's own words if there are no plainer ones here."""
    if error["type"] not in LIMITS:
        return f"{message[0].lower()}{message[1:]}"
    context = error.get("ctx", {})
    limit = next((context[name] for name in ("ge", "gt", "le", "lt", "expected") if name in context), "")
    text = f"{limit:g}" if isinstance(limit, float) else str(limit).replace("'", "")
    return f"has to be {LIMITS[error['type']].format(text)}"


def _suggest_value(
    error: "ErrorDetails",
    key_path: tuple[Any, ...],
    value: Any,
    list_keys: Callable[[tuple[Any, ...]], Mapping[str, str]],
) -> str:
    """Return what to write in place of a value, as the end of a message, or an empty text."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "literal_error":
        nearest = find_nearest_name(str(value), re.findall("'([^']*)'", context["expected"]))
        return "" if nearest is None else f": did you mean {nearest}?"
    if kind in ("int_type", "float_type") and isinstance(value, str):
        return _suggest_number(str(key_path[-1]), value)
    if kind == "bool_type":
        meant = YES_AND_NO.get(str(value).lower())
        return "" if meant is None else f"; write {meant}"
    if kind == "string_type" and isinstance(value, int | float):
        return f'; write it in quotes: "{value}"'
    if kind == "list_type" and isinstance(value, str | int | float):
        return f"; write it in brackets: [{value}]"
    if kind in ("model_type", "dict_type"):
        keys = list_keys(key_path)
        return f"; its keys stand below it, indented: {', '.join(keys)}" if keys else ""
    if kind == "less_than" and context["lt"] == 1 and isinstance(value, int | float) and 1 < value < 100:
        return f"; for {value:g} % write {value / 100:g}"
    return ""


def _suggest_number(key: str, value: str) -> str:
    if NUMBER_PATTERN.fullmatch(value):
        return "; write it without quotes"
    duration = DURATION_PATTERN.fullmatch(value)
    if key in ("timeout", "trial_timeout") and duration:
        return f"; write seconds: {float(duration[1]) * SECONDS[duration[2].lower()]:g}"
    return "; write -1 for all processors" if key == "n_jobs" else ""


def _find_key_path(loc: tuple[Any, ...], loaded: object, *, is_missing: bool) -> tuple[Any, ...]:
    """Return the keys that lead to an error, without the names of the alternatives that pydantic tried."""
    key_path: list[Any] = []
    here = loaded
    for number, part in enumerate(loc):
        is_absent = is_missing and number == len(loc) - 1
        if isinstance(here, Mapping) and (part in here or is_absent):
            key_path.append(part)
            here = here.get(part)
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            key_path.append(part)
            here = here[part]
    return tuple(key_path)


def _get_value(loaded: Any, key_path: tuple[Any, ...]) -> Any:
    for part in key_path:
        loaded = loaded[part]
    return loaded


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_LENGTH else f"{text[:MAX_LENGTH]}…"


# -- paths ------------------------------------------------------------------------------------------------------------


def explain_missing(path: Path, is_wanted: Callable[[Path], bool]) -> str:
    """Explain that a path leads to nothing: the folder that is missing, or the nearest name beside it.

    Parameters
    ----------
    path : Path
    is_wanted : callable
        Whether a path beside it may be meant.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "data.csv").write_text("")
    ...     explain_missing(Path(folder, "dat.csv"), Path.is_file)
    ': did you mean data.csv?'
    """
    folder = path.parent
    if not folder.is_dir():
        return f": there is no folder {folder}"
    beside = islice(sorted(folder.iterdir()), MAX_NAMES)
    nearest = find_nearest_name(path.name, [other.name for other in beside if is_wanted(other)])
    return "" if nearest is None else f": did you mean {nearest}?"


def explain_not_writable(path: Path) -> str | None:
    """Explain why nothing can be written at a path, or return None if it can.

    Folders that are missing on the way are made when the path is written, so the last one that is there is tried.
    """
    folder = path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        return f"{folder} is no folder"
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=f".{path.name}-"):
            return None
    except OSError as error:
        return f"in {folder} nothing can be written: {error.strerror or error}"

"""Read a configuration's YAML, and say in words what is wrong with it or with a path, and what to write in its place.

Of a configuration: the line, the key and what came. Of a path that cannot be read or written: the nearest one that is
there, or the reason. The YAML holds plain values only, within limits. It may come from anybody, so nothing of it is
expanded or converted before it is known to be small.
"""

import math
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from sklearn_autotune._compat.messages import find_nearest_name, suggest_name

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = [
    "Document",
    "YAMLFileError",
    "describe_problem",
    "explain_missing",
    "explain_not_writable",
    "join_alternatives",
    "parse_yaml",
    "read_text",
    "shorten",
]

# Far more than a configuration needs, and read within a second or two.
MAX_BYTES = 100_000
MAX_NODES = 10_000  # counting what aliases stand for
MAX_DEPTH = 20
MAX_DIGITS = 18  # of a whole number

# What PyYAML says of the usual mistakes, and what to do about them.
ADVICE = {
    "'\\t'": "indent with spaces, not with tabs",
    "mapping values are not allowed": "the line before may lack its ':', or a value with ': ' in it needs quotes",
    "could not find expected ':'": "a line before may lack its ':'",
    "expected <block end>": "keys of one section begin in the same column",
    "expected ',' or ']'": "a bracket was opened and not closed",
    "expected ',' or '}'": "a brace was opened and not closed",
    "found unexpected end of stream": "a quote was opened and not closed",
}


class YAMLFileError(ValueError):
    """A text that is not read as YAML.

    Parameters
    ----------
    problem : str
    mark : yaml.Mark or None
        Where it is.
    """

    def __init__(self, problem: str, mark: Any = None) -> None:
        super().__init__(problem)
        self.line: int | None = None if mark is None else mark.line + 1


@dataclass(frozen=True)
class Document:
    """What a YAML text says, and where.

    Attributes
    ----------
    content : object
    lines : dict of tuple to int
        From the keys and indices that lead to a value to its line, counted from 1.
    """

    content: Any
    lines: dict[tuple[Any, ...], int]


def read_text(path: Path) -> str:
    """Return the text of a file.

    Raises
    ------
    YAMLFileError
        If it cannot be read, is no text, or is too large.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise YAMLFileError(f"larger than {MAX_BYTES // 1000} kB, which no configuration is")
        return data.decode("utf-8")
    except OSError as error:
        raise YAMLFileError(f"cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise YAMLFileError(f"cannot be read: {error}") from None


def parse_yaml(text: str) -> Document:
    """Parse a text.

    Raises
    ------
    YAMLFileError
        If it is no YAML, or exceeds a limit.
    """
    try:
        _check_events(text)
        node = yaml.compose(text, Loader=_Loader)
        if node is None:
            return Document(None, {})
        _count_nodes(node, {})
        return Document(yaml.load(text, Loader=_Loader), _find_lines(node))
    except yaml.MarkedYAMLError as error:
        raise YAMLFileError(_explain_problem(str(error.problem)), error.problem_mark) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position)
        raise YAMLFileError(f"the character {chr(error.character)!r} is not allowed", _Line(line)) from None


def _explain_problem(problem: str) -> str:
    """Return PyYAML's words for a mistake, with what to do about the usual ones."""
    return problem + next((f"; {advice}" for words, advice in ADVICE.items() if words in problem), "")


@dataclass(frozen=True)
class _Line:
    """A place of which only the line is known, counted from 0."""

    line: int


def _check_events(text: str) -> None:
    """Refuse what is deep, large or tagged; parsing alone takes time and memory in proportion to the text."""
    depth = n_nodes = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if isinstance(event, yaml.NodeEvent):
            n_nodes += 1
        if depth > MAX_DEPTH:
            raise YAMLFileError(f"nested more than {MAX_DEPTH} deep", event.start_mark)
        if n_nodes > MAX_NODES:
            raise YAMLFileError(f"more than {MAX_NODES} values", event.start_mark)
        if getattr(event, "tag", None) is not None:
            raise YAMLFileError("a tag, which begins with '!', is not read; write the value alone", event.start_mark)
        if isinstance(event, yaml.ScalarEvent) and event.implicit[0]:
            _check_number(event)


def _check_number(event: yaml.ScalarEvent) -> None:
    """Refuse numbers that are not finite or have too many digits."""
    text = event.value.replace("_", "")
    if INT_PATTERN.match(event.value) and len(text.lstrip("+-0")) > MAX_DIGITS:
        raise YAMLFileError(f"a whole number of more than {MAX_DIGITS} digits", event.start_mark)
    if FLOAT_PATTERN.match(event.value):
        number = float(text.replace(".inf", "inf").replace(".nan", "nan"))
        if not math.isfinite(number):
            raise YAMLFileError(f"{event.value[:20]} is no finite number", event.start_mark)


def _count_nodes(node: yaml.Node, counts: dict[int, int]) -> int:
    """Count the values below a node, those that aliases stand for as often as they occur.

    Aliases of aliases multiply: ten lines can stand for billions of values.
    """
    if id(node) in counts:
        if counts[id(node)] == 0:
            raise YAMLFileError("an alias stands for what it is in", node.start_mark)
        return counts[id(node)]
    counts[id(node)] = 0
    children: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        children = [child for pair in node.value for child in pair]
    elif isinstance(node, yaml.SequenceNode):
        children = node.value
    total = 1 + sum(_count_nodes(child, counts) for child in children)
    if total > MAX_NODES:
        raise YAMLFileError(f"more than {MAX_NODES} values, counting what aliases stand for", node.start_mark)
    counts[id(node)] = total
    return total


class _Loader(yaml.SafeLoader):
    """Reads numbers and booleans by YAML 1.2, and refuses duplicate keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
        seen: dict[Any, int] = {}
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if isinstance(key, list | dict):
                raise yaml.MarkedYAMLError(problem="a key has to be a word", problem_mark=key_node.start_mark)
            if key in seen:
                problem = f"the key {key!r} is there twice, on lines {seen[key]} and {line}"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key_node.start_mark)
            seen[key] = line
        return super().construct_mapping(node, deep=deep)

    def construct_int(self, node: yaml.ScalarNode) -> int:
        return int(node.value.replace("_", ""))


INT_PATTERN = re.compile(r"^[-+]?[0-9][0-9_]*$")
FLOAT_PATTERN = re.compile(
    r"^[-+]?(?:(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+|\.(?:inf|nan))$"
)

# PyYAML goes by version 1.1, in which 1e-3 is a string, no is false, 12:30 is 750, 010 is 8 and 2026-01-01 is a date.
_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), "tTfF"),
    ("null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    ("int", INT_PATTERN, "-+0123456789"),
    ("float", FLOAT_PATTERN, "-+.0123456789"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _pattern, list(_first))
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_int)


def _find_lines(node: yaml.Node, path: tuple[Any, ...] = ()) -> dict[tuple[Any, ...], int]:
    """Return the line on which each key and each item stands, counted from 1."""
    lines: dict[tuple[Any, ...], int] = {}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*path, key.value)
            lines[inner] = key.start_mark.line + 1
            lines |= _find_lines(value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines[(*path, index)] = value.start_mark.line + 1
            lines |= _find_lines(value, (*path, index))
    return lines


# -- what is wrong with a configuration --------------------------------------------------------------------------------

MAX_NAMES = 1000  # of a folder, that are compared with the missing one

MAX_LENGTH = 200  # of a value in a message

MAX_KEYS = 20  # listed in a message

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
        keys = list(list_keys(key_path[:-1]))
        listed = keys if len(keys) <= MAX_KEYS else [*keys[:MAX_KEYS], "and others, which the command schema prints"]
        message = f"unknown key{suggest_name(str(key_path[-1]), keys, listed)}"
    elif error["type"] == "missing":
        description = list_keys(key_path[:-1]).get(str(key_path[-1]))
        message = "this key is needed" + (f": {description[0].lower()}{description[1:]}" if description else "")
    elif error["type"] == "too_short":
        context = error["ctx"]
        message = f"needs {context['min_length']} or more values, and has {context['actual_length']}"
    elif key_path:
        value = _get_value(loaded, key_path)
        hint = _suggest_value(error, key_path, value, list_keys)
        message = f"{_describe_limit(error, message)}, got {shorten(repr(value))}{hint}"
    named = key_path
    if not key_path:  # a check of several keys names the first in its message
        named = tuple(message.partition(":")[0].split("."))
    while named and named not in lines:
        named = named[:-1]
    line = f", line {lines[named]}" if named else ""
    where = ".".join(str(part) for part in key_path)
    return f"{path}{line}: {where}: {message}" if where else f"{path}{line}: {message}"


def join_alternatives(problems: Iterable[str]) -> list[str]:
    """Return problems without repetitions; what one value could be is in one message.

    Examples
    --------
    >>> join_alternatives(["a: has to be a number, got 'x'", "a: has to be raise, got 'x'", "b: unknown key"])
    ["a: has to be a number or raise, got 'x'", 'b: unknown key']
    """
    found: dict[str, list[str]] = {}
    for problem in problems:
        where, has_limit, limit = problem.partition(": has to be ")
        found.setdefault(where if has_limit else problem, []).append(limit)
    joined = []
    for where, limits in found.items():
        words = dict.fromkeys(limit.partition(", got ")[0] for limit in limits)
        got = limits[0].partition(", got ")[2]
        joined.append(f"{where}: has to be {' or '.join(words)}, got {got}" if limits[0] else where)
    return joined


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


def shorten(text: str) -> str:
    """Return the beginning of a text for a message."""
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

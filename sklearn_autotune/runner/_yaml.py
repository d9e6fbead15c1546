"""Read a configuration's YAML: plain values only, within limits, and every mistake with its line.

The text may come from anybody, so nothing of it is expanded or converted before it is known to be small.
"""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

__all__ = ["Document", "YAMLFileError", "parse_yaml", "read_text"]

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

"""Values of a user's own module, which an exported script has to import or write."""

from dataclasses import dataclass
from enum import Enum, Flag, IntEnum, StrEnum
from typing import Any, NamedTuple


class Label(str, Enum):  # noqa: UP042  # its repr is another than that of a StrEnum
    GOOD = "good"
    BAD = "bad"


class Color(StrEnum):
    RED = "red"


class Level(IntEnum):
    LOW = 1


class Access(Flag):
    READ = 1
    WRITE = 2


class Named(str):
    """A string that its owner has given a type."""


class Pair(NamedTuple):
    first: int
    second: str


@dataclass
class Apply:
    """A function that keeps a model."""

    model: Any

    def __call__(self, X):
        return self.model.predict(X).reshape(-1, 1)


def apply_model(X, model):
    return model.predict(X).reshape(-1, 1)

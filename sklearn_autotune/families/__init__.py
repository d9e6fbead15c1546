"""The catalogue: for each family of models the space in which it is worth searching."""

from sklearn_autotune.families._base import Family, auto_space

__all__ = ["Family", "auto_space"]

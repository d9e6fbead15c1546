"""The rules by which a candidate is stopped before it is measured in full, one file for each.

To add a rule, write a file with a class, and add a line to `RULES`.
"""

from typing import Protocol

from sklearn_autotune._compat.roll import import_roll
from sklearn_autotune.pruning._base import PruningRequest, PruningRule, PruningTracker, Tolerance
from sklearn_autotune.pruning._fold_racing import FoldRacing, FoldRacingRule, FoldRacingTracker
from sklearn_autotune.pruning._halving import HalvingRule
from sklearn_autotune.pruning._no_pruning import NoPruningRule, NoPruningTracker
from sklearn_autotune.pruning._optuna_pruner import OptunaPrunerRule

__all__ = [
    "RULES",
    "FoldRacing",
    "FoldRacingRule",
    "FoldRacingTracker",
    "HalvingRule",
    "NoPruningRule",
    "NoPruningTracker",
    "OptunaPrunerRule",
    "PruningRequest",
    "PruningRule",
    "PruningTracker",
    "Tolerance",
    "choose_rule",
]


class _SelectableRule(Protocol):
    """A class of pruning rules that can be asked for a rule."""

    def accept(self, request: PruningRequest) -> PruningRule | None:
        """Return the rule for a request, or None if this class does not accept the request."""
        ...


# One line for each rule, in the order in which they are asked; the last one accepts every request.
RULES: tuple[_SelectableRule, ...] = import_roll(
    __name__,
    "_front_racing.FrontRacingRule",
    "_halving.HalvingRule",
    "_fold_racing.FoldRacingRule",
    "_optuna_pruner.OptunaPrunerRule",
    "_no_pruning.NoPruningRule",
)


def choose_rule(request: PruningRequest) -> PruningRule:
    """Return the rule of the first class in `RULES` that accepts a request.

    Raises
    ------
    ValueError
        If a parameter of the pruner is invalid, or if the pruner cannot be used with the search's resource.
    """
    for rule_class in RULES:
        rule = rule_class.accept(request)
        if rule is not None:
            return rule
    raise ValueError(f"No pruning rule accepts pruner={request.pruner!r}.")

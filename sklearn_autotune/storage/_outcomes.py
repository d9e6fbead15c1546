"""Finished trials: how each candidate ended, and how that is written into its trial and read again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from optuna.trial import FixedTrial, FrozenTrial

from sklearn_autotune.evaluation import FoldScore, Outcome, Rung
from sklearn_autotune.space._space import Space

__all__ = ["MEASURED", "OUTCOME", "Record", "is_told", "number_of", "pack", "read_record"]

OUTCOME = "sklearn_autotune:outcome"
STORED = ("test", "train", "fit_seconds", "score_seconds", "error")  # of each fold

MEASURED = ("complete", "failed", "pruned")

# How a trial ends that says nothing of its candidate: it was under way when the search ended. A resumed search measures
# the candidate again, as one that was never interrupted would have.
UNDER_WAY = ("timeout", "cancelled")


@dataclass(frozen=True, slots=True)
class Record:
    """One finished trial.

    Attributes
    ----------
    number : int
        The trial's number in the search.
    params : dict
        The candidate, as it was asked.
    outcome : Outcome
    """

    number: int
    params: Mapping[str, Any]
    outcome: Outcome

    @property
    def full_params(self) -> dict[str, Any]:
        """The candidate with what measuring it has settled: parameters that give these scores again."""
        return {**self.params, **self.outcome.settled}

    @property
    def is_measured(self) -> bool:
        """Whether the candidate has a row in ``cv_results_``."""
        return self.outcome.status in MEASURED

    @property
    def seconds(self) -> float:
        """Seconds spent on it: fitting and scoring, or, of one that was lost, in its worker."""
        of_folds = sum(fold.fit_seconds + fold.score_seconds for fold in self.outcome.folds)
        return of_folds if self.outcome.seconds is None else self.outcome.seconds


def is_told(outcome: Outcome) -> bool:
    """Whether an outcome is one that a resumed search need not find out again."""
    return outcome.status not in UNDER_WAY


def pack(outcome: Outcome, number: int) -> dict[str, Any]:
    """Turn an outcome into one small attribute of the trial, column by column: Optuna copies it often."""
    folds = {name: [getattr(fold, name) for fold in outcome.folds] for name in STORED}
    packed: dict[str, Any] = {"number": number, "status": outcome.status, "error": outcome.error, "folds": folds}
    if outcome.curve:
        packed["curve"] = [(rung.resource, rung.test) for rung in outcome.curve]
    if outcome.settled:
        packed["settled"] = dict(outcome.settled)
    if outcome.seconds is not None:
        packed["seconds"] = outcome.seconds
    if outcome.exit is not None:
        packed["exit"] = outcome.exit
    return packed


def read_record(trial: FrozenTrial, space: Space) -> Record:
    """Read how a stored trial ended."""
    outcome = _unpack(trial.user_attrs[OUTCOME])
    return Record(trial.number, space.suggest(FixedTrial(trial.params)), outcome)


def number_of(trial: FrozenTrial) -> int:
    """Return the number that a stored trial had in its search, which may not be the one it has in the storage."""
    return trial.user_attrs[OUTCOME].get("number", trial.number)


def _unpack(stored: Mapping[str, Any]) -> Outcome:
    columns = (stored["folds"][name] for name in STORED)
    folds = tuple(FoldScore(**dict(zip(STORED, row, strict=True))) for row in zip(*columns, strict=True))
    curve = tuple(Rung(resource, tuple(test)) for resource, test in stored.get("curve", ()))
    return Outcome(
        status=stored["status"],
        folds=folds,
        error=stored["error"],
        curve=curve,
        settled=stored.get("settled", {}),
        seconds=stored.get("seconds"),
        exit=stored.get("exit"),
    )

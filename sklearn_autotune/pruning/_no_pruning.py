"""No pruning: every candidate is measured in full."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sklearn_autotune.evaluation import NoPruningState, Outcome, PrunerState
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.pruning._base import PruningRequest

if TYPE_CHECKING:
    import optuna

__all__ = ["NoPruningRule", "NoPruningTracker"]


@dataclass(frozen=True, slots=True)
class NoPruningRule:
    """Measures every candidate in full."""

    @classmethod
    def accept(cls, request: PruningRequest) -> "NoPruningRule":
        """Return the rule for every request; `choose_rule` asks this class last."""
        return cls()

    def start(self, study: "optuna.Study", metric: str | None) -> "NoPruningTracker":
        """Return a tracker that stops no candidate."""
        return NoPruningTracker()


class NoPruningTracker:
    """Makes states that let every candidate go on."""

    reports_values = False
    decides_late = False

    def add_outcome(self, outcome: Outcome) -> None:
        """Do nothing."""

    def choose_subsamples(self) -> tuple[int, ...]:
        """Return no subsamples: candidates are measured on whole folds."""
        return ()

    def make_pruner_state(self, trial: "optuna.Trial") -> PrunerState:
        """Return a state that lets every candidate go on."""
        return NoPruningState()

    def replay(
        self,
        trial: "optuna.Trial",
        stored: "optuna.trial.FrozenTrial",
        outcome: Outcome,
        state: PrunerState,
        *,
        is_anew: bool,
    ) -> Outcome | None:
        """Return the outcome, or None if the candidate was not measured in full."""
        return None if outcome.status == Status.PRUNED else outcome

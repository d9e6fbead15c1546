"""Chooses what a search measures before its sampler is asked, from ``enqueue`` and ``warm_start_from``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from sklearn_autotune._compat.types import Estimator
from sklearn_autotune.evaluation import Task
from sklearn_autotune.proposals._earlier_searches import read_earlier_searches
from sklearn_autotune.proposals._first_candidates import make_first_candidates
from sklearn_autotune.proposals._warm_start import PortfolioProposer, make_portfolio
from sklearn_autotune.space._space import Space, is_measured_in_full

__all__ = ["PORTFOLIO_ATTRIBUTE", "ProposalPlan", "count_columns", "plan_proposals"]

MAX_KNOWN = 5  # of the estimator's own parameters and known settings; they do not depend on the number of trials
TRIALS_PER_PORTFOLIO_CANDIDATE = 4

# Of a stored study: what its portfolio was, so that a resumed search proposes the same although the earlier searches
# may have changed since.
PORTFOLIO_ATTRIBUTE = "sklearn_autotune:portfolio"

Candidate = Mapping[str, Any]


@dataclass(frozen=True)
class ProposalPlan:
    """The candidates that are measured before the sampler is asked.

    Attributes
    ----------
    first : sequence of mapping
        Measured first, in any case.
    portfolio : sequence of mapping
        Of earlier searches, as long as they are good enough.
    known : sequence of mapping
        Settings that are good on many tables: in turn with a portfolio, or alone.
    metric : str or None
        Which of several scores decides.
    space : Space
    n_trials : int
    """

    first: Sequence[Candidate]
    portfolio: Sequence[Candidate]
    known: Sequence[Candidate]
    metric: str | None
    space: Space
    n_trials: int

    @property
    def attributes(self) -> dict[str, Any]:
        """What is stored with a new study."""
        return {PORTFOLIO_ATTRIBUTE: list(map(self.space.encode, self.portfolio))} if self.portfolio else {}

    def make_proposer(self) -> PortfolioProposer | None:
        """Make what proposes the portfolio or the known settings; None if there are none."""
        return self._make_proposer(self.portfolio)

    def restore_proposer(self, attributes: Mapping[str, Any]) -> PortfolioProposer | None:
        """Make what proposes the portfolio of a stored study; None if the study had none."""
        stored = list(map(self.space.decode, attributes.get(PORTFOLIO_ATTRIBUTE, ())))
        return self._make_proposer(stored) if stored else None

    def _make_proposer(self, portfolio: Sequence[Candidate]) -> PortfolioProposer | None:
        used = portfolio[: self.n_trials // TRIALS_PER_PORTFOLIO_CANDIDATE]
        return PortfolioProposer(used, self.known, self.metric) if used or self.known else None


def plan_proposals(
    enqueue: Sequence[Candidate] | Literal["auto"] | None,
    warm_start_from: object,
    sampler: object,
    estimator: Estimator,
    task: Task,
    space: Space,
    n_trials: int,
) -> ProposalPlan:
    """Choose the candidates that are measured before the sampler is asked.

    With ``enqueue="auto"`` there are no known settings if the user chooses the candidates, by a sampler or by a grid
    that is measured in full. With ``warm_start_from`` the known settings are only the known.

    Parameters
    ----------
    enqueue, warm_start_from, sampler, estimator
        As of `OptunaSearchCV`.
    task : Task
    space : Space
    n_trials : int

    Raises
    ------
    TypeError, ValueError, StudyStorageError
        If the earlier searches cannot be read.
    """
    size = {"n_rows": min(len(fold.train) for fold in task.folds), "n_columns": count_columns(task.X)}
    is_full_grid = is_measured_in_full(space, n_trials)
    known: Sequence[Candidate] = ()
    if isinstance(enqueue, str) and sampler is None and not is_full_grid:
        known = make_first_candidates(estimator, space, max_candidates=MAX_KNOWN, **size)
    first = known[:1] if enqueue is None or isinstance(enqueue, str) else enqueue
    portfolio: Sequence[Candidate] = ()
    if warm_start_from is not None:
        portfolio = make_portfolio(read_earlier_searches(warm_start_from), estimator, space, **size)
    if is_full_grid:  # only the order of the points can be chosen
        return ProposalPlan([*first, *portfolio], (), (), task.metric, space, n_trials)
    return ProposalPlan(first, portfolio, known[1:], task.metric, space, n_trials)


def count_columns(X: object) -> int:
    """Return the number of columns of a table, and 1 of anything else, such as a list of texts."""
    shape: tuple[int, ...] = np.shape(X) if isinstance(X, list) else getattr(X, "shape", ())
    return shape[1] if len(shape) > 1 else 1

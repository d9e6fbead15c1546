"""Proposes the best candidates of earlier searches before the sampler is asked."""

import numbers
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sklearn_autotune._compat.types import Estimator
from sklearn_autotune.evaluation import average_folds
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.families._known_settings import read_own_values
from sklearn_autotune.proposals._earlier_searches import EarlierSearch
from sklearn_autotune.proposals._portfolio import Source, choose_portfolio
from sklearn_autotune.space._dimensions import make_value_key
from sklearn_autotune.space._projection import EarlierValues, match_name
from sklearn_autotune.space._space import Space
from sklearn_autotune.storage._outcomes import TrialRecord

__all__ = ["PortfolioProposer", "make_portfolio"]

MAX_PORTFOLIO = 10

# If so many candidates of the portfolio are no better than the best one before them, the others are not measured.
N_CHANCES = 3

# Trials of an earlier search that are read at most: its best ones, and others at equal distances.
MAX_BEST, MAX_OTHERS = 100, 200

Candidate = Mapping[str, Any]


def make_portfolio(
    searches: Sequence[EarlierSearch],
    estimator: Estimator,
    space: Space,
    *,
    n_rows: int,
    n_columns: int,
) -> list[Candidate]:
    """Choose a few of the best candidates of earlier searches that lie in the space.

    Parameters
    ----------
    searches : sequence of EarlierSearch
    estimator : estimator
        Parameters that an earlier search does not have, and the space has, get this estimator's values.
    space : Space
    n_rows, n_columns : int
        Of the training rows of a fold.

    Returns
    -------
    candidates : list of mapping
        The most useful one first.

    Warns
    -----
    UserWarning
        If an earlier search has no candidate in the space.
    """
    own = read_own_values(estimator, n_rows=n_rows, n_columns=n_columns)
    sources = []
    for search in searches:
        source, problem = _translate(search, space, own)
        if source is None:
            best = dict(search.candidates[int(np.nanargmax(search.scores))].params)
            warnings.warn(
                f"warm_start_from: no candidate of {search.name} is used, because none of its {len(search.scores)} "
                f"lies in the space. The best one is {best!r}: {problem}.",
                stacklevel=2,
            )
        else:
            sources.append(source)
    return choose_portfolio(sources, space, MAX_PORTFOLIO)


def _translate(search: EarlierSearch, space: Space, own: Mapping[str, Sequence[Any]]) -> tuple[Source | None, str]:
    """Return the candidates of an earlier search that lie in the space; None and the reason if there is none."""
    order = np.argsort(-search.scores, kind="stable")  # nan comes last
    others = order[MAX_BEST:]
    candidates: list[Candidate] = []
    scores: list[float] = []
    first_problem = ""
    for place in [*order[:MAX_BEST], *others[:: max(1, -(-len(others) // MAX_OTHERS))]]:
        values = search.candidates[place]
        try:
            candidate = space.project(own, values)
            _require_own_choices(values, candidate, own)
        except ValueError as error:
            first_problem = first_problem or str(error)
            continue
        candidates.append(candidate)
        scores.append(float(search.scores[place]))
    if not np.isfinite(scores).any():
        return None, first_problem
    return Source(candidates, np.array(scores)), ""


def _require_own_choices(values: EarlierValues, candidate: Candidate, own: Mapping[str, Sequence[Any]]) -> None:
    """Raise ValueError if the earlier candidate has a choice, such as a kernel, that is fixed otherwise here."""
    used = {values.find(name) for name in candidate}
    for name, value in values.params.items():
        if name in used or isinstance(value, numbers.Real):
            continue
        own_name = match_name(name, tuple(own))
        if own_name is None or (name in values.distributions and not isinstance(own[own_name][0], str | None)):
            continue
        if make_value_key(own[own_name][0]) != make_value_key(value):
            raise ValueError(f"{name} is {value!r}, and here it is {own[own_name][0]!r}")


class PortfolioProposer:
    """Proposes the candidates of a portfolio in turn with known settings, as long as the portfolio is worth it.

    Its first three candidates get a chance. If none of them is better than the candidates before the first one, such as
    the estimator's own parameters, the earlier searches do not suit this one, and only known settings go on.

    Parameters
    ----------
    portfolio : sequence of mapping
    known : sequence of mapping
        Settings that are good on many tables.
    metric : str or None
        Which of several scores decides.
    """

    def __init__(
        self, portfolio: Sequence[Candidate], known: Sequence[Candidate] = (), metric: str | None = None
    ) -> None:
        self.portfolio = list(portfolio)
        self.known = list(known)
        self.metric = metric
        self.indices: list[int] = []  # of the candidates that the portfolio has proposed
        self.n_known = 0  # how many known settings have been proposed

    @property
    def is_given_up(self) -> bool:
        """Whether the portfolio proposes nothing more: it is empty, used up, or does not suit the search."""
        return not self.portfolio

    def __call__(self, records: Sequence[TrialRecord], index: int) -> Candidate | None:
        """Return the next candidate; None if there is none."""
        if self.portfolio and self._is_misled(records):
            self.portfolio.clear()
        if self.portfolio and (len(self.indices) <= self.n_known or not self.known):
            self.indices.append(index)
            return self.portfolio.pop(0)
        if self.known:
            self.n_known += 1
            return self.known.pop(0)
        return None

    def _is_misled(self, records: Sequence[TrialRecord]) -> bool:
        """Whether the first candidates of the portfolio have all been worse than those before them."""
        if len(self.indices) < N_CHANCES:
            return False
        scores = [self._get_score(record) for record in records if record.is_measured]
        before = scores[: self.indices[0]]
        proposed = [scores[index] for index in self.indices if index < len(scores)]
        return bool(before) and len(proposed) >= N_CHANCES and max(proposed) < max(before)

    def _get_score(self, record: TrialRecord) -> float:
        """Return the mean score; minus infinity if the candidate failed or was stopped."""
        outcome = record.outcome
        return average_folds(outcome.folds, self.metric) if outcome.status == Status.COMPLETE else -np.inf

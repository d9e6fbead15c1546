"""A few candidates that were good in earlier searches, so chosen that one of them is good in each.

The measure is the rank of a candidate among all candidates of all sources. A source has measured only its own, so a
forest that is trained on them predicts the scores of the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import BaseTrial, FixedTrial
from scipy.stats import rankdata
from sklearn.ensemble import ExtraTreesRegressor

from sklearn_autotune._compat.optuna import create_random_study
from sklearn_autotune.space._space import Space, make_candidate_key

__all__ = ["Source", "choose_portfolio"]

N_TREES = 50
MAX_PER_SOURCE = 20  # candidates of a source that may be chosen: its best ones

Candidate = Mapping[str, Any]


@dataclass(frozen=True)
class Source:
    """What an earlier search has measured, in terms of the present space.

    Attributes
    ----------
    candidates : sequence of mapping
        In the form that ``space.encode`` accepts, and complete.
    scores : ndarray of shape (n_candidates,)
        Higher is better; nan for a candidate that failed or was stopped, which counts as worse than all others.
    """

    candidates: Sequence[Candidate]
    scores: np.ndarray


def choose_portfolio(sources: Sequence[Source], space: Space, size: int) -> list[Candidate]:
    """Choose candidates, the most useful one first.

    One after another, the candidate is chosen that most lowers the mean over the sources of the best rank so far; among
    equally useful ones, that with the best mean rank.

    Parameters
    ----------
    sources : sequence of Source
    space : Space
    size : int
        Number of candidates, at most.

    Returns
    -------
    candidates : list of mapping
    """
    pool = _collect_best(sources)
    if not pool:
        return []
    encoder = _Encoder(space, [*pool, *(candidate for source in sources for candidate in source.candidates)])
    features = encoder.encode(pool)
    ranks = np.array([_predict_ranks(source, encoder, features) for source in sources])
    return [pool[place] for place in choose_greedily(ranks, size)]


def choose_greedily(ranks: np.ndarray, size: int) -> list[int]:
    """Choose columns one after another so that the mean over the rows of the lowest chosen rank falls the most.

    Parameters
    ----------
    ranks : ndarray of shape (n_sources, n_candidates)
    size : int

    Returns
    -------
    columns : list of int
    """
    best = np.full(len(ranks), np.inf)
    means = ranks.mean(axis=0)
    left = list(range(ranks.shape[1]))
    chosen: list[int] = []
    while left and len(chosen) < size:
        place = min(left, key=lambda column: (np.minimum(best, ranks[:, column]).mean(), means[column], column))
        chosen.append(place)
        left.remove(place)
        best = np.minimum(best, ranks[:, place])
    return chosen


def _collect_best(sources: Sequence[Source]) -> list[Candidate]:
    """Return the best candidates of each source; equal ones once."""
    pool: dict[Any, Candidate] = {}
    for source in sources:
        order = np.argsort(-source.scores, kind="stable")
        for place in order[:MAX_PER_SOURCE]:
            if np.isfinite(source.scores[place]):
                candidate = source.candidates[place]
                pool.setdefault(make_candidate_key(candidate), candidate)
    return list(pool.values())


def _predict_ranks(source: Source, encoder: "_Encoder", features: np.ndarray) -> np.ndarray:
    """Predict the rank of each candidate in a source, from 0 for the best to 1."""
    measured = encoder.encode(source.candidates)
    is_known = np.isfinite(source.scores)
    scores = np.where(is_known, source.scores, -np.inf)
    target = rankdata(scores) / len(scores)
    forest = ExtraTreesRegressor(N_TREES, random_state=0).fit(measured, target)
    return (rankdata(-forest.predict(features)) - 1) / max(1, len(features) - 1)


class _Encoder:
    """Converts candidates to numbers: each range from 0 to 1, a column for each choice, -1 for what does not exist."""

    def __init__(self, space: Space, candidates: Sequence[Candidate]) -> None:
        self.space = space
        distributions = {}
        for candidate in candidates:
            distributions.update(self._suggest(candidate).distributions)
        self.distributions = dict(sorted(distributions.items()))

    def encode(self, candidates: Sequence[Candidate]) -> np.ndarray:
        """Return an array with one row for each candidate."""
        return np.array([self._encode_one(candidate) for candidate in candidates], dtype=np.float32)

    def _suggest(self, candidate: Candidate) -> BaseTrial:
        suggested = self.space.encode(candidate)
        trial: BaseTrial = FixedTrial(suggested)
        try:
            self.space.suggest(trial)
        except ValueError:  # a parameter is left to the sampler
            study = create_random_study(seed=0)
            study.enqueue_trial(suggested)
            trial = study.ask()
            self.space.suggest(trial)
        return trial

    def _encode_one(self, candidate: Candidate) -> list[float]:
        params = self._suggest(candidate).params
        row: list[float] = []
        for name, distribution in self.distributions.items():
            if isinstance(distribution, CategoricalDistribution):
                row += [float(name in params and params[name] == choice) for choice in distribution.choices]
            elif isinstance(distribution, IntDistribution | FloatDistribution):
                row.append(_scale(params[name], distribution) if name in params else -1.0)
        return row


def _scale(value: float, distribution: IntDistribution | FloatDistribution) -> float:
    low, high = float(distribution.low), float(distribution.high)
    if distribution.log:
        low, high, value = np.log(low), np.log(high), np.log(value)
    return (value - low) / (high - low) if high > low else 0.0

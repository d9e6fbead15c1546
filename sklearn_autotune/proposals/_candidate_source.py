"""Where the candidates of a search come from: the user, a grid, a proposer, the sampler, or random draws."""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import optuna
from optuna.trial import FixedTrial, TrialState

from sklearn_autotune.space._space import Space, is_measured_in_full, make_candidate_key
from sklearn_autotune.storage._outcomes import Source, TrialRecord
from sklearn_autotune.storage._samplers import covers_space, make_random_study

__all__ = ["CandidateSource", "Proposer"]

logger = logging.getLogger(__name__)

Proposer = Callable[[Sequence[TrialRecord], int], Mapping[str, Any] | None]

# If a sampler proposes measured candidates this many times in a row, a random new one is drawn instead. If this many
# random draws give no new candidate, the space counts as exhausted. Where none may be drawn, because the sampler keeps
# to a part of the space, it is asked more often.
MAX_REPEATS = 3
MAX_REPEATS_WITHOUT_DRAWS = 100
MAX_RANDOM_DRAWS = 1000


class CandidateSource:
    """Proposes candidates, of which some may have been measured already.

    Parameters
    ----------
    study : optuna.Study
        With the sampler.
    space : Space
    enqueue : sequence of dict
        Candidates to propose first.
    propose : callable or None
        Called with the records so far and the index of the next candidate, before the sampler is asked; may return a
        candidate to use instead, or None.
    seed : int
        Seed of the random candidates that are drawn when a sampler repeats itself.
    n_trials : int
    seen_keys : collection
        The keys of the candidates that have been taken so far; the caller adds to it.

    Attributes
    ----------
    is_grid : bool
        Whether all points of a finite space are proposed, one after another.
    """

    def __init__(
        self,
        study: optuna.Study,
        space: Space,
        enqueue: Sequence[Mapping[str, Any]],
        propose: Proposer | None,
        *,
        seed: int,
        n_trials: int,
        seen_keys: Collection[Any],
    ) -> None:
        self.study = study
        self.space = space
        self.propose = propose
        self.seen_keys = seen_keys
        self.is_grid = is_measured_in_full(space, n_trials) and covers_space(study.sampler)
        self.sampler_source = Source.GRID if self.is_grid else Source.SAMPLER
        self.fixed_candidates = self._iterate_fixed_candidates(enqueue)
        self.random_study = make_random_study(study.sampler, seed)

    def iterate_proposals(
        self, records: Sequence[TrialRecord], candidate_index: int
    ) -> Iterator[tuple[optuna.Trial, Source]]:
        """Ask for one candidate after another until the caller takes one.

        Parameters
        ----------
        records : sequence of TrialRecord
            Of the candidates that have been told.
        candidate_index : int
            The index of the candidate that is asked for.

        Yields
        ------
        trial : optuna.Trial
        source : Source
        """
        while self.study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):  # a callback has enqueued it
            yield self.study.ask(), self.sampler_source
        for fixed in self.fixed_candidates:
            yield self._ask_fixed(fixed), self.sampler_source
        if self.is_grid:
            return
        proposed = None if self.propose is None else self.propose(records, candidate_index)
        if proposed is not None:
            yield self._ask_fixed(self.space.encode(proposed)), Source.PROPOSER
        for _ in range(MAX_REPEATS_WITHOUT_DRAWS if self.random_study is None else MAX_REPEATS):
            yield self.study.ask(), Source.SAMPLER
        new = None if self.random_study is None else self._draw_new(self.random_study)
        if new is not None:
            yield self._ask_fixed(new), Source.SAMPLER

    def _draw_new(self, random_study: optuna.Study) -> dict[str, Any] | None:
        """Return the parameters of a random candidate that has not been taken, or None if none is found."""
        for _ in range(MAX_RANDOM_DRAWS):
            draw = random_study.ask()
            if make_candidate_key(self.space.suggest(draw)) not in self.seen_keys:
                return dict(draw.params)
        logger.info("No new candidate in %d random draws: the space is exhausted.", MAX_RANDOM_DRAWS)
        return None

    def _ask_fixed(self, params: Mapping[str, Any]) -> optuna.Trial:
        self.study.enqueue_trial(dict(params))
        return self.study.ask()

    def _iterate_fixed_candidates(self, enqueue: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        for candidate in enqueue:
            yield self.space.encode(candidate)
        if self.is_grid:
            for fixed in self.space.iterate_grid():
                if make_candidate_key(self.space.suggest(FixedTrial(fixed))) not in self.seen_keys:
                    yield fixed

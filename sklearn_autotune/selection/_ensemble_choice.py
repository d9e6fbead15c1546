"""Chooses the final ensemble by out-of-fold predictions, within the limits on costs and scores."""

import logging
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import isfinite
from typing import Any

import numpy as np

from sklearn_autotune._compat import clock
from sklearn_autotune.evaluation import compute_log_loss, select_score
from sklearn_autotune.families._baseline import BASELINE
from sklearn_autotune.objectives._blend_table import BlendTable
from sklearn_autotune.search._trial_loop import TrialRecord
from sklearn_autotune.selection._blends import (
    BYTES,
    SECONDS,
    BlendAims,
    BlendCosts,
    make_blend_table,
    select_allowed_candidates,
)
from sklearn_autotune.selection._candidates import FAMILY
from sklearn_autotune.selection._cross_fit import CrossFitEvaluation
from sklearn_autotune.selection._ensemble_selection import (
    EnsembleChoice,
    allow_all,
    average_predictions,
    choose_greedy_weights,
    choose_weights,
)
from sklearn_autotune.selection._ranking import (
    MAX_BLEND_SIZE,
    Blend,
    average_fold_scores,
    choose_blend,
    sort_by_score,
)
from sklearn_autotune.selection._schedule import TimeReserve
from sklearn_autotune.selection._second_layer import SecondLayer, measure_second_layer
from sklearn_autotune.statistics._corrected_scores import CandidateRows
from sklearn_autotune.storage._artifacts import Artifacts

__all__ = [
    "BlendChoice",
    "ChosenEnsemble",
    "EnsembleScorer",
    "choose_from_both_layers",
]

logger = logging.getLogger(__name__)

# The choice uses at most so many rows; fewer if a scikit-learn scorer is called, or if there are very many classes.
MAX_ROWS = 20_000
MAX_SCORER_ROWS = 5_000
MAX_CELLS = 1_000_000  # rows times classes

# With a single split, its test rows are divided into so many parts: weights are chosen on some and scored on others.
N_PARTS = 5

# About how often a score is computed for each part and candidate.
N_ROUNDS = 25

# Smaller blends than the chosen one are looked for whose models, each fitted once, cost so much of it.
CAP_SHARES = (0.5, 0.25, 0.1)


@dataclass(frozen=True, slots=True)
class ChosenEnsemble:
    """A blend, or one candidate alone.

    Attributes
    ----------
    weighted_records : list of (TrialRecord, float)
        Chosen candidates and their weights.
    score : float
        Mean score of the choice on rows that it was not made on; higher is better.
    best_record : TrialRecord
        The best candidate of the first layer.
    single_fits : frozenset of int, default=frozenset()
        As of `Blend`.
    is_nearest : bool, default=False
        Whether it breaks limits, and is the nearest to them.
    flattering_score : float, default=nan
        Mean score of the best candidate of both layers, by which it was chosen, plus what a chosen blend gains on rows
        that it was not chosen on.
    """

    weighted_records: list[tuple[TrialRecord, float]]
    score: float
    best_record: TrialRecord
    single_fits: frozenset[int] = frozenset()
    is_nearest: bool = False
    flattering_score: float = np.nan

    def complete_candidate_rows(
        self, kept: CandidateRows | str, second_layer: Sequence[TrialRecord]
    ) -> CandidateRows | str:
        """Add candidates of the second layer to the kept rows of the first, and the score that has to be corrected."""
        if isinstance(kept, str) or not isfinite(self.flattering_score):
            return kept
        values = dict(kept.values)
        for record in second_layer:
            n_missing = len(kept.folds) - len(record.outcome.folds)  # the first fold, if the folds follow time
            folds = enumerate(record.outcome.folds, n_missing)
            rows = {number: fold.row_values for number, fold in folds if fold.row_values is not None}
            values |= {record.number: rows} if rows else {}
        return replace(kept, values=values, best_score=self.flattering_score)


class EnsembleScorer:
    """Scores ensembles of candidates on their out-of-fold predictions, part by part.

    Parameters
    ----------
    cross_fit : CrossFitEvaluation
    candidates : sequence of TrialRecord
        Of both layers, the best first.
    second_layer : SecondLayer
    has_default_scoring : bool
        Whether the score is the default one, the log loss or the root of the mean squared error, which is computed
        here. Otherwise the task's scorer is called.
    """

    def __init__(
        self,
        cross_fit: CrossFitEvaluation,
        candidates: Sequence[TrialRecord],
        *,
        second_layer: SecondLayer,
        has_default_scoring: bool,
    ) -> None:
        self.cross_fit = cross_fit
        self.second_layer = second_layer
        self.has_default_scoring = has_default_scoring
        folds = [fold.test for fold in cross_fit.task.folds]
        n_classes = 1 if cross_fit.classes is None else len(cross_fit.classes)
        max_rows = min(MAX_ROWS if has_default_scoring else MAX_SCORER_ROWS, MAX_CELLS // n_classes)
        every = max(1, sum(map(len, folds)) // max(1, max_rows))
        self.rows = _get_scoring_parts([rows[::every] for rows in folds])
        self.predictions = [
            _get_scoring_parts([values[::every] for values in second_layer.collect_predictions(record, cross_fit)])
            for record in candidates
        ]

    def score(self, prediction: np.ndarray, parts: Sequence[int]) -> float:
        """Score predictions for the rows of some parts; higher is better.

        Minus infinity if the task's scorer fails, or gives no finite number: such predictions are not chosen.
        """
        return self._score_rows(prediction, np.concatenate([self.rows[part] for part in parts]))

    def compute_sampling_error(self, blend: Blend) -> float:
        """Compute how much higher a blend's score is on the rows of the parts than on all rows.

        With 1 % of the rows in a class, the log loss of 20,000 rows differed from that of 140,000 by 6 %.
        """
        folds = self.cross_fit.task.folds
        if sum(map(len, self.rows)) == sum(len(fold.test) for fold in folds):
            return 0.0
        weights = np.array([weight for _, weight in blend.weighted_records])
        collected = [self.second_layer.collect_predictions(record, self.cross_fit) for record in blend.records]
        scores = [
            self._score_rows(average_predictions([values[index] for values in collected], weights), fold.test)
            for index, fold in enumerate(folds)
        ]
        return blend.score - float(np.mean(scores))

    def _score_rows(self, prediction: np.ndarray, rows: np.ndarray) -> float:
        if not self.has_default_scoring:
            scored = self.cross_fit.score(prediction, rows)
            if scored.error is not None:
                logger.info("The score of predictions that may be blended failed:\n%s", scored.error)
            return float("-inf") if scored.error is not None else select_score(scored.score, None)
        weight = self.cross_fit.task.score_params.get("sample_weight")
        weight = None if weight is None else np.asarray(weight, dtype=float)[rows]
        truth = self.cross_fit.targets[rows]
        if self.cross_fit.classes is None:
            return -float(np.sqrt(np.average((truth - prediction) ** 2, weights=weight)))
        prediction = prediction[:, 1] if prediction.shape[1] == 2 else prediction
        return -compute_log_loss(truth, prediction, weight)

    def has_time(self, deadline: float | None, n_choices: int | None = None) -> bool:
        """Whether choosing a blend would end before the deadline, from the time that one score takes.

        ``n_choices`` is how often weights are chosen; None is once for each part.
        """
        if deadline is None:
            return True
        predictions, parts = np.concatenate(self.predictions[0]), range(len(self.rows))
        self.score(predictions, parts)  # the first call is slower
        start = time.perf_counter()
        self.score(predictions, parts)
        seconds = time.perf_counter() - start
        return clock.now() + seconds * (n_choices or len(self.rows)) * len(self.predictions) * N_ROUNDS < deadline


class BlendChoice:
    """Chooses the blend, or the best candidate alone: at first, and again if the final model breaks a limit.

    Parameters
    ----------
    candidates : sequence of TrialRecord
        Candidates of the first layer, the best first.
    costs : BlendCosts
    second_layer : SecondLayer
        With records if it was measured.
    aims : BlendAims or None
    has_default_scoring : bool
        See `EnsembleScorer`.
    allows_blend : bool
        Whether more than one model may be chosen.
    deadline : float or None
        Time by `clock.now` at which choosing has to end.

    Attributes
    ----------
    blends : list of Blend
        Those that were compared.
    best_scores : dict of str to float
        What the final model has of each objective and limit; costs are positive.
    """

    def __init__(
        self,
        candidates: Sequence[TrialRecord],
        costs: BlendCosts,
        second_layer: SecondLayer,
        *,
        aims: BlendAims | None,
        has_default_scoring: bool,
        allows_blend: bool,
        deadline: float | None,
    ) -> None:
        self.candidates = candidates
        self.costs = costs
        self.second_layer = second_layer
        self.aims = aims
        self.ranked = sort_by_score([*candidates, *second_layer.select_best_records()])
        self.scorer = EnsembleScorer(
            costs.cross_fit, self.ranked, second_layer=second_layer, has_default_scoring=has_default_scoring
        )
        self.allows_blend = allows_blend
        self.deadline = deadline
        self.blends: list[Blend] = []
        self._best = 0
        self.best_scores: dict[str, float] = {}
        self._refused: dict[tuple[Any, ...], dict[str, np.ndarray]] = {}  # what their final models cost
        self._limited_scores: dict[tuple[Any, ...], dict[str, np.ndarray]] = {}

    def choose(self) -> ChosenEnsemble:
        """Choose the blend with the best score, or by a rule, that meets the limits and has not been refused.

        Raises
        ------
        ValueError
            If none does.

        Warns
        -----
        UserWarning
            If none does, and the nearest is chosen.
        """
        usable = [index for index in range(len(self.ranked)) if self._allows([index])]
        choice = self._choose_weights(usable)
        blends = self._list_blends(choice.weights)
        blend, is_nearest = self._choose_blend(blends)
        self.blends, self._best = blends, blends.index(blend)
        is_first = blend.weights_key == blends[0].weights_key
        score, gain = (choice.score, choice.gain) if is_first else (blend.score, 0.0)
        score -= self.scorer.compute_sampling_error(blend)
        # Each candidate has a score on its folds, even if the scorer fails on parts of them.
        score = score if isfinite(score) else average_fold_scores(blend.records[0].outcome)
        best = average_fold_scores(self.ranked[usable[0] if usable else 0].outcome)
        flattering = best + (gain if isfinite(gain) else 0.0) if is_first else score
        chosen = list(blend.weighted_records)
        return ChosenEnsemble(chosen, score, self.candidates[0], blend.single_fits, is_nearest, flattering)

    def accepts(
        self, chosen: ChosenEnsemble, ensemble: Sequence[tuple[TrialRecord, float]], model: Any, X: Any
    ) -> bool:
        """Whether the final model meets the limits, too. If it does not, `choose` chooses another blend.

        Parameters
        ----------
        chosen : ChosenEnsemble
        ensemble : sequence of (TrialRecord, float)
            What was fitted of it.
        model : Pipeline
            The final model.
        X : array-like
            The raw table.
        """
        if self.aims is None:
            return True
        blend = Blend(tuple(ensemble), chosen.score, chosen.single_fits)
        is_late = self.deadline is not None and clock.now() + self.aims.max_measurement_seconds > self.deadline
        measured, scores = self.aims.measure(model, X, once=is_late), self._score_limited(blend)
        violations = self.aims.compute_violations(measured, scores, is_final=True)
        if not chosen.is_nearest and not is_late and (violations > 0).any():
            # Whatever else the machine does makes a model slower, so the second measurement counts.
            measured = self.aims.measure(model, X)
            violations = self.aims.compute_violations(measured, scores, is_final=True)
        primary = {self.aims.plan.primary: np.array([chosen.score])}
        self.best_scores = self.aims.list_values(measured, primary | scores)
        if chosen.is_nearest or bool((violations <= 0).all()):
            return True
        missed = self.aims.describe_missed(measured, scores, violations)
        logger.info("The final model of %s breaks a limit: %s", blend.describe(), missed)
        self.costs.correct(blend, measured)
        self._refused[Blend(tuple(chosen.weighted_records), 0.0, chosen.single_fits).key] = measured
        return False

    def make_table(self) -> BlendTable:
        """Return the blends that were compared as a table, with the chosen one."""
        if self.aims is None:
            return make_blend_table(self.blends, self.costs, best=self._best)
        scores = [self._score_limited(blend) for blend in self.blends]
        meets_limits = [self._is_allowed(blend) for blend in self.blends]
        return make_blend_table(self.blends, self.costs, self.aims, scores, meets_limits, self._best)

    def _allows(self, indices: Sequence[int], caps: Mapping[str, float] | None = None) -> bool:
        """Whether candidates together keep to the limits on costs, and to caps, if each of them is fitted once."""
        if self.aims is None and caps is None:
            return True
        costs = self.costs.estimate_lowest([self.ranked[index] for index in indices])
        is_below = all(costs[name] <= cap for name, cap in (caps or {}).items())
        return is_below and (self.aims is None or self.aims.allow(costs))

    def _choose_weights(self, usable: Sequence[int]) -> EnsembleChoice:
        """Choose weights for candidates that keep to the limits on costs together; for any if none does alone."""
        places = list(usable) or list(range(len(self.ranked)))
        choice = choose_weights(
            [self.scorer.predictions[index] for index in places],
            self.scorer.score,
            max_models=MAX_BLEND_SIZE if self.allows_blend and self.scorer.has_time(self.deadline) else 1,
            is_forward=self.costs.cross_fit.is_forward,
            allows=(lambda chosen: self._allows([places[place] for place in chosen])) if usable else allow_all,
        )
        weights = np.zeros(len(self.ranked))
        weights[places] = choice.weights
        return replace(choice, weights=weights)

    def _list_blends(self, weights: np.ndarray) -> list[Blend]:
        """Return the chosen blend, smaller ones and single candidates, each with more and more models fitted once."""
        found = [weights, *np.eye(len(self.ranked))]
        if self.allows_blend and self.scorer.has_time(self.deadline, 2 * len(CAP_SHARES) + MAX_BLEND_SIZE):
            costs = self.costs.estimate_lowest([self.ranked[index] for index in np.flatnonzero(weights)])
            caps = [{name: share * costs[name]} for name in self._list_capped() for share in CAP_SHARES]
            found += [self._choose_below(cap, MAX_BLEND_SIZE) for cap in caps]
            found += [self._choose_below({}, n_models) for n_models in range(2, int((weights > 0).sum()))]
        blends = {blend.key: blend for blend in (self._make_blend(one) for one in found if one.any())}
        variants = [variant for blend in blends.values() for variant in self.costs.list_variants(blend)]
        return [variants[0], *(blend for blend in variants[1:] if isfinite(blend.score))]

    def _list_capped(self) -> list[str]:
        """Return the costs by which smaller blends are looked for: both, or those among the objectives and limits."""
        if self.aims is None or not self.aims.plan.is_listed:
            return [SECONDS, BYTES]
        return [name for name in (SECONDS, BYTES) if name in self.aims.costs.values()]

    def _choose_below(self, caps: Mapping[str, float], max_models: int) -> np.ndarray:
        """Return greedy weights of candidates whose costs together are below caps; zeros if there are none."""
        usable = [index for index in range(len(self.ranked)) if self._allows([index], caps)]
        weights = np.zeros(len(self.ranked))
        if usable:
            weights[usable] = choose_greedy_weights(
                [np.concatenate(self.scorer.predictions[index]) for index in usable],
                partial(self.scorer.score, parts=range(len(self.scorer.rows))),
                max_models=max_models,
                allows=lambda chosen: self._allows([usable[place] for place in chosen], caps),
            )
        return weights

    def _make_blend(self, weights: np.ndarray) -> Blend:
        used = np.flatnonzero(weights)
        scores = [
            self.scorer.score(
                average_predictions([self.scorer.predictions[i][part] for i in used], weights[used]), [part]
            )
            for part in range(len(self.scorer.rows))
        ]
        return Blend(tuple((self.ranked[index], float(weights[index])) for index in used), float(np.mean(scores)))

    def _choose_blend(self, blends: Sequence[Blend]) -> tuple[Blend, bool]:
        """Return the best blend that meets the limits, or the nearest, and whether it is only the nearest."""
        if self.aims is None:
            return blends[0], False
        may_win = [blend.key not in self._refused and self._is_allowed(blend) for blend in blends]
        if any(may_win):
            return self._choose_by_rule(blends, may_win), False
        learnt = [blend for blend in blends if any(one.params[FAMILY] != BASELINE.name for one in blend.records)]
        blends = learnt or blends
        violations = [self._compute_violations(blend) for blend in blends]
        place = int(np.argmin([np.where(found > 0, found, 0.0).sum() for found in violations]))
        nearest = blends[place]
        costs, scores = self._get_costs(nearest), self._score_limited(nearest)
        missed = self.aims.describe_missed(costs, scores, violations[place])
        message = (
            f"No blend and no single model meets all limits ({self.aims.describe()}). The nearest is "
            f"{nearest.describe()}: {missed} Search longer, name faster families, or loosen the limits; the candidates "
            "are in cv_results_. infeasible='nearest' takes the nearest."
        )
        if self.aims.infeasible == "raise":
            raise ValueError(message)
        warnings.warn(message, stacklevel=4)
        return nearest, True

    def _choose_by_rule(self, blends: Sequence[Blend], may_win: Sequence[bool]) -> Blend:
        """Return one of the blends that may win: the one chosen on other folds, the best, or the one of a rule."""
        assert self.aims is not None
        if not self.aims.takes_best_score:
            scores = [self._score_limited(blend) for blend in blends]
            table = make_blend_table(blends, self.costs, self.aims, scores, may_win)
            return blends[choose_blend(table, self.aims.refit)]
        if may_win[0]:
            return blends[0]
        allowed = [blend for blend, may in zip(blends, may_win, strict=True) if may]
        return max(allowed, key=lambda blend: (blend.score, -len(blend.single_fits)))

    def _is_allowed(self, blend: Blend) -> bool:
        return bool((self._compute_violations(blend) <= 0).all())

    def _compute_violations(self, blend: Blend) -> np.ndarray:
        assert self.aims is not None
        costs, scores = self._get_costs(blend), self._score_limited(blend)
        return self.aims.compute_violations(costs, scores, is_final=blend.key in self._refused)

    def _get_costs(self, blend: Blend) -> Mapping[str, Any]:
        """Return what the final model of a refused blend was measured to cost, and what others are estimated to."""
        return self._refused.get(blend.key) or self.costs.estimate(blend.records, blend.single_fits)

    def _score_limited(self, blend: Blend) -> dict[str, np.ndarray]:
        """Return the limited scores of a blend's out-of-fold predictions on each fold, by name."""
        assert self.aims is not None
        key = blend.weights_key
        if key not in self._limited_scores and self.aims.score_keys:
            cross_fit = self.costs.cross_fit
            models = [self.second_layer.collect_predictions(record, cross_fit) for record in blend.records]
            weights = np.array([weight for _, weight in blend.weighted_records])
            folds = [average_predictions(values, weights) for values in zip(*models, strict=True)]
            self._limited_scores[key] = self.aims.score(cross_fit.task.folds, folds)
        return self._limited_scores.get(key, {})


def choose_from_both_layers(
    records: Sequence[TrialRecord],
    time_reserve: TimeReserve,
    costs: BlendCosts,
    artifacts: Artifacts,
    *,
    aims: BlendAims | None,
    has_default_scoring: bool,
    allows_blend: bool,
) -> BlendChoice:
    """Measure the second layer, and prepare the choice of the best candidate or a blend of both layers.

    Parameters
    ----------
    records : sequence of TrialRecord
        Of all candidates of the first layer.
    time_reserve : TimeReserve
        How much time the stages after the search have.
    costs : BlendCosts
    artifacts : Artifacts
        Where measured models of the second layer are kept.
    aims, has_default_scoring, allows_blend
        See `BlendChoice`.

    Returns
    -------
    choice : BlendChoice
    """
    candidates = select_allowed_candidates(records, costs, aims)
    second_layer = measure_second_layer(
        costs.cross_fit,
        time_reserve.second_layer,
        candidates,
        1 + max(record.number for record in records),
        time_reserve.compute_second_layer_deadline(records),
        artifacts,
    )
    costs.base_records = second_layer.base_records
    deadline = time_reserve.blend_deadline
    settings: dict[str, Any] = {"has_default_scoring": has_default_scoring, "allows_blend": allows_blend}
    return BlendChoice(candidates, costs, second_layer, aims=aims, deadline=deadline, **settings)


def _get_scoring_parts(folds: list[np.ndarray]) -> list[np.ndarray]:
    return folds if len(folds) > 1 else np.array_split(folds[0], N_PARTS)

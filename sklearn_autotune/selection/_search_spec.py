"""Writes down a search of `AutoModelSelector` as a SearchSpec."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import optuna
from optuna.trial import FixedTrial

from sklearn_autotune._compat.sklearn import CallbackContexts
from sklearn_autotune._compat.types import ArrayLike
from sklearn_autotune.evaluation._metric import describe_scoring
from sklearn_autotune.execution import ExecutionRequest, TrialLimits
from sklearn_autotune.proposals._budget import UNLIMITED_TRIALS
from sklearn_autotune.proposals._look_ahead import LookAhead
from sklearn_autotune.pruning import FoldRacing
from sklearn_autotune.search._base_search import make_progress
from sklearn_autotune.search._spec import ResultsSpec, SearchSpec, StudySpec
from sklearn_autotune.search._trial_loop import TrialRecord
from sklearn_autotune.selection._candidates import FAMILY, make_selection_space
from sklearn_autotune.selection._cross_fit import CrossFitEvaluation
from sklearn_autotune.selection._pruning_rule import SelectionPruningRule
from sklearn_autotune.selection._ranking import MeasuredCandidates
from sklearn_autotune.selection._schedule import Schedule, SelectionBudget
from sklearn_autotune.space._space import Space, read_space
from sklearn_autotune.statistics._corrected_scores import plan_candidate_rows
from sklearn_autotune.storage._artifacts import Artifacts
from sklearn_autotune.storage._samplers import make_sampler
from sklearn_autotune.storage._study import compute_fingerprint, draw_seed, read_study_attributes

__all__ = ["choose_seed", "make_search_spec"]

N_TRIALS = 50

# Scores of families differ by much: the noise between folds is known only after several complete candidates.
RACING = FoldRacing(n_startup_trials=6)

SEED_ATTRIBUTE = "sklearn_autotune:model_seed"  # of a stored study: the seed of its folds and models


def choose_seed(selector: Any) -> int:
    """Return the seed of folds and models; without a ``random_state`` that of the stored study, if it is resumed."""
    if selector.random_state is None and selector.resume and selector.storage is not None:
        stored = read_study_attributes(selector.storage, selector.study_name)
        if SEED_ATTRIBUTE in stored:
            return int(stored[SEED_ATTRIBUTE])
    return draw_seed(selector.random_state) % 2**31


def make_search_spec(
    selector: Any,
    cross_fit: CrossFitEvaluation,
    schedule: Schedule,
    measured: MeasuredCandidates,
    groups: ArrayLike | None,
    stages: Sequence[str],
) -> SearchSpec:
    """Write down a search of `AutoModelSelector`.

    Parameters
    ----------
    selector : AutoModelSelector
        Its parameters are valid.
    cross_fit : CrossFitEvaluation
    schedule : Schedule
    measured : MeasuredCandidates
    groups : array-like of shape (n_samples,) or None
        What the splitter was given.
    stages : sequence of str
        What comes after the search.
    """
    cost_model, reserve = schedule.cost_model, schedule.time_reserve
    # With limits, a quick family may be needed that is worse by far: its first candidate is not stopped.
    n_raced = len(cross_fit.targets) if selector.limits is None else 0
    space = read_space(make_selection_space(cost_model.families, cost_model.make_shape(cost_model.n_train)))
    n_trials = selector.n_trials or (N_TRIALS if selector.timeout is None else UNLIMITED_TRIALS)

    def get_family(trial: optuna.Trial) -> str:
        return space.suggest(FixedTrial(trial.params))[FAMILY]

    def estimate_reserved() -> float:
        return reserve.estimate_seconds_after_search(measured.records)

    def propose(records: Sequence[TrialRecord], index: int) -> Mapping[str, Any] | None:
        measured.update(records)
        return schedule.propose(records)

    def print_start(n_candidates: int) -> None:
        if selector.verbose > 0:
            print(f"Measuring models of {len(cost_model.families)} families on {len(cross_fit.task.folds)} folds")

    return SearchSpec(
        folds=cross_fit.task.folds,
        space=space,
        study=_make_study_spec(selector, cross_fit, space, list(cost_model.families), measured.artifacts),
        results=ResultsSpec(error_score=selector.error_score),
        execution=ExecutionRequest(
            evaluation=cross_fit,
            n_jobs=selector.n_jobs,
            look_ahead=selector.look_ahead,
            limits=TrialLimits(selector.trial_timeout, selector.memory_limit),
            executor=selector.executor,
            allows_cluster=True,
        ),
        pruning_rule=SelectionPruningRule(RACING, get_family, n_raced),
        make_budget=partial(SelectionBudget, n_trials, reserve.deadline, estimate_reserved_seconds=estimate_reserved),
        make_stopping_rule=partial(schedule.make_stopping_rule, selector.patience, len(cross_fit.targets)),
        make_proposer=lambda: propose,
        look_ahead=LookAhead(selector.look_ahead),
        callbacks=selector.callbacks or (),
        progress=make_progress(selector.verbose, selector.callbacks, stages),
        contexts=CallbackContexts(selector, None, len(cross_fit.task.folds)),
        print_start=print_start,
        candidate_rows=plan_candidate_rows(cross_fit.task, groups),
    )


def _make_study_spec(
    selector: Any, cross_fit: CrossFitEvaluation, space: Space, families: list[str], artifacts: Artifacts
) -> StudySpec:
    """Write down the study; what its trials depend on beside data, folds, space and score is its estimator."""
    names = ("limits", "generate_features")
    estimator = {"families": families, "seed": cross_fit.seed} | {name: getattr(selector, name) for name in names}
    task, scoring = cross_fit.task, selector.scoring
    return StudySpec(
        random_state=selector.random_state,
        make_sampler=partial(make_sampler, None, space),
        metric=describe_scoring(scoring, task.scorer),
        compute_fingerprint=partial(compute_fingerprint, task, space, scoring, estimator, resource=None),
        storage=selector.storage,
        study_name=selector.study_name,
        resume=selector.resume,
        attributes={SEED_ATTRIBUTE: cross_fit.seed},
        artifacts=artifacts,
        depends_on_time=selector.timeout is not None,
    )

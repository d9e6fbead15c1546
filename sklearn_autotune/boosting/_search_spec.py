"""Writes down a search of a tuned booster, whose parameters have been read, as the `SearchSpec` that is run."""

import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any

import optuna

from sklearn_autotune._compat.sklearn import CallbackContexts, get_scorers
from sklearn_autotune._compat.types import ArrayLike
from sklearn_autotune.boosting._booster_racing import BoosterRacingRule
from sklearn_autotune.boosting._fold_boosting import FoldBoosting
from sklearn_autotune.boosting._learning_rate_refinement import (
    SEARCH_LEARNING_RATE,
    LearningRateRefinement,
    LowestLearningRateWithinNoise,
    is_refined,
)
from sklearn_autotune.evaluation import Task
from sklearn_autotune.evaluation._metric import describe_scoring
from sklearn_autotune.execution import ExecutionRequest, TrialLimits
from sklearn_autotune.proposals._budget import Budget, StoppingRule
from sklearn_autotune.proposals._default_candidate import plan_default
from sklearn_autotune.proposals._look_ahead import LookAhead
from sklearn_autotune.proposals._teller import Aim
from sklearn_autotune.pruning import FoldRacing, NoPruningRule, OptunaPrunerRule, PruningRule
from sklearn_autotune.search._base_search import make_progress, print_n_fits
from sklearn_autotune.search._setup import get_refit_metric
from sklearn_autotune.search._spec import ResultsSpec, SearchSpec, StudySpec, propose_nothing
from sklearn_autotune.space._space import Space
from sklearn_autotune.statistics._corrected_scores import plan_candidate_rows
from sklearn_autotune.storage._samplers import make_sampler
from sklearn_autotune.storage._study import compute_fingerprint

__all__ = ["make_search_spec"]

# More startup trials than usual, because on small data one of three candidates with luck on the first fold could stop
# all later ones. The error rate is higher than usual, because the candidates that are close to the winner are refined
# too: with 0.2 a search costs a fifth less than with 0.05, and its best score is as good.
RACING = FoldRacing(error_rate=0.2, n_startup_trials=5)

# The first refined candidates are measured in full, because the winner is chosen among them if they are not clearly
# worse than the best candidate. The others have to be better than it.
MAX_EXEMPT = 3


def make_search_spec(
    search: Any,
    library_params: Mapping[str, Any],
    task: Task,
    space: Space,
    known_candidates: list[dict[str, Any]],
    evaluation: FoldBoosting,
    deadline: float | None,
    groups: ArrayLike | None,
) -> SearchSpec:
    """Write down a search of a tuned booster.

    Parameters
    ----------
    search : BaseTunedBooster
        Its parameters are valid.
    library_params : mapping of str to object
        The values of the parameters that the library's estimators have too.
    task : Task
    space : Space
    known_candidates : list of dict
        Candidates that are known to be good.
    evaluation : FoldBoosting
    deadline : float or None
        The time by `clock.now` at which ``fit`` has to end.
    groups : array-like of shape (n_samples,) or None
        What the splitter was given.
    """
    metric = get_refit_metric(search.refit)
    refines = search.refine_learning_rate and search.space is None and library_params["learning_rate"] is None
    known_first = known_candidates if search.enqueue == "auto" else ()
    # If the learning rate is refined, the refinement proposes the known candidates.
    first_candidates = (search.enqueue or ()) if search.enqueue != "auto" else () if refines else known_candidates
    make_proposer = partial(LearningRateRefinement, search.n_trials, metric, deadline, evaluation.n_jobs, known_first)
    return SearchSpec(
        folds=task.folds,
        space=space,
        study=StudySpec(
            random_state=search.random_state,
            make_sampler=partial(_make_sampler, search.sampler, space, refines),
            compute_fingerprint=partial(_compute_fingerprint, search, library_params, task, space),
            storage=search.storage,
            study_name=search.study_name,
            resume=search.resume,
            pruner=search.pruner if isinstance(search.pruner, optuna.pruners.BasePruner) else None,
            metric=describe_scoring(search.scoring, get_scorers(task.scorer), metric),
            aim=Aim(metric),
        ),
        results=ResultsSpec(
            refit=search.refit,
            metric=metric,
            make_rule=LowestLearningRateWithinNoise if refines else None,
            error_score=search.error_score,
            return_train_score=search.return_train_score,
        ),
        execution=ExecutionRequest(
            evaluation=evaluation,
            n_jobs=search.n_jobs,
            look_ahead=search.look_ahead,
            limits=TrialLimits(search.trial_timeout, search.memory_limit),
            executor=search.executor,
            allows_cluster=True,
            n_threads_per_candidate=len(task.folds),
        ),
        pruning_rule=_choose_pruning_rule(search.pruner, refines=refines),
        make_budget=partial(
            Budget, search.n_trials, deadline, bool(search.refit or search.keep), evaluation.estimate_final_seconds
        ),
        make_stopping_rule=partial(StoppingRule, search.patience, search.target_score),
        make_proposer=make_proposer if refines else propose_nothing,
        first_candidates=first_candidates,
        look_ahead=LookAhead(search.look_ahead),
        callbacks=search.callbacks or (),
        progress=make_progress(search.verbose, search.callbacks),
        contexts=CallbackContexts(search, None, len(task.folds)),
        print_start=partial(print_n_fits, search.verbose, len(task.folds)),
        candidate_rows=plan_candidate_rows(task, groups),
        default=plan_default(search.measure_default, evaluation.folds.estimator, space, n_trials=search.n_trials),
    )


def _choose_pruning_rule(pruner: Any, *, refines: bool) -> PruningRule:
    if isinstance(pruner, optuna.pruners.BasePruner):
        return OptunaPrunerRule()
    if pruner is None:
        return NoPruningRule()
    return BoosterRacingRule(RACING if pruner == "auto" else pruner, is_refined if refines else None, MAX_EXEMPT)


def _compute_fingerprint(search: Any, library_params: Mapping[str, Any], task: Task, space: Space) -> dict[str, str]:
    params = {
        **library_params,
        "n_estimators": search.n_estimators,
        "refine_learning_rate": search.refine_learning_rate,
        "random_state": search.random_state,
        "class_weight": search.get_params(deep=False).get("class_weight"),
    }
    return compute_fingerprint(task, space, search.scoring, params, None)


def _make_sampler(
    given: optuna.samplers.BaseSampler | None, space: Space, refines: bool, seed: int
) -> optuna.samplers.BaseSampler:
    sampler = make_sampler(given, space, seed)
    if not refines:
        return sampler
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.PartialFixedSampler({"learning_rate": SEARCH_LEARNING_RATE}, sampler)

"""Writes down a search of `OptunaSearchCV`, whose parameters have been read, as the `SearchSpec` that is run."""

from functools import partial
from operator import mul
from typing import Any

import optuna

from sklearn_autotune._compat.digest import compute_digest
from sklearn_autotune._compat.sklearn import CallbackContexts, get_scorers
from sklearn_autotune._compat.types import ArrayLike
from sklearn_autotune.evaluation import Evaluation, RungEvaluation, Task, WholeFolds, WithDefault
from sklearn_autotune.evaluation._metric import describe_scoring
from sklearn_autotune.execution import ExecutionRequest, TrialLimits
from sklearn_autotune.objectives._plan import ObjectivePlan
from sklearn_autotune.proposals._budget import Budget, StoppingRule
from sklearn_autotune.proposals._default_candidate import plan_default
from sklearn_autotune.proposals._look_ahead import read_look_ahead
from sklearn_autotune.proposals._plan import ProposalPlan
from sklearn_autotune.proposals._teller import Aim
from sklearn_autotune.pruning import PruningRule
from sklearn_autotune.search._base_search import make_progress, print_n_fits
from sklearn_autotune.search._setup import make_limit_check
from sklearn_autotune.search._spec import ResultsSpec, SearchSpec, StudySpec
from sklearn_autotune.space._space import Space
from sklearn_autotune.statistics._corrected_scores import plan_candidate_rows
from sklearn_autotune.statistics._front_rules import FrontRule
from sklearn_autotune.statistics._refit_rules import ComparesWithDefault
from sklearn_autotune.storage._samplers import learns, make_sampler
from sklearn_autotune.storage._study import compute_fingerprint

__all__ = ["make_search_spec"]


def make_search_spec(
    search: Any,
    task: Task,
    space: Space,
    n_trials: int,
    plan: ProposalPlan,
    evaluation: RungEvaluation | WholeFolds,
    pruning_rule: PruningRule,
    contexts: CallbackContexts,
    start: float,
    groups: ArrayLike | None,
    aim: Aim,
) -> SearchSpec:
    """Write down a search of `OptunaSearchCV`.

    Parameters
    ----------
    search : OptunaSearchCV
        Its parameters are valid.
    task : Task
    space : Space
    n_trials : int
    plan : ProposalPlan
    evaluation : RungEvaluation or WholeFolds
    pruning_rule : PruningRule
    contexts : CallbackContexts
        scikit-learn's callbacks of the folds.
    start : float
        The time by `clock.now` at which ``fit`` began.
    groups : array-like of shape (n_samples,) or None
        What the splitter was given.
    aim : Aim

    Raises
    ------
    ValueError
        If the rule in ``refit`` compares with the default, and ``measure_default`` is False.
    """
    default = plan_default(
        search.measure_default,
        search.estimator,
        space,
        n_trials=n_trials,
        resource=search.resource,
        is_needed=isinstance(search.refit, ComparesWithDefault),
    )
    scoring = search.scoring if aim.objectives is None else [aim.objectives.describe(), search.limit_confidence]
    resource = (search.resource, search.min_resources, search.max_resources, search.factor)
    if task.thresholds is not None:
        scoring = (scoring, search.threshold, compute_digest(dict(task.thresholds.params)))
    deadline = None if search.timeout is None else start + search.timeout
    n_objectives = 1 if aim.objectives is None else len(aim.objectives.objectives)
    n_final_fits = (1.25 if search.refit else 0.0) + (len(task.folds) if search.keep else 0)
    return SearchSpec(
        folds=task.folds,
        space=space,
        study=StudySpec(
            random_state=search.random_state,
            make_sampler=partial(make_sampler, search.sampler, space, n_objectives=n_objectives),
            compute_fingerprint=partial(compute_fingerprint, task, space, scoring, search.estimator, resource),
            storage=search.storage,
            study_name=search.study_name,
            resume=search.resume,
            pruner=search.pruner if isinstance(search.pruner, optuna.pruners.BasePruner) else None,
            metric=describe_scoring(search.scoring, get_scorers(task.scorer), aim.metric),
            aim=aim,
            attributes=plan.attributes,
        ),
        results=ResultsSpec(
            refit=search.refit,
            metric=aim.metric,
            make_rule=None if aim.objectives is None else partial(_make_front_rule, search, task, aim.objectives),
            error_score=search.error_score,
            return_train_score=search.return_train_score,
        ),
        execution=ExecutionRequest(
            evaluation=_add_default(evaluation) if default.is_measured else evaluation,
            n_jobs=search.n_jobs,
            look_ahead=read_look_ahead(search.look_ahead).typical,
            limits=TrialLimits(search.trial_timeout, search.memory_limit),
            executor=search.executor,
            allows_cluster=True,
        ),
        pruning_rule=pruning_rule,
        make_budget=partial(Budget, n_trials, deadline, n_final_fits > 0, partial(mul, n_final_fits)),
        make_stopping_rule=partial(StoppingRule, search.patience, search.target_score),
        first_candidates=plan.first,
        make_proposer=plan.make_proposer,
        restore_proposer=plan.restore_proposer,
        look_ahead=read_look_ahead(search.look_ahead),
        callbacks=search.callbacks or (),
        progress=make_progress(search.verbose, search.callbacks),
        contexts=contexts,
        candidate_rows=plan_candidate_rows(task, groups, is_learnt=learns(search.sampler, space, n_trials)),
        print_start=partial(print_n_fits, search.verbose, len(task.folds)),
        default=default,
    )


def _make_front_rule(search: Any, task: Task, plan: ObjectivePlan, metric: str) -> FrontRule:
    """Return the rule that chooses the winner by several objectives and limits."""
    check = make_limit_check(plan, task.folds, search.limit_confidence)
    return FrontRule(plan, check, search.refit, search.infeasible)


def _add_default(evaluation: RungEvaluation | WholeFolds) -> Evaluation:
    """Return the evaluation that measures the default too, always on whole folds."""
    return WithDefault(evaluation, evaluation.folds if isinstance(evaluation, RungEvaluation) else evaluation)

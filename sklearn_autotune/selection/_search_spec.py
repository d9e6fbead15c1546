"""Writes down a search of `AutoModelSelector` as a SearchSpec, with its own rule for stopping candidates."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
import optuna
from optuna.trial import FixedTrial

from sklearn_autotune._compat.digest import compute_digest
from sklearn_autotune._compat.sklearn import CallbackContexts
from sklearn_autotune._compat.types import ArrayLike
from sklearn_autotune.evaluation import Outcome, PrunerState
from sklearn_autotune.evaluation._metric import describe_scoring
from sklearn_autotune.execution import ExecutionRequest, TrialLimits
from sklearn_autotune.families._baseline import BASELINE
from sklearn_autotune.proposals._budget import UNLIMITED_TRIALS
from sklearn_autotune.proposals._look_ahead import LookAhead
from sklearn_autotune.proposals._teller import Aim as StudyAim
from sklearn_autotune.pruning import FoldRacing, FoldRacingRule, NoPruningTracker, PruningTracker
from sklearn_autotune.search._base_search import make_progress
from sklearn_autotune.search._spec import ResultsSpec, SearchSpec, StudySpec
from sklearn_autotune.search._trial_loop import TrialRecord
from sklearn_autotune.selection._blends import BlendAims
from sklearn_autotune.selection._candidates import FAMILY, make_selection_space
from sklearn_autotune.selection._cross_fit import CrossFitEvaluation
from sklearn_autotune.selection._ranking import MeasuredCandidates
from sklearn_autotune.selection._schedule import Schedule, SelectionBudget
from sklearn_autotune.space._space import Space, read_space
from sklearn_autotune.statistics._corrected_scores import plan_candidate_rows
from sklearn_autotune.storage._artifacts import Artifacts
from sklearn_autotune.storage._samplers import make_sampler
from sklearn_autotune.storage._study import compute_fingerprint, draw_seed, read_study_attributes

__all__ = ["SelectionPruningRule", "choose_seed", "make_search_spec"]

N_TRIALS = 50

# Scores of families differ by much: the noise between folds is known only after several complete candidates.
RACING = FoldRacing(n_startup_trials=6)

# How far from the best score a candidate may end without being pruned, as a share of that score: the first candidate of
# each family, and the others.
FIRST_TOLERANCE = 0.25
OTHER_TOLERANCE = 0.1

# Up to this number of rows, the first candidate of each family is never pruned. Its fits are cheap, and the noise of
# one fold is large: on 300 rows with six of a rare class, the family that was best on new rows was pruned.
FEW_ROWS = 3000

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
    aims: BlendAims | None = None,
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
    aims : BlendAims or None, default=None
        Objectives and limits.
    """
    cost_model, reserve, task = schedule.cost_model, schedule.time_reserve, cross_fit.task
    if task.thresholds is not None and not task.thresholds.keeps_labels:
        task = replace(task, thresholds=None)  # what is kept of probabilities does not depend on them
    # With objectives or limits, a quick family may be needed that is worse by far: its first candidate is not stopped.
    n_raced = len(cross_fit.targets) if aims is None else 0
    space = read_space(make_selection_space(cost_model.families, cost_model.make_shape(cost_model.n_train)))
    n_trials = selector.n_trials or (N_TRIALS if selector.timeout is None else UNLIMITED_TRIALS)

    def get_family(trial: optuna.Trial) -> str:
        return space.suggest(FixedTrial(trial.params))[FAMILY]

    aim = StudyAim(constrain=partial(_constrain, schedule, get_family))

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
        study=_make_study_spec(selector, cross_fit, space, list(cost_model.families), measured.artifacts, aims, aim),
        results=ResultsSpec(error_score=selector.error_score),
        execution=ExecutionRequest(
            evaluation=cross_fit,
            n_jobs=selector.n_jobs,
            look_ahead=selector.look_ahead,
            limits=TrialLimits(selector.trial_timeout, selector.memory_limit),
            executor=selector.executor,
            allows_cluster=True,
        ),
        pruning_rule=SelectionPruningRule(RACING, get_family, n_raced, schedule.meets_limits),
        make_budget=partial(SelectionBudget, n_trials, reserve.deadline, estimate_reserved_seconds=estimate_reserved),
        make_stopping_rule=partial(schedule.make_stopping_rule, selector.patience, len(cross_fit.targets)),
        make_proposer=lambda: propose,
        look_ahead=LookAhead(selector.look_ahead),
        callbacks=selector.callbacks or (),
        progress=make_progress(selector.verbose, selector.callbacks, stages),
        contexts=CallbackContexts(selector, None, len(cross_fit.task.folds)),
        print_start=print_start,
        candidate_rows=plan_candidate_rows(task, groups),
    )


def _constrain(
    schedule: Schedule, get_family: Callable[[optuna.Trial], str], trial: optuna.Trial, outcome: Outcome
) -> Mapping[str, float]:
    """Return how far a complete candidate is from the limits on costs, as the sampler is told it."""
    if schedule.find_violations is None:
        return {}
    # The baseline meets almost any limit, and has nothing to tune: it would be proposed again and again.
    is_baseline = get_family(trial) == BASELINE.name
    return {BASELINE.name: float("inf")} if is_baseline else schedule.find_violations(outcome)


def _make_study_spec(
    selector: Any,
    cross_fit: CrossFitEvaluation,
    space: Space,
    families: list[str],
    artifacts: Artifacts,
    aims: BlendAims | None,
    aim: StudyAim,
) -> StudySpec:
    """Write down the study; what its trials depend on beside data, folds, space and score is its estimator."""
    names = ("limits", "generate_features")
    estimator = {"families": families, "seed": cross_fit.seed} | {name: getattr(selector, name) for name in names}
    task, scoring = cross_fit.task, selector.scoring
    if aims is not None and aims.plan.is_listed:
        scoring, estimator["objectives"] = aims.scoring, aims.plan.describe()
    metric = describe_scoring(scoring, task.scorer)
    if task.thresholds is not None and task.thresholds.keeps_labels:
        scoring = (scoring, selector.threshold, compute_digest(dict(task.thresholds.params)))
    return StudySpec(
        random_state=selector.random_state,
        make_sampler=partial(make_sampler, None, space),
        metric=metric,
        aim=aim,
        compute_fingerprint=partial(compute_fingerprint, task, space, scoring, estimator, resource=None),
        storage=selector.storage,
        study_name=selector.study_name,
        resume=selector.resume,
        attributes={SEED_ATTRIBUTE: cross_fit.seed},
        artifacts=artifacts,
        depends_on_time=selector.timeout is not None,
    )


# -- stopping candidates -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SelectionPruningRule:
    """Prunes by fold racing, with more tolerance for the first candidate of each family, or never that one.

    Models of different kinds err on different rows, so the second best family often helps a blend more than the second
    best candidate of the best one.

    Parameters
    ----------
    racing : FoldRacing
    get_family : callable
        Returns the name of a trial's family.
    n_rows : int
        The number of rows that candidates are measured on. If there are few, the first candidates are never pruned.
    meets_limits : callable
        Whether a candidate may be in a blend. One that may not is no reason to stop another.
    """

    racing: FoldRacing
    get_family: Callable[[optuna.Trial], str]
    n_rows: int
    meets_limits: Callable[[Outcome], bool]

    def start(self, study: optuna.Study, metric: str | None) -> "SelectionPruningTracker":
        """Return a tracker that knows of no candidate yet."""
        first: PruningTracker = NoPruningTracker()
        if self.n_rows > FEW_ROWS:
            first = FoldRacingRule(self.racing, NearBestTolerance(FIRST_TOLERANCE)).start(study, metric)
        other = FoldRacingRule(self.racing, NearBestTolerance(OTHER_TOLERANCE)).start(study, metric)
        return SelectionPruningTracker(first, other, self.get_family, self.meets_limits)


@dataclass(slots=True)
class SelectionPruningTracker:
    """Makes the states by one tracker for the first candidate of each family, and by another for all others."""

    first_candidates: PruningTracker
    other_candidates: PruningTracker
    get_family: Callable[[optuna.Trial], str]
    meets_limits: Callable[[Outcome], bool]
    seen_families: set[str] = field(default_factory=set, init=False)
    decides_late: ClassVar[bool] = False

    @property
    def reports_values(self) -> bool:
        """Whether the states report intermediate values to the study themselves."""
        return self.first_candidates.reports_values

    def add_outcome(self, outcome: Outcome) -> None:
        """Take the scores of a complete candidate into account, if it meets the limits."""
        if not self.meets_limits(outcome):
            return
        self.first_candidates.add_outcome(outcome)
        self.other_candidates.add_outcome(outcome)

    def choose_subsamples(self) -> tuple[int, ...]:
        """Return no subsamples: candidates are measured on whole folds."""
        return ()

    def make_pruner_state(self, trial: optuna.Trial) -> PrunerState:
        """Return the state that decides about this candidate, from the complete candidates so far."""
        family = self.get_family(trial)
        is_first = family not in self.seen_families
        self.seen_families.add(family)
        return (self.first_candidates if is_first else self.other_candidates).make_pruner_state(trial)

    def replay(
        self,
        trial: optuna.Trial,
        stored: optuna.trial.FrozenTrial,
        outcome: Outcome,
        state: PrunerState,
        *,
        is_anew: bool,
    ) -> Outcome | None:
        """Return the outcome as far as the candidate comes with this state."""
        return self.other_candidates.replay(trial, stored, outcome, state, is_anew=is_anew)


@dataclass(frozen=True, slots=True)
class NearBestTolerance:
    """Computes how far below the best candidate one may end and still enter the blend.

    Parameters
    ----------
    share : float
        Tolerated distance from the best score, as a share of that score.
    """

    share: float

    def __call__(self, best: np.ndarray) -> float:
        """Return the tolerated distance from the mean of the best candidate's fold scores."""
        return self.share * abs(float(best.mean()))

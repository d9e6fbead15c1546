"""What a search is told, and what comes out of it: frozen records that ``fit`` hands from stage to stage."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from sklearn_autotune._compat.clock import PhaseTimer
from sklearn_autotune._compat.sklearn import CallbackContexts
from sklearn_autotune.evaluation import Fold
from sklearn_autotune.evaluation._metric import Metric
from sklearn_autotune.execution import ExecutionRequest
from sklearn_autotune.progress._search_progress import SearchProgress
from sklearn_autotune.proposals._budget import Budget, StoppingRule
from sklearn_autotune.proposals._candidate_source import Proposer
from sklearn_autotune.proposals._default_candidate import DefaultMeasurement, DefaultPlan
from sklearn_autotune.proposals._look_ahead import LookAhead
from sklearn_autotune.proposals._teller import Aim
from sklearn_autotune.pruning import PruningRule
from sklearn_autotune.search._trial_loop import TrialRecord
from sklearn_autotune.space._space import Space
from sklearn_autotune.statistics._corrected_scores import CandidateRows
from sklearn_autotune.statistics._kept_rows import KeptRows
from sklearn_autotune.statistics._refit_rules import RefitRule
from sklearn_autotune.storage._artifacts import Artifacts

__all__ = ["Proposer", "ResultsSpec", "SearchRun", "SearchSpec", "StudySpec", "propose_nothing", "restore_nothing"]


def propose_nothing() -> None:
    """Make no proposer: the sampler proposes all candidates."""


def restore_nothing(attributes: Mapping[str, Any]) -> None:
    """Restore no proposer: the search makes its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySpec:
    """Where a search's study is kept, and which sampler proposes its candidates.

    Attributes
    ----------
    random_state : int, RandomState instance or None
        Seeds the sampler and the study's name.
    make_sampler : callable
        From a seed to a sampler that no other search uses.
    compute_fingerprint : callable
        Returns what identifies the task of a stored study; called only if there is a ``storage``.
    storage, study_name, resume
        As of `OptunaSearchCV`.
    pruner : optuna.pruners.BasePruner or None
        A pruner of the user's own; the study gets a copy.
    attributes : mapping of str to object
        Stored with a new study, in JSON's types.
    metric : Metric
        The score that the study maximises.
    aim : Aim
        What the study optimises.
    artifacts : Artifacts
        Where the artifacts of outcomes are kept.
    depends_on_time : bool
        Whether candidates depend on measured time, so that a stored search can be neither replayed nor shared with
        other processes. Its trials are taken as they are.
    """

    random_state: Any
    make_sampler: Callable[[int], optuna.samplers.BaseSampler]
    compute_fingerprint: Callable[[], dict[str, str]] = field(default=dict)
    storage: object = None
    study_name: str | None = None
    resume: bool = False
    pruner: optuna.pruners.BasePruner | None = None
    metric: Metric = field(default_factory=Metric)
    aim: Aim = field(default_factory=Aim)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Artifacts = field(default_factory=Artifacts)
    depends_on_time: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultsSpec:
    """How finished trials become ``cv_results_``, and which candidate wins.

    Attributes
    ----------
    refit : bool, str or callable
        As of `OptunaSearchCV`.
    metric : str or None
        Name of the score that decides, if there are several.
    make_rule : callable or None
        From the name that the deciding score has in ``cv_results_`` to a rule that chooses the winner in place of
        ``refit``.
    error_score, return_train_score
        As of `OptunaSearchCV`.
    """

    refit: Any = True
    metric: str | None = None
    make_rule: Callable[[str], RefitRule] | None = None
    error_score: float | str = float("nan")
    return_train_score: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSpec:
    """A search, read and checked: everything that `run_search` needs.

    What has a state is made by a function: a search that cannot replay its stored trials begins a second time.

    Attributes
    ----------
    folds : tuple of Fold
    space : Space
    study : StudySpec
    results : ResultsSpec
    execution : ExecutionRequest
        What measures the candidates is chosen by it.
    pruning_rule : PruningRule
        When candidates are stopped.
    make_budget : callable
    make_stopping_rule : callable
    make_proposer : callable
        Makes what proposes candidates before the sampler is asked; or returns None.
    restore_proposer : callable
        From the attributes of a stored study that is resumed to the proposer that it had; None if it had none.
    first_candidates : sequence of dict
        Measured first.
    look_ahead : LookAhead
    callbacks : sequence of callable
        Called as ``callback(study, frozen_trial)`` after each candidate.
    progress : SearchProgress
        Shows how the search is doing.
    candidate_rows : CandidateRows or str
        How test rows are scored, without the candidates' values; or the reason why none are kept.
    contexts : CallbackContexts
        scikit-learn's callbacks.
    print_start : callable
        Called with the number of candidates before the first one is asked.
    default : DefaultPlan or None
        How the estimator's own parameters are measured; None if they are not of interest.
    """

    folds: tuple[Fold, ...]
    space: Space
    study: StudySpec
    results: ResultsSpec
    execution: ExecutionRequest
    pruning_rule: PruningRule
    make_budget: Callable[[], Budget]
    contexts: CallbackContexts
    print_start: Callable[[int], None]
    make_stopping_rule: Callable[[], StoppingRule] = StoppingRule
    make_proposer: Callable[[], Proposer | None] = propose_nothing
    restore_proposer: Callable[[Mapping[str, Any]], Proposer | None] = restore_nothing
    first_candidates: Sequence[Mapping[str, Any]] = ()
    look_ahead: LookAhead = field(default_factory=lambda: LookAhead(2))
    callbacks: Sequence[Callable[[optuna.Study, FrozenTrial], None]] = ()
    progress: SearchProgress = field(default_factory=SearchProgress)
    candidate_rows: CandidateRows | str = "this kind of search keeps no test rows"
    default: DefaultPlan | None = None


@dataclass(frozen=True, slots=True)
class SearchRun:
    """What came out of a search, finished or interrupted.

    Attributes
    ----------
    spec : SearchSpec
    study : optuna.Study
    records : tuple of TrialRecord
        Of all finished trials, in the order of their numbers.
    phase_timer : PhaseTimer
    kept_rows : KeptRows
        Losses or predictions of the candidates' test rows.
    default : DefaultMeasurement
        Of the estimator's own parameters.
    kept_predictions : KeptRows
        Predictions for the test rows, of a search whose evaluation gives them.
    """

    spec: SearchSpec
    study: optuna.Study
    records: tuple[TrialRecord, ...]
    phase_timer: PhaseTimer
    kept_rows: KeptRows
    default: DefaultMeasurement = field(default_factory=DefaultMeasurement)
    kept_predictions: KeptRows = field(default_factory=KeptRows)

"""Runs a search: opens its study and its executor, and measures candidates until the budget is spent."""

import copy
import logging
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from typing import TypeVar

from sklearn_autotune._compat.clock import PhaseTimer
from sklearn_autotune.evaluation import Outcome
from sklearn_autotune.execution import Executor, make_executor
from sklearn_autotune.proposals._default_candidate import DefaultExecutor, DefaultMeasurement
from sklearn_autotune.proposals._look_ahead import DEFAULT, MODEL_LAG, PRUNER_LAG
from sklearn_autotune.proposals._warm_start import PortfolioProposer
from sklearn_autotune.pruning import NoPruningTracker
from sklearn_autotune.samplers._model_based import ModelBasedSampler
from sklearn_autotune.search._replay import ReplayMismatchError
from sklearn_autotune.search._routing import check_refit_names_score
from sklearn_autotune.search._spec import SearchRun, SearchSpec, StudySpec
from sklearn_autotune.search._trial_loop import TrialLoop, TrialRecord
from sklearn_autotune.storage._claims import ClaimingExecutor
from sklearn_autotune.storage._outcomes import DEFAULT_ATTRIBUTE
from sklearn_autotune.storage._recorder import Recorder
from sklearn_autotune.storage._signals import SignalWatch, raise_on_signals
from sklearn_autotune.storage._study import draw_seed, open_study

__all__ = ["run_search"]

logger = logging.getLogger(__name__)

Published = TypeVar("Published")


def run_search(
    spec: SearchSpec, publish: Callable[[SearchRun], Published], publish_partial: Callable[[SearchRun], None]
) -> Published:
    """Measure candidates until the budget is spent.

    Parameters
    ----------
    spec : SearchSpec
    publish : callable
        Called with the run when the search is over, while a Ctrl-C is still taken care of.
    publish_partial : callable
        Called with what there is when an exception ends the search: an interrupt, a failed callback, storage or
        cluster, an estimator's own exception under ``error_score="raise"``, or any other.

    Returns
    -------
    published : object
        What ``publish`` returns.

    Raises
    ------
    BaseException
        Whatever ended the search, after ``publish_partial``.
    """
    phase_timer = PhaseTimer()
    loops: list[TrialLoop] = []
    is_measured = False

    def make_run() -> SearchRun:
        records = tuple(sorted(loops[-1].records, key=lambda record: record.number))
        loop = loops[-1]
        default = _conclude_default(spec, loop.executor, records)
        return SearchRun(spec, loop.study, records, phase_timer, loop.kept_rows, default, loop.kept_predictions)

    try:
        with (
            raise_on_signals() as watch,
            closing(_open_recorder(spec.study)) as recorder,
            closing(_wrap_executor(make_executor(spec.execution), spec, recorder)) as executor,
        ):
            _measure_candidates(spec, loops, phase_timer, recorder, executor, watch)
            is_measured = True
            published = publish(make_run())
        spec.contexts.end()
    except BaseException as error:
        # After an error in `publish`, such as one of a user's ``refit``, what could be published has been.
        if loops and not (is_measured and isinstance(error, Exception)):
            publish_partial(make_run())
        raise
    return published


def _measure_candidates(
    spec: SearchSpec,
    loops: list[TrialLoop],
    phase_timer: PhaseTimer,
    recorder: Recorder,
    executor: Executor,
    watch: SignalWatch,
) -> None:
    """Run the trial loop; replay the stored trials first, if that is possible.

    The loop stands last in ``loops``, from where an interrupted search is read.
    """
    make = partial(_make_loop, spec, phase_timer, recorder, executor, watch)
    with spec.progress.show_search(), phase_timer.measure("total"):
        loops.append(make(skip_replay=spec.study.depends_on_time))
        spec.print_start(loops[-1].n_expected_candidates)
        _begin_progress(spec, loops[-1])
        spec.contexts.begin(loops[-1].n_expected_candidates)
        try:
            loops[-1].run()
        except ReplayMismatchError as error:
            logger.info("The stored trials are taken as they are: %s.", error)
            loops.append(make(skip_replay=True))
            _begin_progress(spec, loops[-1])
            loops[-1].run()
        if isinstance(executor, DefaultExecutor):
            with phase_timer.measure("measuring"):
                executor.finish()
            if DEFAULT_ATTRIBUTE in recorder.attributes:  # the study in memory has what the stored one has
                loops[-1].study.set_user_attr(DEFAULT_ATTRIBUTE, recorder.attributes[DEFAULT_ATTRIBUTE])


def _begin_progress(spec: SearchSpec, loop: TrialLoop) -> None:
    n_candidates = loop.n_expected_candidates if loop.budget.limits_trials else None
    spec.progress.begin(loop.study, n_candidates, loop.budget.deadline)


def _make_loop(
    spec: SearchSpec,
    phase_timer: PhaseTimer,
    recorder: Recorder,
    executor: Executor,
    watch: SignalWatch,
    *,
    skip_replay: bool,
) -> TrialLoop:
    # Without a replay, the same seed would propose the stored candidates again.
    seed = recorder.choose_seed(spec.study.random_state) + (len(recorder.read()) if skip_replay else 0)
    study = recorder.make_study(copy.deepcopy(spec.study.pruner))
    study.sampler = spec.study.make_sampler(seed)

    def check_outcome(outcome: Outcome) -> None:
        """Raise ValueError at the first outcome if a callable scorer gives several scores and ``refit`` names none."""
        scores = outcome.folds[0].test
        if isinstance(scores, dict) and spec.study.aim.objectives is None:
            check_refit_names_score(spec.results.refit, scores)

    propose = spec.restore_proposer(recorder.attributes) or spec.make_proposer()
    tracker = spec.pruning_rule.start(study, spec.results.metric)
    look_ahead = spec.look_ahead
    if look_ahead == DEFAULT and isinstance(study.sampler, ModelBasedSampler):
        look_ahead = MODEL_LAG
    if isinstance(propose, PortfolioProposer) and not propose.is_given_up:
        look_ahead = look_ahead.split_first()
    if spec.look_ahead == DEFAULT and not (tracker.decides_late or isinstance(tracker, NoPruningTracker)):
        look_ahead = PRUNER_LAG  # the pruner state is made when the candidate is asked
    loop = TrialLoop(
        study=study,
        space=spec.space,
        executor=executor,
        budget=spec.make_budget(),
        stopping_rule=spec.make_stopping_rule(),
        pruning_tracker=tracker,
        look_ahead=look_ahead,
        aim=spec.study.aim,
        seed=seed,
        enqueue=spec.first_candidates,
        propose=propose,
        callbacks=[*spec.callbacks, *spec.progress.own],
        check_outcome=check_outcome,
        check_signals=watch.check,
        contexts=spec.contexts,
        recorder=recorder,
        skip_replay=skip_replay,
        heeds_stops=bool(spec.callbacks) or spec.contexts.is_active,
        phase_timer=phase_timer,
    )
    if isinstance(executor, DefaultExecutor):
        executor.records = loop.records
    return loop


def _conclude_default(spec: SearchSpec, executor: Executor, records: Sequence[TrialRecord]) -> DefaultMeasurement:
    """Return what is known of the estimator's own parameters."""
    if spec.default is None or not isinstance(executor, DefaultExecutor):
        return DefaultMeasurement()
    return spec.default.conclude(records, executor.outcome)


def _open_recorder(spec: StudySpec) -> Recorder:
    if spec.storage is None:
        return Recorder(study_name=spec.study_name, metric_name=spec.metric.name, objectives=spec.aim.directions)
    fingerprint = spec.compute_fingerprint()
    seed = draw_seed(spec.random_state)
    opened = open_study(
        storage=spec.storage,
        study_name=spec.study_name,
        resume=spec.resume,
        fingerprint=fingerprint,
        seed=seed,
        metric_name=spec.metric.name,
        attributes=spec.attributes,
        objectives=spec.aim.directions,
    )
    try:
        spec.artifacts.open(opened.study.study_name, fingerprint)
    except BaseException:
        opened.close()
        raise
    return Recorder(
        opened,
        metric_name=spec.metric.name,
        objectives=spec.aim.directions,
        artifacts=spec.artifacts,
        shares=not spec.depends_on_time,
    )


def _wrap_executor(executor: Executor, spec: SearchSpec, recorder: Recorder) -> Executor:
    """Make the executor measure the default, and of candidates that other processes may measure only claimed ones."""
    if recorder.shared_study is not None:
        executor = ClaimingExecutor(executor, recorder, recorder.shared_study)
    return executor if spec.default is None else DefaultExecutor(executor, spec.default, spec.make_budget(), recorder)

"""BaseSearch: what all searches do between reading the parameters and the final fit."""

import copy
import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any

import numpy as np
import optuna
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sklearn_autotune._compat.sklearn import CallbackContexts
from sklearn_autotune.evaluation import Evaluation, Outcome, Task
from sklearn_autotune.exceptions import ClusterLostError, StudyStorageError
from sklearn_autotune.execution._executors import Executor, TrialLimits, make_executor
from sklearn_autotune.progress import TrialProgress
from sklearn_autotune.pruning._bars import PruningRule
from sklearn_autotune.search._phase_timer import PhaseTimer
from sklearn_autotune.search._refit_rules import RefitRule
from sklearn_autotune.search._results import choose_best, format_results, format_trials
from sklearn_autotune.search._routing import check_refit_names_score
from sklearn_autotune.search._setup import get_refit_metric, make_pruning_rule
from sklearn_autotune.search._trial_loop import Budget, ReplayMismatchError, StoppingRule, TrialLoop, TrialRecord
from sklearn_autotune.space._space import Space
from sklearn_autotune.storage._claims import ClaimingExecutor
from sklearn_autotune.storage._recorder import Recorder
from sklearn_autotune.storage._signals import raise_on_sigterm
from sklearn_autotune.storage._study import compute_fingerprint, draw_seed, make_sampler, open_study

__all__ = ["BaseSearch", "get_deployed_model", "get_fold_sizes", "get_phase_timer"]

logger = logging.getLogger(__name__)


class BaseSearch(BaseEstimator):
    """Runs a search: opens the study, runs the trial loop, and sets the result attributes."""

    def __getstate__(self) -> dict[str, Any]:
        """Pickle a fitted search without its storage: its URL may hold a password, and it may not exist any more."""
        state = dict(super().__getstate__())
        if "study_" in state:
            state["storage"] = None
        return state

    def deployed_model(self) -> Any:
        """Return the fitted model without the search: no study and no trials, and little to load.

        Returns
        -------
        model : estimator
            Takes the same rows as this search, and predicts the same.

        Raises
        ------
        NotFittedError, AttributeError
            Before ``fit``, and with ``refit=False``.
        """
        check_is_fitted(self, "best_estimator_")
        return self.best_estimator_

    def _clear_fitted_attributes(self) -> None:
        """Delete the fitted attributes of an earlier fit."""
        for name in [name for name in vars(self) if name.endswith("_") and not name.startswith("_")]:
            delattr(self, name)

    # -- what subclasses may override ------------------------------------------------------------------------------

    def _make_executor(self, evaluation: Evaluation) -> Executor:
        return make_executor(evaluation, self.n_jobs, self.look_ahead, self._trial_limits)

    @property
    def _trial_limits(self) -> TrialLimits:
        """Seconds and bytes that one candidate may use."""
        return TrialLimits(self.trial_timeout, self.memory_limit)

    def _make_pruning_rule(self, study: optuna.Study, space: Space) -> PruningRule:
        return make_pruning_rule(self, study, space)

    def _compute_fingerprint(self, task: Task, space: Space) -> dict[str, str]:
        resource = (self.resource, self.min_resources, self.max_resources, self.factor)
        return compute_fingerprint(task, space, self.scoring, self.estimator, resource)

    def _get_first_candidates(self, space: Space) -> Sequence[Mapping[str, Any]]:
        return self.enqueue or ()

    def _get_refit_rule(self, metric: str) -> Any:
        return self.refit

    def _make_proposer(self) -> Callable[[Sequence[TrialRecord], int], Mapping[str, Any] | None] | None:
        return None

    def _make_budget(self, deadline: float | None) -> Budget:
        return Budget(self.n_trials, deadline, bool(self.refit))

    def _make_stopping_rule(self) -> StoppingRule:
        return StoppingRule(self.patience, self.target_score)

    def _make_sampler(self, space: Space, seed: int) -> optuna.samplers.BaseSampler:
        return make_sampler(self.sampler, space, seed)

    # -- the search ------------------------------------------------------------------------------------------------

    def _search(
        self, task: Task, space: Space, evaluation: Evaluation, contexts: CallbackContexts, start: float
    ) -> TrialRecord | None:
        """Measure candidates until the budget is spent, set the result attributes, and return the winner.

        There is no winner if no score decides.
        """
        deadline = None if self.timeout is None else start + self.timeout
        self._phase_timer = PhaseTimer()
        self._fold_sizes = np.array([(len(fold.train), len(fold.test)) for fold in task.folds])
        loops: list[TrialLoop] = []  # not an attribute: scikit-learn's callbacks pickle the search
        try:
            with (
                raise_on_sigterm(),
                closing(self._open_recorder(task, space)) as recorder,
                closing(self._wrap_with_claims(self._make_executor(evaluation), recorder)) as executor,
            ):
                self._run_trial_loop(loops, space, deadline, recorder=recorder, executor=executor, contexts=contexts)
                winner = self._set_result_attributes(loops[-1].study, loops[-1].records)
            contexts.end()
            return winner
        except (KeyboardInterrupt, StudyStorageError, ClusterLostError):
            if loops:
                self._set_partial_results(loops[-1].study, loops[-1].records)
            raise

    def _run_trial_loop(
        self, loops: list[TrialLoop], space: Space, deadline: float | None, *, contexts: CallbackContexts, **parts: Any
    ) -> None:
        """Measure candidates until the budget is spent; replay the stored trials first, if that is possible."""
        # From verbose=2 on, the lines that scikit-learn prints for each fold would break a progress bar.
        progress = TrialProgress(self.n_trials, self.timeout, bar="auto" if self.verbose == 1 else False)
        progress_callbacks = [progress] if self.verbose > 0 else []
        parts |= {
            "contexts": contexts,
            "callbacks": [*(self.callbacks or ()), *progress_callbacks],
            "phase_timer": self._phase_timer,
        }
        with progress, self._phase_timer.measure("total"):
            loops.append(self._make_loop(space, deadline, **parts))
            self._print_n_fits(loops[-1].n_expected_candidates)
            contexts.begin(loops[-1].n_expected_candidates)
            try:
                loops[-1].run()
            except ReplayMismatchError as error:
                logger.info("The stored trials are taken as they are: %s.", error)
                loops.append(self._make_loop(space, deadline, skip_replay=True, **parts))
                loops[-1].run()

    def _open_recorder(self, task: Task, space: Space) -> Recorder:
        if self.storage is None:
            return Recorder(study_name=self.study_name)
        fingerprint = self._compute_fingerprint(task, space)
        seed = draw_seed(self.random_state)
        return Recorder(
            open_study(
                storage=self.storage, study_name=self.study_name, resume=self.resume, fingerprint=fingerprint, seed=seed
            )
        )

    def _wrap_with_claims(self, executor: Executor, recorder: Recorder) -> Executor:
        """Make the executor measure only claimed candidates, if other processes may search the same study."""
        return ClaimingExecutor(executor, recorder) if recorder.is_shared else executor

    def _make_loop(
        self, space: Space, deadline: float | None, *, recorder: Recorder, skip_replay: bool = False, **parts: Any
    ) -> TrialLoop:
        # Without a replay, the same seed would propose the stored candidates again.
        seed = recorder.choose_seed(self.random_state) + (len(recorder.read()) if skip_replay else 0)
        study = recorder.make_study(
            copy.deepcopy(self.pruner) if isinstance(self.pruner, optuna.pruners.BasePruner) else None
        )
        study.sampler = self._make_sampler(space, seed)
        return TrialLoop(
            study=study,
            space=space,
            budget=self._make_budget(deadline),
            stopping_rule=self._make_stopping_rule(),
            pruning_rule=self._make_pruning_rule(study, space),
            look_ahead=self.look_ahead,
            metric=get_refit_metric(self),
            seed=seed,
            enqueue=self._get_first_candidates(space),
            propose=self._make_proposer(),
            check_outcome=self._check_outcome,
            recorder=recorder,
            skip_replay=skip_replay,
            **parts,
        )

    def _print_n_fits(self, n_candidates: int) -> None:
        if self.verbose > 0:
            print(
                f"Fitting {self.n_splits_} folds for each of {n_candidates} candidates, "
                f"totalling {self.n_splits_ * n_candidates} fits"
            )

    def _check_outcome(self, outcome: Outcome) -> None:
        """Raise ValueError at the first outcome if a callable scorer gives several scores and ``refit`` names none."""
        scores = outcome.folds[0].test
        if isinstance(scores, dict):
            check_refit_names_score(self.refit, scores)

    def _set_result_attributes(self, study: optuna.Study, records: list[TrialRecord]) -> TrialRecord | None:
        """Set the fitted attributes from the finished trials, and return the winner."""
        records = sorted(records, key=lambda record: record.number)
        self.study_ = study
        self.trials_ = format_trials(records, n_folds=self.n_splits_)
        measured = [record for record in records if record.is_measured]
        results, self.multimetric_ = format_results(
            measured,
            n_folds=self.n_splits_,
            error_score=self.error_score,
            return_train_score=self.return_train_score,
        )
        if self.refit or not self.multimetric_:
            metric = (get_refit_metric(self) if self.multimetric_ else None) or "score"
            self.best_index_ = choose_best(results, measured, self._get_refit_rule(metric), metric)
            self.best_params_ = results["params"][self.best_index_]
            if not callable(self.refit) or isinstance(self.refit, RefitRule):
                self.best_score_ = results[f"mean_test_{metric}"][self.best_index_]
        self.cv_results_ = results
        return measured[self.best_index_] if hasattr(self, "best_index_") else None

    def _set_partial_results(self, study: optuna.Study, records: list[TrialRecord]) -> None:
        """Set the fitted attributes from the trials so far, as far as they allow."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._set_result_attributes(study, records)
        except (ValueError, TypeError, IndexError) as error:
            logger.info("Interrupted before there was a result: %s", error)


def get_phase_timer(search: Any) -> PhaseTimer | None:
    """Return the seconds of a search by phase; None of a search of another package."""
    return getattr(search, "_phase_timer", None)


def get_fold_sizes(search: Any) -> np.ndarray | None:
    """Return the training and test rows of each fold, of shape (n_folds, 2); None of a search of another package."""
    return getattr(search, "_fold_sizes", None)


def get_deployed_model(search: Any) -> Any:
    """Return the fitted model of a search, of this package or another, without the search."""
    return search.deployed_model() if isinstance(search, BaseSearch) else search.best_estimator_

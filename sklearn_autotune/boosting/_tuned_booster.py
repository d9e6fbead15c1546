"""BaseTunedBooster: the search of all tuned boosters, for any library and any target."""

import numbers
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, ClassVar, Literal, Self

import numpy as np
import optuna
from joblib import effective_n_jobs
from sklearn.base import clone, is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_autotune._compat.shared_params import SharedParamsMixin
from sklearn_autotune._compat.sklearn import Interval, StrOptions, get_scorers
from sklearn_autotune._compat.types import ArrayLike, CrossValidation, MatrixLike, Scoring, Seed
from sklearn_autotune.boosting._binned_folds import Target
from sklearn_autotune.boosting._fold_boosting import BoosterFit, FoldBoosting, collect_learning_curves
from sklearn_autotune.boosting._learning_rate_refinement import SEARCH_LEARNING_RATE
from sklearn_autotune.boosting._library import TunedLibrary
from sklearn_autotune.boosting._search_spec import make_search_spec
from sklearn_autotune.evaluation import Task, WholeFolds
from sklearn_autotune.evaluation._defaults import draw_group_folds, limit_to_rarest_class
from sklearn_autotune.execution._dask import names_cluster
from sklearn_autotune.families import Shape
from sklearn_autotune.inference._column_values import is_dataframe
from sklearn_autotune.inference._encoding import EncodingTransformer
from sklearn_autotune.inference._table_reader import reorder_columns
from sklearn_autotune.pruning import FoldRacing
from sklearn_autotune.search._base_search import BaseSearch, DefaultScoreMixin
from sklearn_autotune.search._engine import run_search
from sklearn_autotune.search._final_fit import ESTIMATORS, average_over_folds, fit_on_folds, fit_winner, read_keep
from sklearn_autotune.search._results import SearchResults
from sklearn_autotune.search._routing import resolve_scorer, route_metadata_by_name
from sklearn_autotune.search._setup import get_refit_metric, keep_rows, make_task
from sklearn_autotune.search._spec import SearchRun
from sklearn_autotune.search._trial_loop import TrialRecord
from sklearn_autotune.space._space import RawSpace, Space, read_space
from sklearn_autotune.storage._study import draw_seed
from sklearn_autotune.tables._checks import check_weighted_classes, require_target
from sklearn_autotune.tables._memory import require_memory
from sklearn_autotune.tables._table_data import TableData, read_table

__all__ = ["BaseTunedBooster"]

MAX_ROUNDS = 5000

# The number of folds if ``cv`` is None. With many rows, fewer folds give about the same information in half the time.
N_FOLDS, FEW_FOLDS = 5, 3
MANY_ROWS = 20_000

# How many times the size of the table a search takes at least.
N_TABLE_COPIES = 1.5


class BaseTunedBooster(SharedParamsMixin, DefaultScoreMixin, BaseSearch):
    """A search over the parameters of a boosting library, which trains one booster for each fold of a candidate.

    A subclass for a library sets ``_library``, and its constructor has the library's parameters in addition to those of
    this class. `BaseTunedClassifier` and `BaseTunedRegressor` define how the target is read (`_read_target`), which
    score is the default (`_make_default_scorer`, `_get_loss`), the shape of out-of-fold predictions
    (`_reshape_prediction`), and the estimator of the deployed model (`_wrap_model_with_labels`).
    """

    _library: ClassVar[TunedLibrary]

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseSearch._parameter_constraints,
        "n_trials": [Interval(numbers.Integral, 1, None, closed="left")],
        "space": [dict, list, callable, None],
        "refit": ["boolean", str],
        "enqueue": [StrOptions({"auto"}), list, tuple, None],
        "refine_learning_rate": ["boolean"],
        "n_estimators": [Interval(numbers.Integral, 1, None, closed="left"), None],
    }

    def __init__(
        self,
        *,
        n_trials: int = 100,
        timeout: float | None = None,
        trial_timeout: float | None = None,
        memory_limit: int | None = None,
        scoring: Scoring = None,
        cv: CrossValidation = None,
        n_jobs: int | None = None,
        executor: object = None,
        random_state: Seed = None,
        space: RawSpace | None = None,
        pruner: optuna.pruners.BasePruner | FoldRacing | Literal["auto"] | None = "auto",
        sampler: optuna.samplers.BaseSampler | None = None,
        look_ahead: int = 1,
        refit: bool | str = True,
        patience: int | None = None,
        target_score: float | None = None,
        enqueue: Sequence[Mapping[str, Any]] | Literal["auto"] | None = "auto",
        keep: str | Sequence[str] | None = None,
        measure_default: bool | Literal["auto"] = "auto",
        callbacks: Sequence[Callable[[optuna.Study, optuna.trial.FrozenTrial], None]] | None = None,
        storage: optuna.storages.BaseStorage | str | PathLike[str] | None = None,
        study_name: str | None = None,
        resume: bool = False,
        verbose: int = 0,
        error_score: float | Literal["raise"] = np.nan,
        return_train_score: bool = False,
        refine_learning_rate: bool = True,
        n_estimators: int | None = None,
    ) -> None:
        self.n_trials = n_trials
        self.timeout = timeout
        self.trial_timeout = trial_timeout
        self.memory_limit = memory_limit
        self.scoring = scoring
        self.cv = cv
        self.n_jobs = n_jobs
        self.executor = executor
        self.random_state = random_state
        self.space = space
        self.pruner = pruner
        self.sampler = sampler
        self.look_ahead = look_ahead
        self.refit = refit
        self.patience = patience
        self.target_score = target_score
        self.enqueue = enqueue
        self.keep = keep
        self.measure_default = measure_default
        self.callbacks = callbacks
        self.storage = storage
        self.study_name = study_name
        self.resume = resume
        self.verbose = verbose
        self.error_score = error_score
        self.return_train_score = return_train_score
        self.refine_learning_rate = refine_learning_rate
        self.n_estimators = n_estimators

    def fit(
        self, X: MatrixLike, y: ArrayLike, *, sample_weight: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> Self:
        """Search, then fit the best candidate on all rows.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
            Numbers and booleans. A DataFrame of pandas or polars, or a table of Arrow, may also hold dates, times of
            the day, strings and categoricals. NaN and None are missing values.
        y : array-like of shape (n_samples,)
            Class labels of any type, or numbers.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights for training and, if the scorer accepts them, for the score, which also decides on early stopping.
            Only their ratios matter: they are divided by their mean, so that regularisation is as strong as without
            weights.
        groups : array-like of shape (n_samples,), default=None
            Which rows belong together, such as those of one patient. If ``cv`` is None or an int, they are kept in one
            fold. If it is a splitter, it receives the groups.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError, TypeError
            Before any model is fitted, if a parameter, the space or the data is invalid. After the search, if no
            candidate has a score.
        MemoryError
            If boosting would take more memory than there is, before any model is fitted (on Linux).
        KeyboardInterrupt
            On Ctrl-C. After any exception during the search, the estimator has the results so far.
        ClusterLostError
            If a Dask cluster has no workers any more.
        """
        start = self._begin_fit()
        kept = read_keep(self.keep, [ESTIMATORS])
        data = self._read_data(X, y, {"sample_weight": sample_weight, "groups": groups})
        target = self._read_target(data.y)
        if target.classes is not None:
            check_weighted_classes(target.classes, target.values, data.metadata.get("sample_weight"))
        model = self._make_model(target)
        scorer = self._resolve_scorer(target)
        routed = route_metadata_by_name(self, data.metadata, scorer)
        task = make_task(
            data.X,
            data.y,
            cv=self._make_folds(data, target),
            is_classification=target.classes is not None,
            scorer=scorer,
            routed=routed,
            error_score=self.error_score,
            return_train_score=self.return_train_score,
            metric=get_refit_metric(self.refit),
        )
        task = keep_rows(task, model, self.refit)
        self.n_splits_, self.scorer_ = len(task.folds), get_scorers(scorer)
        space, known_candidates = self._read_space(model, task, target)
        deadline = None if self.timeout is None else start + self.timeout
        evaluation = FoldBoosting(
            WholeFolds(model, task, self.verbose),
            self._library,
            target,
            get_refit_metric(self.refit),
            self.n_estimators or MAX_ROUNDS,
            self._get_loss() if self.scoring is None else None,
            self._count_boosters_at_a_time(),
            bool(self.refit),
            len(task.folds) if kept else 0,
        )
        groups, given = data.metadata.get("groups"), self._get_library_params()
        spec = make_search_spec(self, given, task, space, known_candidates, evaluation, deadline, groups)
        winner, predictions = run_search(spec, self._publish_winner, self._publish_partial)
        if self.refit and winner is not None:
            self._fit_winner(model, task, evaluation, winner, predictions)
        if kept and winner is not None:
            best, final_fit = clone(model).set_params(**self.best_params_), BoosterFit(evaluation.target)
            self.fold_estimators_ = [self._add_reader(one) for one in fit_on_folds(best, task, final_fit, ())]
        return self

    # -- reading -------------------------------------------------------------------------------------------------------

    def _read_data(self, X: Any, y: Any, metadata: Mapping[str, Any]) -> TableData:
        """Encode the table, check the target and the metadata, and set the attributes that describe the table."""
        require_target(self, y)
        require_memory(X, N_TABLE_COPIES, n_jobs=1)  # boosters that are trained at a time share the rows
        self._reader = EncodingTransformer(self._get_library_params().get("missing", np.nan))
        data = read_table(self._reader, X, y, metadata, is_classification=is_classifier(self), cv=self.cv)
        data.describe_columns_on(self)
        return data

    def _make_folds(self, data: TableData, target: Target) -> CrossValidation:
        """Return the user's ``cv``, or a number of folds; with groups, folds that keep them together."""
        cv = _choose_n_folds(target) if self.cv is None else self.cv
        if data.groups is None or not isinstance(cv, numbers.Integral):
            return cv
        return draw_group_folds(
            data.y,
            data.groups,
            int(cv),
            target.classes is not None,
            seed=None,
            may_lack_classes=self.scoring is None,
            is_exact=self.cv is not None,
        )

    def _get_library_params(self) -> dict[str, Any]:
        """Return the values of the parameters that the library's estimators have too."""
        params = self.get_params(deep=False)
        return {name: params[name] for name in self._library.params}

    def _make_model(self, target: Target) -> Any:
        """Make the estimator that is cloned for each candidate; it has all parameters set that are not searched."""
        return self._library.make_model(
            self._get_library_params(),
            self._reader.encoder_,
            list(getattr(self, "feature_names_in_", ())),
            is_classifier=target.classes is not None,
            seed=None if self.random_state is None else draw_seed(self.random_state) % 2**31,
        )

    def _resolve_scorer(self, target: Target) -> Any:
        if self.scoring is None:
            return self._make_default_scorer(target)
        return resolve_scorer(self, self.scoring, refit=self.refit, error_score=self.error_score)

    def _read_space(self, model: Any, task: Task, target: Target) -> tuple[Space, list[dict[str, Any]]]:
        """Read the space; return it with candidates from it that are known to be good."""
        raw_space = self.space
        known_candidates: list[dict[str, Any]] = []
        if raw_space is None:
            n_train = min(len(fold.train) for fold in task.folds)
            shape = Shape(n_train, is_classifier(model), model.get_params(), target_spread=target.spread)
            given = self._get_library_params()
            default_space = self._library.make_space(shape)
            raw_space = {name: values for name, values in default_space.items() if given.get(name) is None}
            known_candidates = self._library.make_first_candidates(raw_space, SEARCH_LEARNING_RATE, shape)
        space = read_space(raw_space)
        if self._library.rounds_param in space.names:
            raise ValueError(
                f"{self._library.rounds_param} cannot be in the space, because early stopping finds the best number of "
                "rounds for each candidate. Remove it, and set n_estimators to limit the number of rounds."
            )
        unknown = sorted(space.names - set(model.get_params()))  # XGBoost accepts unknown names with a warning
        if unknown:
            raise ValueError(
                f"The space has {unknown}, but {type(model).__name__} has no such parameters. It can have "
                f"{', '.join(sorted(set(self._library.params) - set(self._library.unsearched_params)))}."
            )
        if not isinstance(self.enqueue, str):
            for candidate in self.enqueue or ():
                space.encode(candidate)
        return space, known_candidates

    # -- the target: defined by `BaseTunedClassifier` and `BaseTunedRegressor` -----------------------------------------

    def _read_target(self, y: np.ndarray) -> Target:
        """Encode the target, which has been checked."""
        raise NotImplementedError

    def _make_default_scorer(self, target: Target) -> Any:
        """Make the default scorer, which is used if ``scoring`` is None."""
        raise NotImplementedError

    def _get_loss(self) -> Callable[[np.ndarray, np.ndarray, np.ndarray | None], float]:
        """Return a fast function for the negative of the default score."""
        raise NotImplementedError

    def _reshape_prediction(self, prediction: np.ndarray) -> np.ndarray:
        """Return a booster's prediction in the shape of ``oof_predictions_``."""
        raise NotImplementedError

    def _wrap_model_with_labels(self, model: Any) -> Any:
        """Return an estimator with a model inside, such as ``best_estimator_``, that predicts as this one does."""
        raise NotImplementedError

    # -- the search ----------------------------------------------------------------------------------------------------

    def _count_boosters_at_a_time(self) -> int:
        """Return how many boosters of a candidate are trained at a time: on a cluster, ``n_jobs`` counts workers."""
        return 1 if names_cluster(self.executor) else int(effective_n_jobs(self.n_jobs))

    def _publish(self, run: SearchRun) -> SearchResults:
        self.learning_curves_ = collect_learning_curves(run.records, get_refit_metric(self.refit))
        return super()._publish(run)

    def _publish_winner(self, run: SearchRun) -> tuple[TrialRecord | None, Mapping[int, np.ndarray]]:
        """Return the winner, and its predictions for the test rows of each fold, if they are known."""
        winner = self._publish(run).winner
        return winner, {} if winner is None else run.kept_predictions.values.get(winner.number, {})

    # -- the winner ----------------------------------------------------------------------------------------------------

    def _fit_winner(
        self,
        model: Any,
        task: Task,
        evaluation: FoldBoosting,
        winner: TrialRecord,
        predictions: Mapping[int, np.ndarray],
    ) -> None:
        """Fit the winner on all rows, with the number of rounds to which its score belongs.

        If an earlier process measured it, its predictions for the test rows are not known, and it is boosted again.
        """
        known = [predictions[fold] for fold in sorted(predictions)]
        known = known or evaluation.predict_out_of_fold(winner.params, winner.outcome.curve)
        self.oof_predictions_ = average_over_folds(task, [self._reshape_prediction(values) for values in known])
        evaluation.release()
        best = clone(model).set_params(**self.best_params_)
        final_fit = BoosterFit(evaluation.target, evaluation.metric)
        self.refit_time_ = fit_winner(best, task, final_fit, winner.outcome.curve)
        self.best_estimator_ = best
        self.n_estimators_ = self.best_params_[self._library.rounds_param]

    @property
    def feature_importances_(self) -> np.ndarray:
        """The importance of each column by ``importance_type``, of shape (n_features,); the sum is 1.

        The importance of a date is the sum over the columns into which it is encoded.
        """
        check_is_fitted(self, "best_estimator_")
        importances = self.best_estimator_.feature_importances_
        totals = np.zeros(self.n_features_in_, dtype=importances.dtype)
        np.add.at(totals, self._reader.encoder_.column_indices, importances)
        return totals

    def deployed_model(self) -> Any:
        """Return the fitted model without the search: an encoder of the columns and the library's estimator.

        Returns
        -------
        model : Pipeline
            It accepts the same tables as this search, and predicts the same values.
        """
        check_is_fitted(self, "best_estimator_")
        return self._add_reader(self.best_estimator_)

    def _add_reader(self, model: Any) -> Pipeline:
        return Pipeline([("read", self._reader), ("model", self._wrap_model_with_labels(model))])

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there is a fitted model or, with ``refit=False``, a table of results."""
        return hasattr(self, "best_estimator_" if self.refit else "cv_results_")

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that missing values, sparse matrices and categories are accepted."""
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags

    def _encode_rows(self, X: Any) -> Any:
        """Check and encode the rows to predict."""
        check_is_fitted(self, "best_estimator_")
        if is_dataframe(X):
            X = reorder_columns(X, self._reader.encoder_.names)
            validate_data(self, X, reset=False, skip_check_array=True)
            return self._reader.encoder_.transform(X)
        encoded = self._reader.encoder_.transform(X)
        validate_data(self, X, reset=False, skip_check_array=True)
        return encoded


def _choose_n_folds(target: Target) -> int:
    """Return the number of folds: at most as many as the rarest class has rows, but at least 2."""
    max_folds = N_FOLDS if len(target.values) < MANY_ROWS else FEW_FOLDS
    return max_folds if target.classes is None else limit_to_rarest_class(max_folds, np.bincount(target.values))

"""BaseTunedXGB: the search behind TunedXGBClassifier and TunedXGBRegressor, except for how the target is handled."""

import numbers
import time
import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np
import optuna
from joblib import effective_n_jobs
from sklearn.base import clone, is_classifier
from sklearn.metrics import get_scorer_names
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_autotune._compat.sklearn import (
    CallbackContexts,
    Interval,
    StrOptions,
    get_scorers,
)
from sklearn_autotune.boosting._fold_boosting import FoldBoosting, Target, average_over_folds, collect_learning_curves
from sklearn_autotune.boosting._learning_rate_refinement import (
    SEARCH_LEARNING_RATE,
    LearningRateRefinement,
    LowestLearningRateWithinNoise,
    is_refined,
)
from sklearn_autotune.boosting._xgboost_parameters import XGBOOST_PARAMS, resolve_constraints
from sklearn_autotune.evaluation import Evaluation, Task, WholeFolds
from sklearn_autotune.evaluation._defaults import limit_to_rarest_class
from sklearn_autotune.execution._executors import Executor, make_thread_executor
from sklearn_autotune.families import Shape
from sklearn_autotune.families._xgboost import make_first_xgboost_settings, make_tuned_xgboost_space
from sklearn_autotune.inference._column_encoder import ColumnEncoder, is_dataframe
from sklearn_autotune.inference._encoding import EncodingTransformer
from sklearn_autotune.pruning._bars import BoosterRacingRule, NoPruningRule, OptunaPrunerRule, PruningRule
from sklearn_autotune.pruning._fold_racing import FoldRacing
from sklearn_autotune.search._base_search import BaseSearch, make_progress, print_n_fits
from sklearn_autotune.search._engine import run_search
from sklearn_autotune.search._routing import resolve_scorer, route_metadata_by_name
from sklearn_autotune.search._setup import get_refit_metric, make_task
from sklearn_autotune.search._spec import ResultsSpec, SearchSpec, StudySpec, propose_nothing
from sklearn_autotune.search._trial_loop import Budget, StoppingRule, TrialRecord
from sklearn_autotune.space._space import Space, read_space
from sklearn_autotune.storage._study import compute_fingerprint, draw_seed, make_sampler
from sklearn_autotune.tables._checks import check_target_and_metadata, check_weighted_classes, require_target

__all__ = ["BaseTunedXGB"]

MAX_ROUNDS = 5000

# How many folds are drawn where ``cv`` is None: on many rows, fewer folds tell as much, at half the cost.
N_FOLDS, FEW_FOLDS = 5, 3
MANY_ROWS = 20_000

# On small tables three candidates, of which one was lucky on the first fold, would stop all that come after.
RACING = FoldRacing(n_startup_trials=5)


class BaseTunedXGB(BaseSearch):
    """A search over XGBoost's parameters that boosts all folds of a candidate side by side.

    Subclasses define how the target is read (`_read_target`), which score decides if none is named
    (`_make_default_scorer`), the shape of out-of-fold predictions (`_reshape_prediction`), and what the deployed model
    predicts with (`_wrap_model_with_labels`).
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_trials": [Interval(numbers.Integral, 1, None, closed="left")],
        "timeout": [Interval(numbers.Real, 0, None, closed="neither"), None],
        "scoring": [StrOptions(set(get_scorer_names())), callable, list, tuple, set, dict, None],
        "cv": ["cv_object"],
        "n_jobs": [numbers.Integral, None],
        "random_state": ["random_state"],
        "space": [dict, list, callable, None],
        "pruner": [StrOptions({"auto"}), FoldRacing, optuna.pruners.BasePruner, None],
        "sampler": [optuna.samplers.BaseSampler, None],
        "look_ahead": [Interval(numbers.Integral, 1, None, closed="left")],
        "refit": ["boolean", str],
        "patience": [Interval(numbers.Integral, 1, None, closed="left"), None],
        "target_score": [numbers.Real, None],
        "enqueue": [StrOptions({"auto"}), list, tuple, None],
        "callbacks": [list, tuple, None],
        "storage": "no_validation",
        "study_name": [str, None],
        "resume": ["boolean"],
        "verbose": ["verbose"],
        "error_score": [StrOptions({"raise"}), numbers.Real],
        "return_train_score": ["boolean"],
        "refine_learning_rate": ["boolean"],
        "n_estimators": [Interval(numbers.Integral, 1, None, closed="left"), None],
        **dict.fromkeys(XGBOOST_PARAMS, "no_validation"),
    }

    def __init__(
        self,
        *,
        n_trials: int = 100,
        timeout: float | None = None,
        scoring: Any = None,
        cv: Any = None,
        n_jobs: int | None = None,
        random_state: Any = None,
        space: Any = None,
        pruner: Any = "auto",
        sampler: Any = None,
        look_ahead: int = 1,
        refit: bool | str = True,
        patience: int | None = None,
        target_score: float | None = None,
        enqueue: Any = "auto",
        callbacks: Any = None,
        storage: Any = None,
        study_name: str | None = None,
        resume: bool = False,
        verbose: int = 0,
        error_score: float | str = np.nan,
        return_train_score: bool = False,
        refine_learning_rate: bool = True,
        n_estimators: int | None = None,
        max_depth: Any = None,
        max_leaves: Any = None,
        max_bin: Any = None,
        grow_policy: Any = None,
        learning_rate: Any = None,
        verbosity: Any = None,
        objective: Any = None,
        tree_method: Any = None,
        gamma: Any = None,
        min_child_weight: Any = None,
        max_delta_step: Any = None,
        subsample: Any = None,
        sampling_method: Any = None,
        colsample_bytree: Any = None,
        colsample_bylevel: Any = None,
        colsample_bynode: Any = None,
        reg_alpha: Any = None,
        reg_lambda: Any = None,
        scale_pos_weight: Any = None,
        base_score: Any = None,
        missing: float = np.nan,
        num_parallel_tree: Any = None,
        monotone_constraints: Any = None,
        interaction_constraints: Any = None,
        importance_type: Any = None,
        device: Any = None,
        validate_parameters: Any = None,
        feature_weights: Any = None,
        max_cat_to_onehot: Any = None,
        max_cat_threshold: Any = None,
        multi_strategy: Any = None,
    ) -> None:
        self.n_trials = n_trials
        self.timeout = timeout
        self.scoring = scoring
        self.cv = cv
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.space = space
        self.pruner = pruner
        self.sampler = sampler
        self.look_ahead = look_ahead
        self.refit = refit
        self.patience = patience
        self.target_score = target_score
        self.enqueue = enqueue
        self.callbacks = callbacks
        self.storage = storage
        self.study_name = study_name
        self.resume = resume
        self.verbose = verbose
        self.error_score = error_score
        self.return_train_score = return_train_score
        self.refine_learning_rate = refine_learning_rate
        self.n_estimators = n_estimators
        self.max_depth = max_depth
        self.max_leaves = max_leaves
        self.max_bin = max_bin
        self.grow_policy = grow_policy
        self.learning_rate = learning_rate
        self.verbosity = verbosity
        self.objective = objective
        self.tree_method = tree_method
        self.gamma = gamma
        self.min_child_weight = min_child_weight
        self.max_delta_step = max_delta_step
        self.subsample = subsample
        self.sampling_method = sampling_method
        self.colsample_bytree = colsample_bytree
        self.colsample_bylevel = colsample_bylevel
        self.colsample_bynode = colsample_bynode
        self.reg_alpha = reg_alpha
        self.reg_lambda = reg_lambda
        self.scale_pos_weight = scale_pos_weight
        self.base_score = base_score
        self.missing = missing
        self.num_parallel_tree = num_parallel_tree
        self.monotone_constraints = monotone_constraints
        self.interaction_constraints = interaction_constraints
        self.importance_type = importance_type
        self.device = device
        self.validate_parameters = validate_parameters
        self.feature_weights = feature_weights
        self.max_cat_to_onehot = max_cat_to_onehot
        self.max_cat_threshold = max_cat_threshold
        self.multi_strategy = multi_strategy

    def fit(self, X: Any, y: Any, *, sample_weight: Any = None, groups: Any = None) -> "BaseTunedXGB":
        """Search, then fit the best candidate on all rows.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
            Numbers, booleans, and, in DataFrames of pandas and polars, strings and categoricals. NaN and None are
            missing values.
        y : array-like of shape (n_samples,)
            Class labels of any type, or numbers.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights in training and, where the scorer takes them, in the score, by which early stopping goes too.
        groups : array-like of shape (n_samples,), default=None
            For a splitter that keeps groups together.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError, TypeError
            Before any model is fitted, if a parameter, the space or the data cannot be used; after the search, if
            all candidates failed.
        KeyboardInterrupt
            On Ctrl-C, once the results so far are on the estimator.
        """
        start = self._begin_fit()
        self._encoder = ColumnEncoder()
        X, y, params = self._read_data(X, y, {"sample_weight": sample_weight, "groups": groups})
        target = self._read_target(y)
        if target.classes is not None:
            check_weighted_classes(target.classes, target.values, params.get("sample_weight"))
        model = self._make_model(target)
        scorer = self._resolve_scorer(target)
        routed = route_metadata_by_name(self, params, scorer)
        task = make_task(
            X,
            y,
            cv=_choose_n_folds(target) if self.cv is None else self.cv,
            is_classification=target.classes is not None,
            scorer=scorer,
            routed=routed,
            error_score=self.error_score,
            return_train_score=self.return_train_score,
        )
        self.n_splits_ = len(task.folds)
        space, known_candidates = self._read_space(model, task)
        deadline = None if self.timeout is None else start + self.timeout
        evaluation = FoldBoosting(
            WholeFolds(model, task, self.verbose),
            target,
            get_refit_metric(self.refit),
            self.n_estimators or MAX_ROUNDS,
            self._get_loss() if self.scoring is None else None,
            effective_n_jobs(self.n_jobs),
            deadline,
        )
        spec = self._make_spec(task, space, evaluation, known_candidates, deadline)
        winner = run_search(spec, self._publish, self._publish_partial).winner
        self.scorer_ = get_scorers(scorer)
        self.learning_curves_ = collect_learning_curves(evaluation, self.trials_, get_refit_metric(self.refit))
        if self.refit and winner is not None:
            self._fit_winner(model, task, evaluation, winner)
        return self

    # -- reading -------------------------------------------------------------------------------------------------------

    def _read_data(self, X: Any, y: Any, metadata: Mapping[str, Any]) -> tuple[Any, Any, dict[str, Any]]:
        """Encode the table, and check that target and metadata have as many rows."""
        require_target(self, y)
        encoded = self._encoder.fit_transform(X)
        validate_data(self, X, skip_check_array=True)
        y, params = check_target_and_metadata(encoded, y, metadata)
        self._check_no_empty_columns(encoded)
        return encoded, y, params

    def _check_no_empty_columns(self, X: Any) -> None:
        if not isinstance(X, np.ndarray):
            return
        empty = np.flatnonzero(np.isnan(X).all(axis=0))
        if len(empty):
            names = getattr(self, "feature_names_in_", np.arange(X.shape[1]))
            raise ValueError(
                f"Columns {[str(name) for name in names[empty][:5]]} of X hold nothing but missing values. Drop them."
            )

    def _make_model(self, target: Target) -> Any:
        """Make the estimator that candidates are clones of, with everything set that is not searched."""
        import xgboost

        kind = xgboost.XGBRegressor if target.classes is None else xgboost.XGBClassifier
        fixed = {name: getattr(self, name) for name in XGBOOST_PARAMS}
        if fixed["objective"] is None:
            del fixed["objective"]  # each class has one of its own
        types = self._encoder.feature_types
        names = list(getattr(self, "feature_names_in_", ()))
        fixed |= resolve_constraints(self.monotone_constraints, self.interaction_constraints, names)
        seed = None if self.random_state is None else draw_seed(self.random_state) % 2**31
        return kind(**fixed, n_jobs=1, random_state=seed, feature_types=types, enable_categorical=types is not None)

    def _resolve_scorer(self, target: Target) -> Any:
        if self.scoring is None:
            return self._make_default_scorer(target)
        return resolve_scorer(self, self.scoring, refit=self.refit, error_score=self.error_score)

    def _read_space(self, model: Any, task: Task) -> tuple[Space, list[dict[str, Any]]]:
        """Read the space; return also the candidates that are known to be good in it."""
        raw_space = self.space
        known_candidates: list[dict[str, Any]] = []
        if raw_space is None:
            n_train = min(len(fold.train) for fold in task.folds)
            shape = Shape(n_train, is_classifier(model), model.get_params())
            raw_space = make_tuned_xgboost_space(shape)
            raw_space = {name: values for name, values in raw_space.items() if getattr(self, name, None) is None}
            known_candidates = make_first_xgboost_settings(raw_space, SEARCH_LEARNING_RATE, n_train)
        space = read_space(raw_space)
        if "n_estimators" in space.names:
            raise ValueError(
                "n_estimators is not searched: each candidate is given the number of rounds that is best for it. Take "
                "it out of the space, and set n_estimators for the largest number."
            )
        unknown = sorted(space.names - set(model.get_params()))  # XGBoost itself takes anything, and warns
        if unknown:
            raise ValueError(
                f"The space names {unknown}, which {type(model).__name__} does not have. Its parameters are "
                f"{', '.join(sorted(set(XGBOOST_PARAMS) - {'verbosity', 'objective', 'missing', 'device'}))}."
            )
        if not isinstance(self.enqueue, str):
            for candidate in self.enqueue or ():
                space.encode(candidate)
        return space, known_candidates

    # -- the search ----------------------------------------------------------------------------------------------------

    def _make_spec(
        self,
        task: Task,
        space: Space,
        evaluation: FoldBoosting,
        known_candidates: list[dict[str, Any]],
        deadline: float | None,
    ) -> SearchSpec:
        metric = get_refit_metric(self.refit)
        refines = self._is_learning_rate_refined
        known_first = known_candidates if self.enqueue == "auto" else ()
        # Refinement proposes the known candidates itself.
        first_candidates = (self.enqueue or ()) if self.enqueue != "auto" else () if refines else known_candidates
        make_proposer = partial(
            LearningRateRefinement, self.n_trials, metric, deadline, effective_n_jobs(self.n_jobs), known_first
        )
        return SearchSpec(
            folds=task.folds,
            space=space,
            study=StudySpec(
                random_state=self.random_state,
                make_sampler=partial(self._make_sampler, space),
                compute_fingerprint=partial(self._compute_fingerprint, task, space),
                storage=self.storage,
                study_name=self.study_name,
                resume=self.resume,
                pruner=self.pruner if isinstance(self.pruner, optuna.pruners.BasePruner) else None,
            ),
            results=ResultsSpec(
                refit=self.refit,
                metric=metric,
                make_rule=LowestLearningRateWithinNoise if refines else None,
                error_score=self.error_score,
                return_train_score=self.return_train_score,
            ),
            make_executor=partial(self._make_executor, evaluation),
            start_pruning=self._start_pruning,
            make_budget=partial(Budget, self.n_trials, deadline, bool(self.refit)),
            make_stopping_rule=partial(StoppingRule, self.patience, self.target_score),
            make_proposer=make_proposer if refines else propose_nothing,
            first_candidates=first_candidates,
            look_ahead=self.look_ahead,
            callbacks=self.callbacks or (),
            progress=make_progress(self.n_trials, self.timeout, self.verbose),
            contexts=CallbackContexts(self, None, len(task.folds)),
            print_start=partial(print_n_fits, self.verbose, len(task.folds)),
        )

    def _make_executor(self, evaluation: Evaluation) -> Executor:
        n_concurrent = effective_n_jobs(self.n_jobs) // self.n_splits_
        return make_thread_executor(evaluation, max(1, min(n_concurrent, self.look_ahead)))

    def _start_pruning(self, study: optuna.Study) -> PruningRule:
        metric = get_refit_metric(self.refit)
        if isinstance(self.pruner, optuna.pruners.BasePruner):
            return OptunaPrunerRule(study, metric)
        if self.pruner is None:
            return NoPruningRule()
        racing = RACING if self.pruner == "auto" else self.pruner
        return BoosterRacingRule(racing, metric, is_exempt=is_refined if self._is_learning_rate_refined else None)

    def _compute_fingerprint(self, task: Task, space: Space) -> dict[str, str]:
        names = (*XGBOOST_PARAMS, "n_estimators", "refine_learning_rate", "random_state")
        params = {name: getattr(self, name) for name in names}
        params["class_weight"] = getattr(self, "class_weight", None)
        return compute_fingerprint(task, space, self.scoring, params, None)

    def _make_sampler(self, space: Space, seed: int) -> optuna.samplers.BaseSampler:
        sampler = make_sampler(self.sampler, space, seed)
        if not self._is_learning_rate_refined:
            return sampler
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.samplers.PartialFixedSampler({"learning_rate": SEARCH_LEARNING_RATE}, sampler)

    @property
    def _is_learning_rate_refined(self) -> bool:
        """Whether the learning rate is refined, and not searched."""
        return self.refine_learning_rate and self.space is None and self.learning_rate is None

    # -- the winner ----------------------------------------------------------------------------------------------------

    def _fit_winner(self, model: Any, task: Task, evaluation: FoldBoosting, winner: TrialRecord) -> None:
        """Fit the winner on all rows, with the number of rounds that its score belongs to."""
        best = clone(model).set_params(**self.best_params_)
        start = time.perf_counter()
        self.best_estimator_ = evaluation.fit(best, task.X, task.y, task.fit_params, winner.outcome.curve)
        self.refit_time_ = time.perf_counter() - start
        self.n_estimators_ = self.best_params_["n_estimators"]
        predictions = evaluation.predict_out_of_fold(winner.number, winner.params, winner.outcome.curve)
        self.oof_predictions_ = average_over_folds(task, [self._reshape_prediction(values) for values in predictions])

    @property
    def feature_importances_(self) -> np.ndarray:
        """Importance of each column by ``importance_type``, of shape (n_features,); they add up to 1."""
        check_is_fitted(self, "best_estimator_")
        return self.best_estimator_.feature_importances_

    def deployed_model(self) -> Any:
        """Return the fitted model without the search: a Pipeline of an encoder of the columns and XGBoost's estimator.

        Returns
        -------
        model : Pipeline
            Takes the same tables as this search, and predicts the same.
        """
        check_is_fitted(self, "best_estimator_")
        encoder = EncodingTransformer()
        encoder.encoder_ = self._encoder
        if hasattr(self, "feature_names_in_"):
            encoder.feature_names_in_ = self.feature_names_in_
        return Pipeline([("read", encoder), ("model", self._wrap_model_with_labels())])

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there is a model to predict with, or, under ``refit=False``, a table of results."""
        return hasattr(self, "best_estimator_" if self.refit else "cv_results_")

    def __sklearn_tags__(self) -> Any:
        """Declare that missing values, sparse matrices and categories are accepted."""
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags

    def _encode_rows(self, X: Any) -> Any:
        """Check and encode rows to be predicted."""
        check_is_fitted(self, "best_estimator_")
        if is_dataframe(X):
            validate_data(self, X, reset=False, skip_check_array=True)
            return self._encoder.transform(X)
        encoded = self._encoder.transform(X)
        validate_data(self, X, reset=False, skip_check_array=True)
        return encoded


def _choose_n_folds(target: Target) -> int:
    """Return the number of folds: at most as many as the rarest class has rows, but at least 2."""
    max_folds = N_FOLDS if len(target.values) < MANY_ROWS else FEW_FOLDS
    return max_folds if target.classes is None else limit_to_rarest_class(max_folds, np.bincount(target.values))

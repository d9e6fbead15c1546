"""TunedXGBClassifier and TunedXGBRegressor: XGBoost, tuned by cross-validation."""

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, ClassVar, Literal

import numpy as np
import optuna

from sklearn_autotune._compat.sklearn import StrOptions
from sklearn_autotune._compat.types import ArrayLike, CrossValidation, Scoring, Seed
from sklearn_autotune.boosting._library import TunedLibrary
from sklearn_autotune.boosting._signature import extend_signature
from sklearn_autotune.boosting._targets import BaseTunedClassifier, BaseTunedRegressor
from sklearn_autotune.boosting._tuned_booster import BaseTunedBooster
from sklearn_autotune.boosting._xgboost_library import XGBOOST_PARAMS, TunedXGBoost
from sklearn_autotune.pruning import FoldRacing
from sklearn_autotune.space._space import RawSpace

__all__ = ["TunedXGBClassifier", "TunedXGBRegressor"]

_PARAMETERS = """Parameters
    ----------
    n_trials : int, default=100
        The largest number of different candidates that are measured.
    timeout : float, default=None
        Seconds for the whole ``fit``, the final fit included. Boosting of candidates ends when only the time for the
        final fit is left; the first candidate is given fewer rounds if that is necessary. None sets no limit.
    scoring : str, callable, list, tuple, set or dict, default=None
        As in scikit-learn; higher is better. It chooses the candidate and its number of rounds. None is the negated
        log loss of a classifier and the negated root mean squared error of a regressor, which XGBoost minimizes;
        ``score`` returns the accuracy or R², as in scikit-learn.
    cv : int, splitter or iterable of splits, default=None
        As in scikit-learn; None is 5 folds, or 3 from 20,000 rows on. For classifiers they are stratified, and at most
        as many as the rarest class has rows, but at least 2. Folds are drawn and binned once per ``fit``.
    n_jobs : int, default=None
        How many boosters are trained at a time, each in a thread on one processor: the folds of one candidate, and
        with more processors than folds several candidates, up to ``look_ahead``. None is 1 unless in a
        ``joblib.parallel_config`` context, -1 uses all processors. Never changes the result.
    random_state : int, RandomState instance or None, default=None
        Seed of the sampler and of XGBoost.
    space : dict, list of dict or callable, default=None
        The search space, like ``param_distributions`` of `OptunaSearchCV`. None is a space made for XGBoost, without
        the parameters that are set here. Early stopping finds the number of rounds, so it is not searched.
    pruner : "auto", optuna.pruners.BasePruner or None, default="auto"
        What stops hopeless candidates early. "auto" compares their curves with those of complete candidates. A pruner
        of Optuna's gets the mean score at each point. None boosts all candidates until they stop improving.
    sampler : optuna.samplers.BaseSampler, default=None
        Proposes the candidates; a copy is used. None is Optuna's multivariate TPE.
    look_ahead : int, default=1
        How many candidates may be under way before their results are known. Changes the result.
    refit : bool or str, default=True
        Whether to fit the best candidate on all rows. A str names the score that decides, of several.
    patience : int, default=None
        Stop after this many candidates in a row without a better mean score. None never does.
    target_score : float, default=None
        Stop once a candidate's mean score is at least this. None never does.
    enqueue : list of dict, "auto" or None, default="auto"
        Candidates to measure first. "auto" is a few settings that are known to be good on many tables.
    callbacks : list of callable, default=None
        Optuna callbacks, called as ``callback(study, frozen_trial)`` after each candidate, in order.
    storage : str, path or optuna.storages.BaseStorage, default=None
        Where the study is stored: a path is an SQLite file, a str with "://" an Optuna URL. None keeps it in memory.
    study_name : str, default=None
        Name of the study in ``storage``. None is "sklearn_autotune".
    resume : bool, default=False
        Whether to continue the stored study of that name until it has ``n_trials`` candidates in all.
    verbose : int, default=0
        0 prints nothing; more is as in `OptunaSearchCV`.
    error_score : "raise" or float, default=nan
        Score, in ``cv_results_``, of a fold that failed; its candidate has failed and never wins, whatever this is.
        "raise" lets the exception through.
    return_train_score : bool, default=False
        Also score on each fold's training rows.
    refine_learning_rate : bool, default=True
        Search at a learning rate of 0.2, and measure the best candidates again at a quarter of it, and at a quarter of
        that: now and then during the search, and at its end. The winner is the candidate with the lowest learning rate
        whose score is within one standard error of the best. False searches the learning rate like other parameters,
        and the best score wins. No effect if ``space`` or ``learning_rate`` is given.
    n_estimators : int, default=None
        The largest number of rounds. None is 5000.
    max_depth, max_leaves, max_bin, grow_policy, learning_rate, verbosity : object, default=None
        As in `XGBClassifier`, like all that follow. A parameter that is set is the same for all candidates.
    objective, tree_method, gamma, min_child_weight, max_delta_step : object, default=None
        As in `XGBClassifier`.
    subsample, sampling_method, colsample_bytree, colsample_bylevel, colsample_bynode : object, default=None
        As in `XGBClassifier`.
    reg_alpha, reg_lambda, scale_pos_weight, base_score : object, default=None
        As in `XGBClassifier`.
    missing : float, default=nan
        A number that stands for a missing value, as in `XGBClassifier`; NaN and None are missing too. Categories and
        dates are compared with it before they are encoded.
    num_parallel_tree, monotone_constraints, interaction_constraints, importance_type, device : object, default=None
        As in `XGBClassifier`. Constraints may name columns of a DataFrame.
    validate_parameters, feature_weights, max_cat_to_onehot, max_cat_threshold, multi_strategy : object, default=None
        As in `XGBClassifier`."""

_ATTRIBUTES = """Attributes
    ----------
    best_estimator_ : XGBClassifier or XGBRegressor
        Fitted on all rows with the best parameters; a plain XGBoost estimator. Absent with ``refit=False``.
    best_params_ : dict
        Includes the ``n_estimators`` that the score belongs to.
    best_score_ : float
        Mean score of the best candidate over the folds; higher is better. With ``refine_learning_rate``, up to one
        standard error below the best score in ``cv_results_``.
    best_index_ : int
        Row of the best candidate in ``cv_results_``.
    n_estimators_ : int
        Rounds of the best candidate, and of ``best_estimator_``.
    cv_results_ : dict of str to ndarray
        scikit-learn's table: one row per measured candidate.
    learning_curves_ : list of list of dict of str to ndarray
        For each row of ``cv_results_`` and each fold that was measured, ``n_estimators`` and ``score``, both of shape
        ``(n_points,)``. Empty for candidates of an earlier run that was resumed.
    trials_ : dict of str to ndarray
        Our own table of all trials, for ``pandas.DataFrame(model.trials_)``.
    study_ : optuna.Study
        In memory, for ``optuna.visualization``; what ``storage`` holds is a copy of its trials.
    scorer_ : callable or dict of callable
    n_splits_ : int
    refit_time_ : float
        Seconds of the final fit.
    feature_importances_ : ndarray of shape (n_features,)
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Only if X had names for its columns."""

_NOTES = """Notes
    -----
    Strings and categoricals become categories of XGBoost's; a category that was not seen in training is missing, and a
    warning says so if no value of a column was seen. Dates become days, seconds of the day and fractions of the second.
    If there are dates with a time of the day, ``best_estimator_`` has more columns than the table.

    What a sparse matrix leaves out is missing, as XGBoost has it, if the model was fitted on one: zeros of a dense
    table are missing too then. For a model that was fitted on a dense table, what a sparse matrix leaves out is zero.

    Each candidate is scored at the same points, in rounds times learning rate, until two points in a row bring no
    improvement. All folds get the same number of rounds, the one with the best mean score: the mean of each fold's own
    best score would be optimistic. The score is still a maximum over points, as it is over candidates; how optimistic
    that is was measured for `OptunaSearchCV` in ``benchmarks/iterations.py``.

    Fitting ``XGBClassifier(**best_params_)`` on each fold gives the winner's scores: XGBoost's samples do not depend on
    the other folds, since each booster is trained in a thread of its own."""


def _fill_docstring(kind: type) -> type:
    """Fill the text that both classes share into a class's docstring."""
    shared = {"{parameters}": _PARAMETERS, "{attributes}": _ATTRIBUTES, "{notes}": _NOTES}
    for mark, text in shared.items():
        kind.__doc__ = (kind.__doc__ or "").replace(mark, text)
    return kind


class BaseTunedXGB(BaseTunedBooster):
    """The constructor that both classes share."""

    _library: ClassVar[TunedLibrary] = TunedXGBoost()
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseTunedBooster._parameter_constraints,
        **dict.fromkeys(XGBOOST_PARAMS, "no_validation"),
    }

    def __init__(
        self,
        *,
        n_trials: int = 100,
        timeout: float | None = None,
        scoring: Scoring = None,
        cv: CrossValidation = None,
        n_jobs: int | None = None,
        random_state: Seed = None,
        space: RawSpace | None = None,
        pruner: optuna.pruners.BasePruner | FoldRacing | Literal["auto"] | None = "auto",
        sampler: optuna.samplers.BaseSampler | None = None,
        look_ahead: int = 1,
        refit: bool | str = True,
        patience: int | None = None,
        target_score: float | None = None,
        enqueue: Sequence[Mapping[str, Any]] | Literal["auto"] | None = "auto",
        callbacks: Sequence[Callable[[optuna.Study, optuna.trial.FrozenTrial], None]] | None = None,
        storage: optuna.storages.BaseStorage | str | PathLike[str] | None = None,
        study_name: str | None = None,
        resume: bool = False,
        verbose: int = 0,
        error_score: float | Literal["raise"] = np.nan,
        return_train_score: bool = False,
        refine_learning_rate: bool = True,
        n_estimators: int | None = None,
        max_depth: int | None = None,
        max_leaves: int | None = None,
        max_bin: int | None = None,
        grow_policy: str | None = None,
        learning_rate: float | None = None,
        verbosity: int | None = None,
        objective: str | Callable[..., Any] | None = None,
        tree_method: str | None = None,
        gamma: float | None = None,
        min_child_weight: float | None = None,
        max_delta_step: float | None = None,
        subsample: float | None = None,
        sampling_method: str | None = None,
        colsample_bytree: float | None = None,
        colsample_bylevel: float | None = None,
        colsample_bynode: float | None = None,
        reg_alpha: float | None = None,
        reg_lambda: float | None = None,
        scale_pos_weight: float | None = None,
        base_score: float | Sequence[float] | None = None,
        missing: float = np.nan,
        num_parallel_tree: int | None = None,
        monotone_constraints: Mapping[str, int] | Sequence[int] | str | None = None,
        interaction_constraints: Sequence[Sequence[str]] | Sequence[Sequence[int]] | str | None = None,
        importance_type: str | None = None,
        device: str | None = None,
        validate_parameters: bool | None = None,
        feature_weights: ArrayLike | None = None,
        max_cat_to_onehot: int | None = None,
        max_cat_threshold: int | None = None,
        multi_strategy: str | None = None,
    ) -> None:
        super().__init__(
            n_trials=n_trials,
            timeout=timeout,
            scoring=scoring,
            cv=cv,
            n_jobs=n_jobs,
            random_state=random_state,
            space=space,
            pruner=pruner,
            sampler=sampler,
            look_ahead=look_ahead,
            refit=refit,
            patience=patience,
            target_score=target_score,
            enqueue=enqueue,
            callbacks=callbacks,
            storage=storage,
            study_name=study_name,
            resume=resume,
            verbose=verbose,
            error_score=error_score,
            return_train_score=return_train_score,
            refine_learning_rate=refine_learning_rate,
            n_estimators=n_estimators,
        )
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


@_fill_docstring
class TunedXGBClassifier(BaseTunedClassifier, BaseTunedXGB):
    """XGBoost for classification, tuned by cross-validation.

    Replaces `XGBClassifier` and a search around it. Candidates are boosted on all folds side by side, on matrices that
    are binned once. Hopeless candidates are stopped early, and each is given its best number of rounds. Known good
    settings are measured first, then Optuna proposes candidates.

    {parameters}
    class_weight : dict or "balanced", default=None
        Weights of the classes in training, as in scikit-learn's classifiers. Not in the score. Only their ratios
        matter: those of a dict are scaled so that the training rows have a mean weight of 1, as they have with
        "balanced".

    {attributes}
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted. ``best_estimator_`` predicts their indices.
    oof_predictions_ : ndarray of shape (n_samples, n_classes)
        Probabilities that the winner's boosters predicted for the rows they were not trained on; NaN for rows in no
        test fold, the mean for rows in several.

    {notes}

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn_autotune import TunedXGBClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = TunedXGBClassifier(n_trials=5, cv=3, random_state=0, learning_rate=0.3).fit(X, y)
    >>> bool(model.best_score_ > -0.15)  # mean log loss, negated: higher is better
    True
    >>> model.best_estimator_.n_estimators == model.n_estimators_
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseTunedXGB._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    @extend_signature(BaseTunedXGB)
    def __init__(self, *, class_weight: Any = None, **params: Any) -> None:
        super().__init__(**params)
        self.class_weight = class_weight


@_fill_docstring
class TunedXGBRegressor(BaseTunedRegressor, BaseTunedXGB):
    """XGBoost for regression, tuned by cross-validation.

    Replaces `XGBRegressor` and a search around it; see `TunedXGBClassifier`.

    {parameters}

    {attributes}
    oof_predictions_ : ndarray of shape (n_samples,)
        Values that the winner's boosters predicted for the rows they were not trained on; NaN for rows in no test fold,
        the mean for rows in several.

    {notes}

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn_autotune import TunedXGBRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = TunedXGBRegressor(n_trials=5, cv=3, random_state=0).fit(X, y)
    >>> bool(model.best_score_ > -65)  # mean root of the mean squared error, negated: higher is better
    True
    """

    @extend_signature(BaseTunedXGB)
    def __init__(self, **params: Any) -> None:
        super().__init__(**params)

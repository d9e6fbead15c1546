"""TunedXGBClassifier and TunedXGBRegressor: XGBoost, tuned by cross-validation."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.metrics import get_scorer, get_scorer_names, make_scorer, mean_pinball_loss

from sklearn_autotune._compat.sklearn import Interval, StrOptions
from sklearn_autotune._compat.types import ArrayLike
from sklearn_autotune.boosting._binned_folds import Target
from sklearn_autotune.boosting._library import TunedLibrary
from sklearn_autotune.boosting._signature import extend_signature
from sklearn_autotune.boosting._targets import BaseTunedClassifier, BaseTunedRegressor
from sklearn_autotune.boosting._tuned_booster import BaseTunedBooster
from sklearn_autotune.boosting._xgboost_library import XGBOOST_PARAMS, TunedXGBoost
from sklearn_autotune.evaluation import compute_pinball_loss
from sklearn_autotune.evaluation._metric import find_loss
from sklearn_autotune.families._xgboost import LEVEL_PARAMETERS, OBJECTIVES

__all__ = ["TunedXGBClassifier", "TunedXGBRegressor"]

_PARAMETERS = """Parameters
    ----------
    n_trials : int, default=100
        The maximum number of different candidates to measure.
    timeout : float, default=None
        The seconds for the whole ``fit``, including the final fit. Boosting of candidates ends when only the time for
        the final fit is left. If there is little time, the first candidate has fewer rounds. None sets no limit.
    trial_timeout : float, default=None
        The seconds that a worker may spend on one candidate, all its folds together. A candidate that takes longer is
        ended and recorded as failed, and the search continues. With this limit, candidates are measured in worker
        processes, with ``n_jobs=1`` too. Starting a worker and binning the folds in it do not count, unless a parameter
        of the bins is searched. None sets no limit.
    memory_limit : int, default=None
        The bytes that one candidate may use, in addition to what its worker process uses before its first candidate,
        binned folds included. A candidate that needs more fails. As with ``trial_timeout``, candidates are measured in
        worker processes. It works on Linux only. None sets no limit.
    scoring : str, callable, list, tuple, set or dict, default=None
        As in scikit-learn; higher is better. This score chooses the candidate and its number of rounds. None means the
        negated log loss for a classifier and the negated root mean squared error for a regressor, which XGBoost
        minimizes. The method ``score`` returns the accuracy or R², as in scikit-learn.
    cv : int, splitter or iterable of splits, default=None
        As in scikit-learn. None means 5 folds, or 3 folds for 20,000 rows or more. For classifiers, these folds are
        stratified, and their number is at most that of the rows of the rarest class, but at least 2. Folds are drawn
        and binned once per ``fit``.
    n_jobs : int, default=None
        The number of boosters to train at a time, each in a thread on one processor. These are the folds of one
        candidate and, with more processors than folds, of up to ``look_ahead`` candidates. With ``trial_timeout`` or
        ``memory_limit``, each candidate under way has a worker process, which trains its folds in as many threads. With
        ``executor``, it is the maximum number of workers to use (None and negative numbers mean all), and each worker
        trains one booster at a time. Otherwise None means 1 unless in a ``joblib.parallel_config`` context, and -1
        means all processors. It does not change the result.
    executor : distributed.Client or str, default=None
        A Dask client, or the address of a Dask scheduler. The cluster's workers measure the candidates, each one at a
        time, so that ``look_ahead`` is how many workers can be busy. None means this machine, or the client of
        ``joblib.parallel_config("dask")``.
    random_state : int, RandomState instance or None, default=None
        The seed of the sampler and of XGBoost.
    space : dict, list of dict or callable, default=None
        The search space, like ``param_distributions`` of `OptunaSearchCV`. None means a space made for XGBoost, without
        the parameters that are set here. The number of rounds is not searched, because early stopping finds it.
    pruner : "auto", optuna.pruners.BasePruner or None, default="auto"
        Stops candidates early that cannot win. "auto" compares their boosting curves with those of complete candidates.
        To a pruner of Optuna, the mean score is reported after each fold. None boosts all candidates until they stop
        improving.
    sampler : optuna.samplers.BaseSampler, default=None
        Proposes the candidates; a copy is used. None means Optuna's multivariate TPE.
    look_ahead : int, default=1
        The number of candidates that may be under way before their results are known. It changes the result.
    refit : bool or str, default=True
        Whether to fit the best candidate on all rows. If there are several scores, a str names the one that chooses it.
    patience : int, default=None
        Stop the search after this many candidates in a row without a better mean score. None sets no limit.
    target_score : float, default=None
        Stop the search when a candidate's mean score is at least this. None sets no target.
    enqueue : list of dict, "auto" or None, default="auto"
        The candidates to measure first. "auto" means a few settings that are known to be good on many data sets.
    keep : "estimators", list of it, or None, default=None
        "estimators" keeps the winner's boosters of the folds as ``fold_estimators_``. The winner is fitted once more on
        each fold, inside the ``timeout``. ``oof_predictions_`` are kept in any case.
    measure_default : bool or "auto", default="auto"
        Whether to measure the default on all folds, for ``default_score_`` and ``tuning_gain_``: XGBoost's own
        parameters and those that are set here, with the number of rounds that early stopping finds. It costs as much as
        one candidate, and is no trial. "auto" is True, but False in a finite space that is searched in full.
    callbacks : list of callable, default=None
        Optuna callbacks, called as ``callback(study, frozen_trial)`` after each candidate, in trial order.
    storage : str, path or optuna.storages.BaseStorage, default=None
        Where the study is stored. A path means an SQLite file, and a str with "://" an Optuna URL. None keeps the study
        in memory.
    study_name : str, default=None
        The name of the study in ``storage``. None means "sklearn_autotune".
    resume : bool, default=False
        Whether to continue the stored study of this name until it has ``n_trials`` candidates in total.
    verbose : int, default=0
        0 prints nothing. Other values have the same effect as in `OptunaSearchCV`.
    error_score : "raise" or float, default=nan
        The score in ``cv_results_`` of a fold that failed. Its candidate has failed and never wins, whatever this
        value is. "raise" raises the exception.
    return_train_score : bool, default=False
        Whether to score on each fold's training rows too.
    refine_learning_rate : bool, default=True
        Whether to search with a learning rate of 0.2, and to measure the best candidates again with a quarter and with
        a sixteenth of it. This is done a few times during the search, and at its end. The winner is the candidate with
        the lowest learning rate whose score is within one standard error of the best. If False, the learning rate is
        searched like other parameters, and the best score wins. It has no effect if ``space`` or ``learning_rate`` is
        given.
    n_estimators : int, default=None
        The maximum number of rounds. None means 5000.
    max_depth, max_leaves, max_bin, grow_policy, learning_rate, verbosity : object, default=None
        As in `XGBClassifier`, like all parameters below. A parameter that is set has this value for all candidates.
    objective, tree_method, gamma, min_child_weight, max_delta_step : object, default=None
        As in `XGBClassifier`.
    subsample, sampling_method, colsample_bytree, colsample_bylevel, colsample_bynode : object, default=None
        As in `XGBClassifier`.
    reg_alpha, reg_lambda, scale_pos_weight, base_score : object, default=None
        As in `XGBClassifier`.
    missing : float, default=nan
        A number that means a missing value, as in `XGBClassifier`; NaN and None are missing too. Categories and dates
        are compared with it before they are encoded.
    num_parallel_tree, monotone_constraints, interaction_constraints, importance_type, device : object, default=None
        As in `XGBClassifier`. Constraints may name columns of a DataFrame.
    validate_parameters, feature_weights, max_cat_to_onehot, max_cat_threshold, multi_strategy : object, default=None
        As in `XGBClassifier`."""

_ATTRIBUTES = """Attributes
    ----------
    best_estimator_ : XGBClassifier or XGBRegressor
        A plain XGBoost estimator, fitted on all rows with the best parameters. Absent with ``refit=False``.
    best_params_ : dict
        The parameters of the best candidate, including the ``n_estimators`` to which its score belongs.
    best_score_ : float
        The mean score of the best candidate over the folds; higher is better. With ``refine_learning_rate``, it may be
        up to one standard error below the best score in ``cv_results_``.
    corrected_score_ : float
        ``best_score_`` without what the choice of the best candidate adds to it. Computed when it is first read,
        without a fit. The choice of the number of rounds is not corrected.
    corrected_interval_ : tuple of float
        The ends of its 95 % confidence interval.
    default_score_ : float
        The mean score of the default; see ``measure_default``.
    tuning_gain_ : TuningGain
        How much better the winner is than the default: ``mean`` with its 95 % interval from ``low`` to ``high``, as in
        `OptunaSearchCV`.
    fold_estimators_ : list of Pipeline
        The winner, fitted on the training rows of each fold; each accepts the same tables as this search, and predicts
        the same kind of values. Only with ``keep="estimators"``.
    best_index_ : int
        The row of the best candidate in ``cv_results_``.
    n_estimators_ : int
        The number of rounds of the best candidate and of ``best_estimator_``.
    cv_results_ : dict of str to ndarray
        scikit-learn's table of results, with one row per measured candidate.
    learning_curves_ : list of list of dict of str to ndarray
        For each row of ``cv_results_`` and each measured fold, the arrays ``n_estimators`` and ``score``, both of shape
        ``(n_points,)``. Empty for candidates that were measured before the search was resumed.
    trials_ : dict of str to ndarray
        A table of all trials. ``trials_.to_frame()`` is a pandas DataFrame, and ``print`` shows ten rows.
    study_ : optuna.Study
        The study in memory, for ``optuna.visualization``. If there is a ``storage``, it holds a copy of the trials.
    scorer_ : callable or dict of callable
    n_splits_ : int
    refit_time_ : float
        The seconds of the final fit.
    feature_importances_ : ndarray of shape (n_features,)
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Only if the columns of X had names."""

_NOTES = """Notes
    -----
    Strings and categoricals become XGBoost's categories. A category that did not occur in training is a missing value;
    if this is true for all values of a column, there is a warning. Dates become days, seconds of the day and fractions
    of the second. If there are dates with a time of the day, ``best_estimator_`` has more columns than the table.

    If the model was fitted on a sparse matrix, the entries that the matrix does not store are missing values, as in
    XGBoost, and zeros of a dense table are missing values too. If it was fitted on a dense table, the entries that a
    sparse matrix does not store are zeros.

    Each candidate is scored at the same points, in rounds times learning rate, until two points in a row bring no
    improvement. All folds have the same number of rounds, the one with the best mean score, because the mean of each
    fold's own best score would be too optimistic. The score is still a maximum over points, and so slightly optimistic;
    ``benchmarks/iterations.py`` measures by how much for `OptunaSearchCV`.

    Fitting ``XGBClassifier(**best_params_)`` on each fold gives the winner's scores. XGBoost's random samples do not
    depend on the other folds, because each booster is trained in its own thread."""


# By how objectives begin that are for other targets: what there is for these.
OTHER_OBJECTIVES = {
    "rank:": "each row alone: its folds and scores know no queries. For ranking, take OptunaSearchCV with XGBRanker, a "
    "column 'qid' in X, and cv=GroupKFold() with groups=X['qid'] in fit.",
    "survival:": "no times until an event: its folds and scores do not know which times are cut off. Take "
    "OptunaSearchCV with an estimator of scikit-survival.",
}


def _fill_docstring(kind: type) -> type:
    """Insert the texts that both classes share into a class's docstring."""
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

    @extend_signature(BaseTunedBooster)
    def __init__(
        self,
        *,
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
        **params: Any,
    ) -> None:
        super().__init__(**params)
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

    def _get_library_params(self) -> dict[str, Any]:
        """Return the values of XGBoost's parameters, if the objective is one for classes or numbers."""
        for kind, advice in OTHER_OBJECTIVES.items():
            if isinstance(self.objective, str) and self.objective.startswith(kind):
                name = type(self).__name__
                raise ValueError(f"objective={self.objective!r} is not for {name}, which predicts {advice}")
        return super()._get_library_params()


@_fill_docstring
class TunedXGBClassifier(BaseTunedClassifier, BaseTunedXGB):
    """XGBoost for classification, tuned by cross-validation.

    It replaces `XGBClassifier` and a search around it. The folds are binned once for all candidates. A candidate is
    boosted on one fold after another, and stopped early if it cannot win. Early stopping finds its number of rounds.
    Known good settings are measured first, then Optuna proposes candidates.

    {parameters}
    class_weight : dict or "balanced", default=None
        Weights of the classes in training, as in scikit-learn's classifiers. They do not change the score. Only their
        ratios matter: the weights of a dict are scaled so that the mean over the training rows is 1, as with
        "balanced".

    {attributes}
    classes_ : ndarray of shape (n_classes,)
        The class labels, sorted. ``best_estimator_`` predicts indices of this array.
    oof_predictions_ : ndarray of shape (n_samples, n_classes)
        The probabilities that the winner's boosters predicted for rows on which they were not trained. A row in several
        test folds has the mean, and a row in none has NaN.

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

    It replaces `XGBRegressor` and a search around it. `TunedXGBClassifier` describes how it searches. Without an
    ``objective``, it is the one that suits ``scoring``: for absolute errors and their percentages, for the pinball loss
    of a quantile, and for the deviances of Poisson, gamma and Tweedie. Otherwise it is the squared error.
    ``best_estimator_`` has it.

    {parameters}
    quantile_alpha : float, default=None
        The quantile to predict, between 0 and 1. Without an ``objective``, it is then that of quantiles; without
        ``scoring``, the score is the negated pinball loss. None means the quantile that ``scoring`` has.
    tweedie_variance_power : float, default=None
        The power of the objective "reg:tweedie", from 1 to 2. None means the power that ``scoring`` has, or 1.5.

    {attributes}
    oof_predictions_ : ndarray of shape (n_samples,)
        The values that the winner's boosters predicted for rows on which they were not trained. A row in several test
        folds has the mean, and a row in none has NaN.

    {notes}

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn_autotune import TunedXGBRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = TunedXGBRegressor(n_trials=5, cv=3, random_state=0).fit(X, y)
    >>> bool(model.best_score_ > -65)  # mean root mean squared error, negated: higher is better
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseTunedXGB._parameter_constraints,
        "quantile_alpha": [Interval(Real, 0, 1, closed="neither"), None],
        "tweedie_variance_power": [Interval(Real, 1, 2, closed="left"), None],
    }

    @extend_signature(BaseTunedXGB)
    def __init__(
        self, *, quantile_alpha: float | None = None, tweedie_variance_power: float | None = None, **params: Any
    ) -> None:
        super().__init__(**params)
        self.quantile_alpha = quantile_alpha
        self.tweedie_variance_power = tweedie_variance_power

    def _get_library_params(self) -> dict[str, Any]:
        """Return the values of XGBoost's parameters, with an objective that suits the score."""
        params = super()._get_library_params()
        given = {name: getattr(self, name) for name in LEVEL_PARAMETERS.values() if getattr(self, name) is not None}
        return params | _choose_objective(params["objective"], given, _find_loss(self.scoring, self.refit))

    def _make_default_scorer(self, target: Target) -> Any:
        quantile = self._get_library_params().get("quantile_alpha")
        if quantile is None:
            return super()._make_default_scorer(target)
        return make_scorer(mean_pinball_loss, alpha=quantile, greater_is_better=False)

    def _get_loss(self) -> Callable[[np.ndarray, np.ndarray, np.ndarray | None], float]:
        quantile = self._get_library_params().get("quantile_alpha")
        return super()._get_loss() if quantile is None else partial(compute_pinball_loss, quantile=quantile)


def _find_loss(scoring: Any, refit: Any) -> tuple[str, float]:
    """Find the loss that suits the score by which the winner is chosen, and its quantile or power."""
    scorer = scoring.get(refit) if isinstance(scoring, Mapping) else scoring
    if isinstance(scoring, list | tuple | set):
        scorer = refit
    if isinstance(scorer, str) and scorer in get_scorer_names():
        scorer = get_scorer(scorer)
    loss, level = find_loss(scorer)
    return ("absolute" if loss == "percentage" else loss), level


def _choose_objective(objective: Any, given: Mapping[str, float], wanted: tuple[str, float]) -> dict[str, Any]:
    """Return the objective with its quantile or power: the user's, or those that suit the score.

    Parameters
    ----------
    objective : str, callable or None
        The user's.
    given : mapping of str to float
        The quantile and the power that the user has set.
    wanted : (str, float)
        The loss that suits the score, and its quantile or power.

    Raises
    ------
    ValueError
        If the objective is that of quantiles and no quantile is known.
    """
    loss, level = wanted
    if objective is None and "quantile_alpha" in given:
        objective = OBJECTIVES["quantile"]
    elif objective is None and loss != "squared":
        objective = OBJECTIVES.get(loss)
    settings: dict[str, Any] = {"objective": objective}
    for own, parameter in LEVEL_PARAMETERS.items():
        if objective == OBJECTIVES[own] and loss == own:
            settings[parameter] = level
    settings |= given
    if objective == OBJECTIVES["quantile"] and "quantile_alpha" not in settings:
        raise ValueError(
            "objective='reg:quantileerror' predicts a quantile, and none is given. Set quantile_alpha, such as "
            "quantile_alpha=0.9, or pass scoring=make_scorer(mean_pinball_loss, alpha=0.9, greater_is_better=False)."
        )
    return settings

"""Which scores a run has, and the scores of its model: on the folds and on rows held out, with a baseline's beside."""

import warnings
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.utils.validation import has_fit_parameter

from sklearn_autotune._compat.sklearn import accepts_sample_weight, find_weight_parameter
from sklearn_autotune._compat.types import MatrixLike, Predictor, Splitter
from sklearn_autotune.evaluation import make_fixed_predictions
from sklearn_autotune.evaluation._defaults import make_log_loss_scorer
from sklearn_autotune.runner._config import Config, ConfigError
from sklearn_autotune.runner._data import LabelledRows, RunData, describe_task
from sklearn_autotune.runner._keys import get_deciding_metric, read_scores
from sklearn_autotune.search._base_search import BaseSearch, get_tuning_gain
from sklearn_autotune.search._front_attributes import get_objective_plan
from sklearn_autotune.search._optuna_search_cv import OptunaSearchCV
from sklearn_autotune.search._setup import get_refit_metric
from sklearn_autotune.statistics._intervals import compute_mean_interval

__all__ = [
    "choose_default_scoring",
    "choose_scoring",
    "describe_corrections",
    "make_run_scorer",
    "request_in_comparison",
    "request_weights",
    "route_weights",
    "score_folds",
    "score_others",
    "score_with_baseline",
    "score_with_interval",
    "validate_scoring",
]

CONFIDENCE = 0.95
N_BOOTSTRAP_DRAWS = 500
# With more rows each draw takes longer, and fewer draws suffice.
MANY_ROWS, N_BOOTSTRAP_DRAWS_LARGE = 10_000, 200


# -- which scores ------------------------------------------------------------------------------------------------------


def choose_default_scoring(task: str) -> str:
    """Return the scorer's name if the configuration names none."""
    return "neg_log_loss" if task == "classification" else "neg_root_mean_squared_error"


def choose_scoring(config: Config, task: str) -> str:
    """Return the name of the scorer that decides: of the configuration, of its objectives, or the default."""
    scores = read_scores(config.scoring)
    own = scores.get(get_deciding_metric(config) or "", next(iter(scores.values()), None))
    return own or config.aims.scoring or choose_default_scoring(task)


def validate_scoring(config: Config, run_data: RunData) -> None:
    """Refuse scores that do not fit the task, or that need a positive class which is not known."""
    is_classification = run_data.task == "classification"
    aims = config.aims
    named = [("scoring", scorer) for scorer in read_scores(config.scoring).values()]
    named += [("objectives and limits", scorer) for scorer in aims.scorers]
    named += [] if config.threshold is None else [("threshold", config.threshold)]
    for key, scorer in named:
        _validate_scorer(key, scorer, run_data)
    if config.threshold is not None and (not is_classification or len(np.unique(run_data.train.y)) != 2):
        raise ConfigError(f"threshold: it is for two classes, but this is {describe_task(run_data)}")


def _validate_scorer(key: str, scoring: str, run_data: RunData) -> None:
    is_classification = run_data.task == "classification"
    if is_classification and scoring in ("f1", "precision", "recall", "jaccard", "average_precision"):
        labels = set(np.unique(run_data.train.y).tolist())
        if not labels <= {0, 1}:
            other = "balanced_accuracy" if key == "threshold" else "roc_auc"  # a threshold changes labels only
            others = other if scoring == "average_precision" else f"{scoring}_macro or {other}"
            raise ConfigError(f"{key}: {scoring} is for the classes 0 and 1; take {others}")
    errors = ("r2", "max_error", "explained_variance", "d2_absolute_error_score")
    is_regression_scoring = "error" in scoring or "deviance" in scoring or scoring in errors
    if is_classification and is_regression_scoring:
        raise ConfigError(f"{key}: {scoring} is for regression, but this is {describe_task(run_data)}")
    if not is_classification and not is_regression_scoring:
        raise ConfigError(f"{key}: {scoring} is for classification, but this is {describe_task(run_data)}")


# -- weights of rows ---------------------------------------------------------------------------------------------------


def request_weights(search: OptunaSearchCV, model_type: str) -> None:
    """Have the model and the scorers of a search ask for the rows' weights, by scikit-learn's routing.

    Raises
    ------
    ConfigError
        If the model takes no weights.
    """
    pipeline = search.estimator
    parameter = find_weight_parameter(pipeline)
    if parameter is None:
        raise ConfigError(f"sample_weight: {model_type} takes no weights; leave it out, or write another model_type")
    weighted = parameter.removesuffix("sample_weight")
    with config_context(enable_metadata_routing=True):
        for name, part in pipeline.get_params().items():
            if hasattr(part, "set_fit_request") and has_fit_parameter(part, "sample_weight"):
                part.set_fit_request(sample_weight=f"{name}__".startswith(weighted))
        scoring = search.scoring
        if isinstance(scoring, list):
            scoring = {name: name for name in scoring}
        named = scoring if isinstance(scoring, dict) else _name_objectives(search.objectives)
        search.limits = _weight_limits(search.limits, named)
        search.objectives = None if search.objectives is None else _weight_all(named)
        search.scoring = _weight_all(scoring) if isinstance(scoring, dict) else _weight_scorer(scoring)
        search.threshold = _weight_scorer(search.threshold)


def _name_objectives(objectives: Any) -> dict[str, Any]:
    if isinstance(objectives, list):
        return {one if isinstance(one, str) else one.name: one for one in objectives}
    return objectives or {}


def _weight_all(scorers: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _weight_scorer(scorer) for name, scorer in scorers.items()}


def _weight_scorer(scorer: Any) -> Any:
    """Return the scorer of a name as an object that asks for weights, if it takes them; anything else as it is."""
    if not isinstance(scorer, str) or scorer not in get_scorer_names():
        return scorer
    found: Any = get_scorer(scorer)
    if not accepts_sample_weight(found):
        warnings.warn(f"The score {scorer} does not use sample_weight, with which the model is fitted.", stacklevel=2)
        return found
    return found.set_score_request(sample_weight=True)


def _weight_limits(limits: Any, named: Mapping[str, Any]) -> Any:
    """Return limits whose scorers ask for weights."""
    if limits is None:
        return None
    found = {}
    for name, value in limits.items():
        is_measured = name in named or f"neg_{name}" in named or len(value) == 3
        if not is_measured and name in get_scorer_names():
            found[name] = (_weight_scorer(name), *value)
        elif not is_measured and f"neg_{name}" in get_scorer_names():
            found[name] = (_weight_scorer(f"neg_{name}"), *value)
        else:
            found[name] = value
    return found


def request_in_comparison(searches: Mapping[str, Any], scorer: Any) -> Any:
    """Have searches whose own ``fit`` takes weights ask for them; return the scorer, which asks too if it can."""
    for search in searches.values():
        if hasattr(search, "set_fit_request") and has_fit_parameter(search, "sample_weight"):
            search.set_fit_request(sample_weight=True)
    return scorer.set_score_request(sample_weight=True) if accepts_sample_weight(scorer) else scorer


def route_weights(search: BaseSearch, rows: LabelledRows) -> AbstractContextManager[Any]:
    """Return the context in which a search is fitted: with scikit-learn's routing, if its parts ask for weights."""
    is_routed = isinstance(search, OptunaSearchCV) and rows.sample_weight is not None
    return config_context(enable_metadata_routing=True) if is_routed else nullcontext()


# -- scores ------------------------------------------------------------------------------------------------------------


class _Labelled(ClassifierMixin, BaseEstimator):
    """A classifier with fixed predictions, with other labels than the most probable classes."""

    def __init__(self, fixed: Any, labels: np.ndarray) -> None:
        self.fixed = fixed
        self.labels = labels
        self.classes_ = fixed.classes_

    def predict(self, X: MatrixLike) -> np.ndarray:
        return self.labels

    def predict_proba(self, X: MatrixLike) -> np.ndarray:
        found: np.ndarray = self.fixed.predict_proba(X)
        return found


def score_folds(search: BaseSearch, folds: Splitter, train: LabelledRows, scoring: str) -> dict[str, Any]:
    """Return the winner's scores over the folds, with an interval for their mean, and those of a baseline.

    The interval is that of `compare`, by the corrected resampled t-test.

    Parameters
    ----------
    search : estimator
        Fitted.
    folds : splitter
    train : LabelledRows
    scoring : str

    Returns
    -------
    scores : dict of str to object
        A blend has only a mean: it is chosen and scored on parts of the folds in turn.
    """
    placeholder = np.zeros((len(train.y), 1))
    pairs = list(folds.split(placeholder, train.y, train.groups))
    baselines = [_score_baseline(train.take(rest), train.take(test), scoring, search) for rest, test in pairs]
    result: dict[str, Any] = {"mean": float(search.best_score_), "baseline": float(np.mean(baselines))}
    if hasattr(search, "blend_weights_"):
        return result
    results, row, plan = search.cv_results_, search.best_index_, get_objective_plan(search)
    refit = search.get_params(deep=False).get("refit")
    metric = (get_refit_metric(refit) or "score") if plan is None else plan.primary
    scores = np.array([results[f"split{fold}_test_{metric}"][row] for fold in range(search.n_splits_)])
    ratios = [len(test) / len(rest) for rest, test in pairs]
    interval = compute_mean_interval(scores, test_over_train=float(np.mean(ratios)), confidence=CONFIDENCE)
    return result | {
        "scores": scores.tolist(),
        "interval": [interval.low, interval.high],
        "interval_is": f"{CONFIDENCE:.0%}, by the corrected resampled t-test (Nadeau and Bengio, 2003), since the "
        "training parts of the folds share rows; the winner was chosen by these scores, and the interval does not "
        "allow for that",
    }


def _score_baseline(train: LabelledRows, test: LabelledRows, scoring: str, search: BaseSearch) -> float:
    """Return the score of a baseline on one fold."""
    classes = getattr(search, "classes_", None)
    placeholders = [np.zeros((len(rows.y), 1)) for rows in (train, test)]
    baseline = _make_baseline(classes is not None).fit(placeholders[0], train.y, sample_weight=train.sample_weight)
    scorer = make_run_scorer(scoring, classes)
    return float(scorer(baseline, placeholders[1], test.y, **_get_score_params(scorer, test.sample_weight)))


def _get_score_params(scorer: Any, sample_weight: np.ndarray | None) -> dict[str, np.ndarray]:
    """Return the rows' weights by the name of the parameter, if there are any and the scorer takes them."""
    return {"sample_weight": sample_weight} if sample_weight is not None and accepts_sample_weight(scorer) else {}


def describe_corrections(config: Config, search: BaseSearch) -> dict[str, Any]:
    """Return what is known of the best score beside itself: the default's score, the gain, the corrected score.

    Parameters
    ----------
    config : Config
    search : estimator
        Fitted.

    Returns
    -------
    values : dict of str to object
        ``default`` and ``gain``, None if the default was not measured; ``corrected`` with ``missing_because`` in the
        place of its values if there is none, and None if the configuration does not ask for it.
    """
    gain = get_tuning_gain(search)
    found = {"mean": gain.mean, "interval": [gain.low, gain.high], "is_corrected": gain.is_corrected} if gain else None
    values: dict[str, Any] = {"default": getattr(search, "default_score_", None), "gain": found, "corrected": None}
    if config.corrected_score:
        try:
            values["corrected"] = {"score": search.corrected_score_, "interval": list(search.corrected_interval_)}
        except AttributeError as error:
            values["corrected"] = {"missing_because": str(error)}
    return values


def score_others(
    config: Config, search: BaseSearch, model: Predictor, run_data: RunData, decides: str
) -> dict[str, dict[str, Any]]:
    """Return the scores of a configuration with several that do not decide, by their names.

    Parameters
    ----------
    config : Config
    search : estimator
        Fitted.
    model : estimator
    run_data : RunData
    decides : str
        The scorer that does.

    Returns
    -------
    others : dict of str to dict
        ``scoring``; ``folds``, the mean over the folds; ``holdout``, None without rows held out.
    """
    scores = {} if isinstance(config.scoring, str | None) else read_scores(config.scoring)
    found = {}
    for name, scorer in scores.items():
        if scorer == decides and name == get_deciding_metric(config):
            continue
        mean = float(search.cv_results_[f"mean_test_{name}"][search.best_index_])
        held_out = None
        if run_data.holdout is not None:
            held_out = score_with_baseline(model, run_data.train, run_data.holdout, scorer, config.seed, n_draws=0)
        found[name] = {"scoring": scorer, "folds": mean, "holdout": held_out}
    return found


def score_with_baseline(
    model: Predictor, train: LabelledRows, rows: LabelledRows, scoring: str, seed: int, n_draws: int | None = None
) -> dict[str, Any]:
    """Score a model on rows, and a baseline that predicts the training rows' class frequencies or mean."""
    baseline = _make_baseline(is_classifier(model))
    baseline.fit(np.zeros((len(train.y), 1)), train.y, sample_weight=train.sample_weight)
    placeholder, weight = np.zeros((len(rows.y), 1)), rows.sample_weight
    labels = model.predict(rows.X) if isinstance(model, FixedThresholdClassifier) else None
    predicted, classes = _predict(model, rows.X), _get_classes(model)
    result = score_with_interval(predicted, classes, rows.y, scoring, seed, n_draws, labels, weight)
    predicted, classes = _predict(baseline, placeholder), _get_classes(baseline)
    baseline_scores = score_with_interval(predicted, classes, rows.y, scoring, seed, 0, None, weight)
    return result | {"baseline": baseline_scores["score"], "n_rows": len(rows.y)}


def _make_baseline(is_classification: bool) -> Any:
    return DummyClassifier(strategy="prior") if is_classification else DummyRegressor()


def _get_classes(model: Any) -> np.ndarray | None:
    return model.classes_ if is_classifier(model) else None


def _predict(model: Any, X: MatrixLike) -> np.ndarray:
    if not is_classifier(model):
        return np.asarray(model.predict(X), dtype=float)
    return np.asarray(model.predict_proba(X), dtype=float)


def score_with_interval(
    prediction: np.ndarray,
    classes: np.ndarray | None,
    y: np.ndarray,
    scoring: str,
    seed: int,
    n_draws: int | None = None,
    labels: np.ndarray | None = None,
    sample_weight: np.ndarray | None = None,
) -> dict[str, Any]:
    """Return the score of predictions, and its bootstrap interval.

    Parameters
    ----------
    prediction : ndarray of shape (n_rows,) or (n_rows, n_classes)
    classes : ndarray of shape (n_classes,) or None
    y : ndarray of shape (n_rows,)
    scoring : str
    seed : int
    n_draws : int, default=None
        None goes by the number of rows; 0 gives no interval.
    labels : ndarray of shape (n_rows,), default=None
        What the model predicts, if that is not the most probable class.
    sample_weight : ndarray of shape (n_rows,), default=None
        Used if the scorer takes weights.

    Returns
    -------
    result : dict of str to object
        Higher is better.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.arange(10.0)
    >>> score_with_interval(y + 1.0, None, y, "neg_root_mean_squared_error", 0)["interval"]
    [-1.0, -1.0]
    """
    scorer = make_run_scorer(scoring, classes)
    params = _get_score_params(scorer, sample_weight)

    def score(rows: np.ndarray) -> float:
        placeholder = np.zeros((len(rows), 1))
        model: Any = make_fixed_predictions(placeholder, prediction[rows], classes)
        if labels is not None:
            model = _Labelled(model, labels[rows])
        return float(scorer(model, placeholder, y[rows], **{name: values[rows] for name, values in params.items()}))

    all_rows = np.arange(len(y))
    result: dict[str, Any] = {"score": score(all_rows)}
    if n_draws is None:
        n_draws = N_BOOTSTRAP_DRAWS if len(y) <= MANY_ROWS else N_BOOTSTRAP_DRAWS_LARGE
    if n_draws and len(y) > 1:
        random = np.random.RandomState(seed)
        # Drawn within classes, so that no class is missing from a draw.
        parts = [all_rows] if classes is None else [np.flatnonzero(y == label) for label in np.unique(y)]
        draws = [score(np.concatenate([random.choice(part, len(part)) for part in parts])) for _ in range(n_draws)]
        low, high = np.quantile(draws, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
        within = "" if classes is None else " within classes"
        result |= {"interval": [float(low), float(high)]}
        result |= {"interval_is": f"{CONFIDENCE:.0%}, by {n_draws} bootstrap draws of the rows{within}"}
    return result


def make_run_scorer(scoring: str, classes: np.ndarray | None) -> Any:
    """Return the scorer; that of the log loss gets all classes, since some rows may lack one."""
    return make_log_loss_scorer(classes) if scoring == "neg_log_loss" else get_scorer(scoring)

"""Metric: the name of a score, and the sign that its values are shown with."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import GammaRegressor, PoissonRegressor, TweedieRegressor
from sklearn.metrics import (
    d2_absolute_error_score,
    d2_pinball_score,
    d2_tweedie_score,
    get_scorer,
    get_scorer_names,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_gamma_deviance,
    mean_pinball_loss,
    mean_poisson_deviance,
    mean_squared_log_error,
    mean_tweedie_deviance,
    median_absolute_error,
    root_mean_squared_log_error,
)
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier, RadiusNeighborsClassifier
from sklearn.pipeline import Pipeline

from sklearn_autotune._compat.sklearn import describe_scorer, get_passthrough_estimator

__all__ = ["Metric", "describe_metric", "describe_scoring", "find_loss", "name_own_score", "rewards_mean"]

NEGATED = "neg_"

# The metric that the ``score`` method of scikit-learn's classes computes. For classes that are not listed, such as
# density models, ``score`` has no common name.
OWN_SCORES: dict[object, str] = {
    kind.score: name
    for name, kinds in {
        "accuracy": (
            ClassifierMixin,
            DummyClassifier,
            KNeighborsClassifier,
            MultiOutputClassifier,
            RadiusNeighborsClassifier,
        ),
        "r2": (RegressorMixin, DummyRegressor),
        "d2": (GammaRegressor, PoissonRegressor, TweedieRegressor),
    }.items()
    for kind in kinds
}

# The same for classes of other libraries, by the names of the methods, since the library may not be installed.
OWN_SCORES_BY_NAME = {
    "sksurv.base.SurvivalAnalysisMixin.score": "concordance_index_censored",
    "sksurv.linear_model.aft.IPCRidge.score": "concordance_index_censored",
}

# Estimators of scikit-survival that wrap another one and replace its score.
OWN_SCORES_BY_CLASS = {
    "sksurv.metrics.as_concordance_index_ipcw_scorer": "concordance_index_ipcw",
    "sksurv.metrics.as_cumulative_dynamic_auc_scorer": "cumulative_dynamic_auc",
    "sksurv.metrics.as_integrated_brier_score_scorer": "neg_integrated_brier_score",
}

# What a model of a regression should minimise in training, by the metric of its score. Other metrics are taken
# for the squared error, which is least where the mean is predicted.
LOSSES: dict[object, str] = {
    mean_absolute_error: "absolute",
    median_absolute_error: "absolute",
    d2_absolute_error_score: "absolute",
    mean_absolute_percentage_error: "percentage",
    mean_pinball_loss: "quantile",
    d2_pinball_score: "quantile",
    mean_poisson_deviance: "poisson",
    mean_gamma_deviance: "gamma",
    mean_tweedie_deviance: "tweedie",
    d2_tweedie_score: "tweedie",
    mean_squared_log_error: "log",
    root_mean_squared_log_error: "log",
}
TWEEDIE_LOSSES = {1.0: "poisson", 2.0: "gamma"}


def find_loss(scorer: object) -> tuple[str, float]:
    """Find the loss that models of a regression should minimise for a score, and its quantile or power.

    Returns
    -------
    loss : {"squared", "absolute", "percentage", "quantile", "poisson", "gamma", "tweedie", "log"}
        "log" is the squared error of the logarithm. "squared" also where the metric is not known.
    level : float
        The quantile, or the power of the Tweedie distribution, which is between 1 and 2; 0.5 for other losses.

    Examples
    --------
    >>> from sklearn.metrics import get_scorer, make_scorer, mean_pinball_loss, mean_tweedie_deviance
    >>> [find_loss(get_scorer(name)) for name in ("r2", "neg_mean_absolute_error")]
    [('squared', 0.5), ('absolute', 0.5)]
    >>> find_loss(make_scorer(mean_pinball_loss, alpha=0.9, greater_is_better=False))
    ('quantile', 0.9)
    >>> find_loss(make_scorer(mean_tweedie_deviance, power=1.5, greater_is_better=False))
    ('tweedie', 1.5)
    """
    described = describe_scorer(scorer)
    if described is None:
        return "squared", 0.5
    _, (function,), settings = described
    loss = LOSSES.get(function, "squared")
    if loss == "tweedie":
        power = float(settings.get("power", 0))
        if 1 < power < 2:
            return loss, power
        # No library has the deviances of other powers. Above 2, predictions have to be positive.
        return TWEEDIE_LOSSES.get(min(power, 2.0), "squared"), 0.5
    quantile = float(settings.get("alpha", 0.5)) if loss == "quantile" else 0.5
    return ("absolute" if loss == "quantile" and quantile == 0.5 else loss), quantile


def rewards_mean(scorer: object) -> bool:
    """Whether a score of a regression is best where the mean of the target is predicted, as far as that is known.

    Examples
    --------
    >>> from sklearn.metrics import get_scorer
    >>> [rewards_mean(get_scorer(name)) for name in ("r2", "neg_mean_poisson_deviance", "neg_mean_absolute_error")]
    [True, True, False]
    """
    return find_loss(scorer)[0] in ("squared", "poisson", "gamma", "tweedie")


@dataclass(frozen=True, slots=True)
class Metric:
    """What a score is called, and how its values are written for a reader.

    Attributes
    ----------
    name : str
        scikit-learn's name of the scorer, such as "roc_auc" or "neg_log_loss". A scorer that scikit-learn does not know
        has the name of its function, with "neg_" in front if lower values of the function are better. A function
        without a name is called "score".
    """

    name: str = "score"

    @property
    def is_loss(self) -> bool:
        """Whether lower values of the metric are better. The score is then the negated value."""
        return self.name.startswith(NEGATED)

    @property
    def label(self) -> str:
        """The name that is shown: "roc_auc" as it is; a loss in words and without "neg", such as "log loss"."""
        return self.name.removeprefix(NEGATED).replace("_", " ") if self.is_loss else self.name

    @property
    def direction(self) -> str:
        """Which values are better, in words."""
        return "lower is better" if self.is_loss else "higher is better"

    @property
    def sign(self) -> int:
        """The factor from the score to the value that is shown: -1 for a loss, else 1."""
        return -1 if self.is_loss else 1

    def format(self, score: float, digits: int = 5) -> str:
        """Return the metric's name and value as text; a loss is shown with its own sign, not negated.

        Parameters
        ----------
        score : float
            As in ``cv_results_``: higher is better.
        digits : int, default=5
            Significant digits.

        Returns
        -------
        text : str

        Examples
        --------
        >>> Metric("roc_auc").format(0.912), Metric("neg_log_loss").format(-0.31)
        ('roc_auc 0.912', 'log loss 0.31')
        """
        return f"{self.label} {self.format_value(score, digits)}"

    def format_value(self, score: float, digits: int = 5) -> str:
        """Return the value of a score as text, without its name; a loss is shown with its own sign.

        Parameters
        ----------
        score : float
            As in ``cv_results_``: higher is better.
        digits : int, default=5
            Significant digits.

        Returns
        -------
        text : str
        """
        return f"{self.sign * score + 0.0:.{digits}g}"

    def explain(self, score: float, digits: int = 5) -> str:
        """Return a score with its name; for a loss, the text says that lower is better.

        Parameters
        ----------
        score : float
            As in ``cv_results_``: higher is better.
        digits : int, default=5
            Significant digits.

        Returns
        -------
        text : str

        Examples
        --------
        >>> Metric("roc_auc").explain(0.912), Metric("neg_log_loss").explain(-0.31)
        ('roc_auc 0.912', 'log loss 0.31 (lower is better)')
        """
        return self.format(score, digits) + (f" ({self.direction})" if self.is_loss else "")


def describe_metric(scorer: object, name: str | None = None) -> Metric:
    """Return the metric of a scorer.

    Parameters
    ----------
    scorer : callable or None
        As in ``scorer_`` of a fitted search: an object from ``make_scorer``, scikit-learn's scorer that calls the
        estimator's own ``score``, or any callable ``scorer(estimator, X, y)``.
    name : str, default=None
        The user's name for the score, if there are several scores.

    Returns
    -------
    metric : Metric

    Examples
    --------
    >>> from sklearn.metrics import get_scorer
    >>> describe_metric(get_scorer("neg_mean_absolute_error")).label
    'mean absolute error'
    """
    made = describe_scorer(scorer)
    is_loss = made is not None and not made[2]["greater_is_better"]
    if name is not None and name != Metric().name:  # which is scikit-learn's name of the only score
        return Metric(NEGATED + name if is_loss and not name.startswith(NEGATED) else name)
    estimator = get_passthrough_estimator(scorer)
    if estimator is not None:
        return Metric(name_own_score(estimator))
    if made is None:
        return Metric(_get_function_name(scorer))
    known = _name_scikit_learns_scorers().get(_make_key(made))
    return Metric(known or NEGATED * is_loss + _get_function_name(made[1][0]))


def describe_scoring(scoring: object, scorer: object, name: str | None = None) -> Metric:
    """Return the metric that guides a search.

    Parameters
    ----------
    scoring : object
        The user's ``scoring``.
    scorer : callable or mapping of str to callable
        The scorer that was made from it, or several scorers by name.
    name : str, default=None
        Which of several scores guides the search.

    Returns
    -------
    metric : Metric
        `Metric()`, which is called "score", if there are several scores and none of them guides the search.
    """
    if isinstance(scorer, Mapping):  # with objectives or limits also if ``scoring`` is a name
        return Metric() if name is None else describe_metric(scorer.get(name), name)
    if isinstance(scoring, str):
        return Metric(scoring)
    # A name without a mapping belongs to one of several scores that a single function returns.
    return describe_metric(scorer) if name is None else Metric(name)


def name_own_score(estimator: Any) -> str:
    """Return the name of the metric that ``estimator.score`` computes; "score" if it is not known.

    Known are the methods that scikit-learn and scikit-survival define.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.neighbors import KernelDensity
    >>> name_own_score(Ridge()), name_own_score(KernelDensity())
    ('r2', 'score')
    """
    while isinstance(estimator, Pipeline):
        estimator = estimator.steps[-1][1]
    kind = type(estimator)
    method = getattr(kind, "score", None)
    known = OWN_SCORES.get(method) or OWN_SCORES_BY_CLASS.get(_get_full_name(kind))
    return known or OWN_SCORES_BY_NAME.get(_get_full_name(method), Metric().name)


def _get_full_name(thing: object) -> str:
    return f"{getattr(thing, '__module__', '')}.{getattr(thing, '__qualname__', '')}"


def _get_function_name(function: object) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__name__", type(function).__name__)
    return "score" if name == "<lambda>" else str(name)


@functools.cache
def _name_scikit_learns_scorers() -> dict[str, str]:
    """Return the names of scikit-learn's scorers. The keys are made from each scorer's function, sign and arguments."""
    made = {name: describe_scorer(get_scorer(name)) for name in get_scorer_names()}
    return {_make_key(parts): name for name, parts in made.items() if parts is not None}


def _make_key(made: tuple[Any, ...]) -> str:
    """Return a text that is equal for scorers with the same function, sign and arguments."""
    _, (function,), settings = made
    rest = {name: value for name, value in settings.items() if name != "response_method"}
    return f"{function.__module__}.{getattr(function, '__qualname__', function)} {sorted(rest.items())}"

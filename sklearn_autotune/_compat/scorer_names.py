"""Suggests the name of a scikit-learn scorer for a name that scikit-learn does not know."""

from collections.abc import Iterable, Mapping
from typing import Any

from sklearn.metrics import get_scorer_names

from sklearn_autotune._compat.messages import make_name_key, suggest_name
from sklearn_autotune._compat.sklearn import InvalidParameterError

__all__ = ["check_scorer_names", "suggest_scorer"]

# Other names of scores: abbreviations, functions of sklearn.metrics, and names in boosting libraries.
USUAL_NAMES = {
    "acc": "accuracy",
    "accuracy_score": "accuracy",
    "ap": "average_precision",
    "auc": "roc_auc",
    "auc_roc": "roc_auc",
    "auroc": "roc_auc",
    "brier": "neg_brier_score",
    "brier_score_loss": "neg_brier_score",
    "cross_entropy": "neg_log_loss",
    "f1_score": "f1",
    "log_loss": "neg_log_loss",
    "mae": "neg_mean_absolute_error",
    "mape": "neg_mean_absolute_percentage_error",
    "mcc": "matthews_corrcoef",
    "mean_absolute_error": "neg_mean_absolute_error",
    "mean_squared_error": "neg_mean_squared_error",
    "median_absolute_error": "neg_median_absolute_error",
    "mlogloss": "neg_log_loss",
    "mse": "neg_mean_squared_error",
    "pr_auc": "average_precision",
    "r2_score": "r2",
    "r_squared": "r2",
    "rmse": "neg_root_mean_squared_error",
    "rmsle": "neg_root_mean_squared_log_error",
    "roc": "roc_auc",
    "roc_auc_score": "roc_auc",
    "root_mean_squared_error": "neg_root_mean_squared_error",
}

# The names to list if no name is similar. scikit-learn has sixty, but most are for special cases.
OFTEN_USED = (
    "accuracy",
    "balanced_accuracy",
    "roc_auc",
    "average_precision",
    "f1",
    "f1_macro",
    "neg_log_loss",
    "r2",
    "neg_root_mean_squared_error",
    "neg_mean_absolute_error",
)


def suggest_scorer(name: str) -> str:
    """Return the end of a message about an unknown scorer: a similar name, or the most used names.

    Examples
    --------
    >>> suggest_scorer("rmse"), suggest_scorer("acuracy")
    (': did you mean neg_root_mean_squared_error?', ': did you mean accuracy?')
    """
    usual = {make_name_key(other): scorer for other, scorer in USUAL_NAMES.items()}
    meant = usual.get(make_name_key(name))
    if meant is not None:
        return f": did you mean {meant}?"
    listed = [*OFTEN_USED, "and others of sklearn.metrics.get_scorer_names()"]
    return suggest_name(name, get_scorer_names(), listed)


def check_scorer_names(scoring: Any, parameter: str = "scoring") -> None:
    """Raise InvalidParameterError, with the nearest name, if a name is none of scikit-learn's scorers.

    Parameters
    ----------
    scoring : object
        As in scikit-learn: a name, names, or names and callables by key. Other values are left to later checks.
    parameter : str, default="scoring"
        Whose value it is, for the message.
    """
    values = scoring.values() if isinstance(scoring, Mapping) else scoring
    named = [scoring] if isinstance(scoring, str) else values if isinstance(values, Iterable) else ()
    for name in named:
        if isinstance(name, str) and name not in get_scorer_names():
            raise InvalidParameterError(f"{parameter}={name!r} is not known{suggest_scorer(name)}")

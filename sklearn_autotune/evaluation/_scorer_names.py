"""scikit-learn's names of scorers, and the nearest one to a name that it does not know."""

from sklearn.metrics import get_scorer_names

from sklearn_autotune._compat.messages import make_name_key, suggest_name

__all__ = ["suggest_scorer"]

# What scores are called elsewhere: by short names, by the functions of sklearn.metrics, by boosting libraries.
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

# Listed if no name is near; scikit-learn has sixty, most of them for special cases.
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
    """Return how a message about an unknown scorer goes on: with the nearest name, or with those often used.

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

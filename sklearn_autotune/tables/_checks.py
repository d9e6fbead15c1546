"""Checks the target of a raw table, and metadata such as weights, which have an entry for each row."""

import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.utils import check_array, check_consistent_length, column_or_1d, get_tags, indexable

from sklearn_autotune._compat.sklearn import count_rows
from sklearn_autotune.inference._column_values import is_arrow, is_missing
from sklearn_autotune.inference._encoding import scale_weights
from sklearn_autotune.tables._target import check_no_dates, read_target_values

__all__ = [
    "check_classes",
    "check_no_gaps",
    "check_no_gaps_to_predict",
    "check_target_and_metadata",
    "check_weight_length",
    "check_weighted_classes",
    "index_rows",
    "make_indexable",
    "require_target",
]

ARROW_VIEWS = ("string_view", "binary_view")


def require_target(estimator: Any, y: Any) -> None:
    """Raise ValueError if there is no target, or if there is more than one value for each row."""
    name = type(estimator).__name__
    if y is None:
        raise ValueError(f"This {name} estimator requires y to be passed, but the target y is None.")
    fields = getattr(getattr(y, "dtype", None), "names", None)
    if fields:
        raise ValueError(
            f"y is a structured array with the fields {', '.join(fields)}, and {name} predicts one class or number for "
            "each row. For times until an event, take OptunaSearchCV with an estimator of scikit-survival."
        )
    if getattr(getattr(y, "dtype", None), "kind", "") == "T":
        raise ValueError(
            "y is an array of NumPy's StringDType, which scikit-learn's classifiers do not take. Pass y.astype(str)."
        )
    try:
        shape = tuple(y.shape if hasattr(y, "shape") else np.asarray(y).shape)
    except ValueError:  # rows of different lengths, about which later checks have their own words
        return
    if len(shape) == 2 and shape[1] > 1:
        wrapper = "MultiOutputClassifier" if is_classifier(estimator) else "MultiOutputRegressor"
        raise ValueError(
            f"y should be a 1d array, got an array of shape {shape} instead. {name} predicts one target. Fit one "
            f"for each column, with {wrapper} of sklearn.multioutput, or take OptunaSearchCV with an estimator that "
            "predicts several."
        )


def check_no_gaps(y: Any) -> None:
    """Raise ValueError if some rows have no target; the message has their number."""
    values = np.asarray(y)
    if values.dtype.kind in "fmM":
        gaps = np.isnan(values)
    elif values.dtype.kind == "O" and values.ndim == 1:
        gaps = np.array([is_missing(value) for value in values], dtype=bool)
    else:
        return
    if gaps.any():
        rows = np.flatnonzero(gaps.reshape(len(gaps), -1).any(axis=1))
        raise ValueError(
            f"Input y contains NaN, None or another missing value in {len(rows)} of {len(values)} rows, first in row "
            f"{rows[0]}. Leave out the rows that have no target."
        )


def check_no_gaps_to_predict(estimator: Any, y: Any) -> None:
    """Check a single target with `check_no_gaps`, if a classifier or regressor is to predict it.

    Other estimators may accept missing targets.
    """
    if (is_classifier(estimator) or is_regressor(estimator)) and np.ndim(y) == 1:
        check_no_gaps(y)


def _cast_views(data: Any) -> Any:
    """Return a table or a column of Arrow without views of strings or bytes, of which Arrow cannot select rows.

    Tables that Arrow makes from polars have such columns. Everything else is returned as it is.
    """
    if is_arrow(data):
        for index, column in enumerate(data.columns):
            cast = _cast_views(column)
            data = data if cast is column else data.set_column(index, data.column_names[index], cast)
        return data
    kind = str(getattr(data, "type", ""))
    return data.cast(f"large_{kind.removesuffix('_view')}") if kind in ARROW_VIEWS else data


def make_indexable(*data: Any) -> list[Any]:
    """Convert tables and columns so that rows can be selected, as scikit-learn's ``indexable`` and `_cast_views` do.

    Raises
    ------
    ValueError
        If they have different numbers of rows.
    """
    return [_cast_views(values) for values in indexable(*data)]


def index_rows(search: Any, X: Any, y: Any) -> tuple[Any, Any]:
    """Convert X and y so that rows can be selected; raise ValueError if the estimator cannot be fitted with this y."""
    if y is None and get_tags(search.estimator).target_tags.required:
        raise ValueError(
            f"This {type(search).__name__} estimator requires y to be passed, but the target y is None: "
            f"{type(search.estimator).__name__} cannot be fitted without it."
        )
    X, y = make_indexable(X, y)
    check_no_gaps_to_predict(search.estimator, y)
    return X, y


def check_weight_length(X: Any, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return metadata as they are; raise ValueError if ``sample_weight`` has not one entry for each row of X."""
    weight: Any = params.get("sample_weight")
    n_rows = count_rows(X)
    if hasattr(weight, "__len__") and len(weight) != n_rows:
        raise ValueError(f"sample_weight has {len(weight)} entries, and X has {n_rows} rows. Pass one for each row.")
    return params


def check_target_and_metadata(encoded: Any, y: Any, metadata: Mapping[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
    """Check that target and metadata have an entry for each row and valid values.

    Parameters
    ----------
    encoded : array of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
    metadata : mapping of str to object
        None values are dropped. ``sample_weight`` must hold numbers of at least 0, and one above 0. It is divided by
        its mean over the rows that have a weight, because the sum of the weights changes what boosters and penalised
        models fit.

    Returns
    -------
    y : ndarray of shape (n_samples,)
    metadata : dict of str to object
    """
    check_no_gaps(y)
    y = column_or_1d(check_array(y, ensure_2d=False, dtype=None, input_name="y"), warn=True)
    check_no_dates(y)
    params = {name: value for name, value in metadata.items() if value is not None}
    check_consistent_length(encoded, y, *params.values())
    if "sample_weight" in params:
        weight = check_array(params["sample_weight"], ensure_2d=False, input_name="sample_weight")
        if weight.ndim != 1 or (weight < 0).any():
            raise ValueError("sample_weight must have one number of at least 0 for each row of X.")
        if not weight.any():
            raise ValueError("sample_weight is zero for all rows. At least one row must have a weight above 0.")
        params["sample_weight"] = scale_weights(weight)
    return y, params


def check_classes(classes: np.ndarray, counts: np.ndarray, cv: Any) -> None:
    """Raise ValueError if there is only one class, or if a class has fewer rows than there are folds."""
    if len(classes) < 2:
        raise ValueError(
            "This classifier needs samples of at least 2 classes, but y contains only one class: "
            f"{classes.tolist()[0]!r}."
        )
    rarest, n_rows = classes.tolist()[counts.argmin()], counts.min()
    if isinstance(cv, numbers.Integral) and n_rows < cv:
        fewer = f"cv={n_rows}, or " if n_rows > 1 else ""
        values = read_target_values(np.repeat(classes, counts))
        looks_like_amounts = values.task == "regression"
        advice = f" y holds {values.description}: for amounts, take a regressor." if looks_like_amounts else ""
        raise ValueError(
            f"Class {rarest!r} has {n_rows} {'member' if n_rows == 1 else 'members'}, fewer than the {cv} folds. "
            f"Pass {fewer}your own splitter, or merge the class with another one or drop it.{advice}"
        )


def check_weighted_classes(classes: np.ndarray, class_codes: np.ndarray, weight: np.ndarray | None) -> None:
    """Raise ValueError if only one class has weight, because XGBoost 3.0 fails on it and there is nothing to tune."""
    with_weight = np.unique(class_codes if weight is None else class_codes[weight > 0])
    if len(with_weight) < 2:
        raise ValueError(
            f"sample_weight is zero for all rows except those of one class, {classes.tolist()[with_weight[0]]!r}. At "
            "least two classes must have rows with a weight above 0."
        )

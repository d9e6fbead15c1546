"""Checks the target of a raw table, and the metadata that have an entry for each of its rows."""

import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.utils import check_array, check_consistent_length, column_or_1d

__all__ = ["check_classes", "check_target_and_metadata", "check_weighted_classes", "require_target"]


def require_target(estimator: Any, y: Any) -> None:
    """Raise ValueError, in scikit-learn's words, if there is no target."""
    if y is None:
        raise ValueError(
            f"This {type(estimator).__name__} estimator requires y to be passed, but the target y is None."
        )


def check_target_and_metadata(encoded: Any, y: Any, metadata: Mapping[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
    """Check that target and metadata have an entry for each row and valid values.

    Parameters
    ----------
    encoded : array of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
    metadata : mapping of str to object
        None values are dropped. ``sample_weight`` has to hold numbers of at least 0, one of them above 0.

    Returns
    -------
    y : ndarray of shape (n_samples,)
    metadata : dict of str to object
    """
    y = column_or_1d(check_array(y, ensure_2d=False, dtype=None, input_name="y"), warn=True)
    params = {name: value for name, value in metadata.items() if value is not None}
    check_consistent_length(encoded, y, *params.values())
    if "sample_weight" in params:
        weight = check_array(params["sample_weight"], ensure_2d=False, input_name="sample_weight")
        if weight.ndim != 1 or (weight < 0).any():
            raise ValueError("sample_weight must have one number of at least 0 for each row of X.")
        if not weight.any():
            raise ValueError("sample_weight is zero for all rows: there is no weight to learn from.")
        params["sample_weight"] = weight
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
        raise ValueError(
            f"Class {rarest!r} has {n_rows} {'member' if n_rows == 1 else 'members'}, fewer than the {cv} folds. "
            f"Pass {fewer}a splitter of your own, or merge or drop the class."
        )


def check_weighted_classes(classes: np.ndarray, class_codes: np.ndarray, weight: np.ndarray | None) -> None:
    """Raise ValueError if only one class has weight: XGBoost 3.0 fails on it, and there is nothing to tune."""
    with_weight = np.unique(class_codes if weight is None else class_codes[weight > 0])
    if len(with_weight) < 2:
        raise ValueError(
            f"sample_weight is zero for all rows but those of one class: {classes.tolist()[with_weight[0]]!r}."
        )

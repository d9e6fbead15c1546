"""Run an exported script, and compare the predictions of its model with those of the exported model."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import is_classifier, is_clusterer

from sklearn_autotune._compat.types import ArrayLike, Estimator, MatrixLike

__all__ = ["check_script", "find_difference", "run_script"]

# The methods by whose output two models are compared, if both have them.
METHODS = ("predict", "predict_proba", "decision_function", "transform")

# Fits on another processor, or with another number of threads, add numbers in another order.
TOLERANCE = 1e-6


def run_script(code: str, name: str = "script") -> dict[str, Any]:
    """Run a script, and return the names that it defines.

    Examples
    --------
    >>> run_script("def double(x): return 2 * x")["double"](4)
    8
    """
    namespace: dict[str, Any] = {"__name__": "script"}
    exec(compile(code, name, "exec"), namespace)
    return namespace


def check_script(
    code: str,
    fitted: Estimator,
    X: MatrixLike,
    y: ArrayLike | None,
    sample_weight: ArrayLike | None = None,
    *,
    unseeded: Sequence[str],
) -> None:
    """Fit the model of a script, and compare its predictions with those of the exported model.

    Parameters
    ----------
    code : str
    fitted : estimator
    X : array-like of shape (n_rows, n_columns)
        The rows on which ``fitted`` was fitted.
    y : array-like of shape (n_rows,) or None
    sample_weight : array-like of shape (n_rows,), default=None
        For a script whose ``fit`` takes weights.
    unseeded : sequence of str
        The names of estimators without a ``random_state``, for the message.

    Raises
    ------
    ValueError
        If the predictions differ, or the script fails.
    """
    name = type(fitted).__name__
    weights = [] if sample_weight is None else [sample_weight]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the fit of the exported model has already shown them
            again = run_script(code)["fit"](X, y, *weights)
    except Exception as error:
        raise ValueError(
            f"The script for this {name} cannot be fitted on the rows of check: {type(error).__name__}: {error}. Pass "
            "the rows that were passed to fit. If fit had other arguments, the script does not have them."
        ) from error
    difference = find_difference(fitted, again, X)
    if difference is None:
        return
    metadata = "metadata" if weights else "sample weights or other metadata"
    reasons = ["check has other rows than fit", f"{metadata} were passed to fit"]
    if unseeded:
        reasons.append(f"there is no random_state in {', '.join(dict.fromkeys(unseeded))}")
    raise ValueError(
        f"The script's model differs from this {name}: {difference}. Possible reasons: {'; '.join(reasons)}. If none "
        "of them applies, store the fitted model itself with joblib.dump."
    )


def find_difference(fitted: Any, again: Any, X: MatrixLike) -> str | None:
    """Return how the predictions of two fitted models differ; None if they are equal.

    Parameters
    ----------
    fitted, again : estimator
    X : array-like of shape (n_rows, n_columns)

    Returns
    -------
    difference : str or None
        The method whose output differs, in how many rows, and by how much.

    Raises
    ------
    ValueError
        If the first model has none of these methods, so that there is nothing to compare.

    Examples
    --------
    >>> from sklearn.dummy import DummyRegressor
    >>> X, y = [[0.0], [1.0]], [1.0, 3.0]
    >>> models = [DummyRegressor(strategy=strategy).fit(X, y) for strategy in ("mean", "median")]
    >>> find_difference(*models, X) is None
    True
    >>> find_difference(models[0], DummyRegressor(strategy="constant", constant=5.0).fit(X, y), X)
    'predict differs in 2 of 2 rows, by 3 at most'
    """
    # The classes of a script have only the methods that they need: no decision_function if there is predict_proba.
    methods = [method for method in METHODS if hasattr(fitted, method) and hasattr(again, method)]
    if not methods:
        names = ", ".join(METHODS)
        raise ValueError(f"{type(fitted).__name__} has none of {names}, so there is nothing to compare.")
    for method in methods:
        outputs = [_list_outputs(getattr(model, method)(X)) for model in (fitted, again)]
        is_label = method == "predict" and (is_classifier(fitted) or is_clusterer(fitted))
        for expected, found in zip(*outputs, strict=False):
            difference = _compare_arrays(expected, found, is_label=is_label)
            if difference is not None:
                return f"{method} {difference}"
    return None


def _list_outputs(predictions: Any) -> list[np.ndarray]:
    """Return predictions as a list of arrays: one array, or one for each output."""
    if issparse(predictions):
        predictions = predictions.toarray()
    return [np.asarray(part) for part in (predictions if isinstance(predictions, list) else [predictions])]


def _compare_arrays(expected: np.ndarray, found: np.ndarray, *, is_label: bool) -> str | None:
    if expected.shape != found.shape:
        return f"has the shape {found.shape} in place of {expected.shape}"
    is_number = not is_label and expected.dtype.kind in "fiu" and found.dtype.kind in "fiu"
    if is_number:
        tolerance = TOLERANCE * np.max(np.abs(expected), where=np.isfinite(expected), initial=0.0)
        is_equal = np.isclose(expected, found, rtol=TOLERANCE, atol=tolerance, equal_nan=True)
    else:
        is_equal = (expected == found) | ((expected != expected) & (found != found))
    n_rows = int((~is_equal).reshape(len(is_equal), -1).any(axis=1).sum())
    if not n_rows:
        return None
    amount = f", by {np.nanmax(np.abs(expected - found)):.3g} at most" if is_number else ""
    return f"differs in {n_rows} of {len(is_equal)} rows{amount}"

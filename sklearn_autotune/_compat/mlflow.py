"""MLflow: a model's signature, and what it logs and warns of."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sklearn_autotune._compat.optional import import_optional
from sklearn_autotune._compat.types import Predictor

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["import_mlflow", "infer_signature", "silence_mlflow"]


def import_mlflow(module: str = "mlflow") -> Any:
    """Import MLflow, or a part of it, without its warnings about type hints and dependencies.

    Raises
    ------
    ImportError
        If MLflow is not installed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return import_optional(module, "Tracking with MLflow")


@contextmanager
def silence_mlflow() -> Iterator[None]:
    """Let MLflow and Alembic log only errors: creating a store alone logs a hundred lines."""
    import_mlflow()  # which sets its own levels when it is loaded
    loggers = [logging.getLogger(name) for name in ("alembic", "mlflow")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def infer_signature(model: Predictor, X: "np.ndarray | pd.DataFrame") -> Any:
    """Return MLflow's signature of a model: one that accepts the table that the model was fitted on.

    Parameters
    ----------
    model : estimator
        Fitted.
    X : array-like or DataFrame of shape (n_samples, n_features)
        The training table: the types come from all rows, since the first few may have no missing values.

    Returns
    -------
    signature : mlflow.models.ModelSignature or None
        None, with a warning, if MLflow has no schema for such a table: it takes arrays and DataFrames of pandas.
    """
    models = import_mlflow("mlflow.models")
    with warnings.catch_warnings(), silence_mlflow():
        warnings.simplefilter("ignore")  # on whole numbers, of which a later table may lack some
        inputs = _infer_frame_schema(X) if hasattr(X, "iloc") else models.infer_signature(X).inputs
        is_accepted = _accepts(inputs, X)
        outputs = models.infer_signature(None, model.predict(X[:5])).outputs
    if is_accepted:
        return models.ModelSignature(inputs=inputs, outputs=outputs)
    warnings.warn(
        f"The model is logged without a signature: MLflow has none for {type(X).__module__}.{type(X).__qualname__}. "
        "Pass X as an array of NumPy or a DataFrame of pandas for a signature.",
        stacklevel=2,
    )
    return None


def _infer_frame_schema(X: "pd.DataFrame") -> Any:
    """Return the schema of a DataFrame of pandas.

    A column has the type "any" if MLflow has no type for it, or has one under which it would refuse the column's own
    values or a gap among them. It does so with categories, with dates that have a time zone, and with gaps in pandas'
    own types of whole numbers and booleans.
    """
    models, types = import_mlflow("mlflow.models"), import_mlflow("mlflow.types.schema")
    columns = []
    for index, name in enumerate(X.columns):
        column = X.iloc[:, [index]]
        schema = models.infer_signature(column).inputs
        spec = schema.inputs[0]
        if isinstance(spec.type, types.AnyType) or not _accepts(schema, _add_gap(column)):
            spec = types.ColSpec(types.AnyType(), name, required=not column.iloc[:, 0].isna().any())
        columns.append(spec)
    return types.Schema(columns)


def _add_gap(column: "pd.DataFrame") -> "pd.DataFrame":
    """Add a missing value to a column whose type has one of its own; NumPy's types would change with it."""
    if hasattr(column.dtypes.iloc[0], "na_value"):
        return column.reset_index(drop=True).reindex([*range(len(column)), -1])
    return column


def _accepts(schema: Any, X: Any) -> bool:
    """Whether MLflow takes a table under a schema; without a schema it does not."""
    if schema is None:
        return False
    try:
        import_mlflow("mlflow.models").validate_schema(X, schema)
    except Exception:  # besides its own exceptions it raises what pandas does
        return False
    return True

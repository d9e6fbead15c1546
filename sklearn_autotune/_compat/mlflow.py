"""MLflow: the signature of a model, fewer log messages and warnings, and autologging."""

import logging
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from sklearn_autotune._compat.optional import import_optional
from sklearn_autotune._compat.types import FittedSearch, Predictor

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = [
    "MAX_PARAM_LENGTH",
    "AutologgingPause",
    "autolog_one_run",
    "import_mlflow",
    "infer_signature",
    "log_model",
    "make_mlflow_name",
    "pause_autologging",
    "silence_mlflow",
]

logger = logging.getLogger(__name__)

P = ParamSpec("P")
S = TypeVar("S")
F = TypeVar("F")

MAX_PARAM_LENGTH = 6000  # MLflow's own limit

# MLflow's integrations that log fits of models that a search may fit.
AUTOLOGGING = "mlflow.utils.autologging_utils"
INTEGRATIONS = ("sklearn", "xgboost", "lightgbm")


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
    """Make MLflow and Alembic log only errors, because creating a store alone logs a hundred lines."""
    import_mlflow()  # importing it sets its own levels
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
    """Return an MLflow signature of a model that accepts the table on which the model was fitted.

    Parameters
    ----------
    model : estimator
        A fitted model.
    X : array-like or DataFrame of shape (n_samples, n_features)
        The training table. The types come from all rows, because the first rows may have no missing values.

    Returns
    -------
    signature : mlflow.models.ModelSignature or None
        None, with a warning, if MLflow has no schema for such a table: it accepts arrays and DataFrames of pandas.
    """
    models = import_mlflow("mlflow.models")
    with warnings.catch_warnings(), silence_mlflow():
        warnings.simplefilter("ignore")  # about integer columns, which a later table may have with gaps
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

    A column has the type "any" if MLflow has no type for it, or if MLflow's type would refuse the column's own values
    or a missing value. This is the case for categories, for dates with a time zone, and for missing values in pandas'
    nullable integers and booleans.
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
    """Add a missing value to a column, if its type allows this without a change of type."""
    if hasattr(column.dtypes.iloc[0], "na_value"):
        return column.reset_index(drop=True).reindex([*range(len(column)), -1])
    return column


def _accepts(schema: Any, X: Any) -> bool:
    """Whether MLflow accepts a table under a schema; False if there is no schema."""
    if schema is None:
        return False
    try:
        import_mlflow("mlflow.models").validate_schema(X, schema)
    except Exception:  # it raises its own exceptions and those of pandas
        return False
    return True


# -- logging -----------------------------------------------------------------------------------------------------------


def make_mlflow_name(name: str) -> str:
    """Return a name that MLflow accepts, without the branch of the space to which it belongs."""
    plain = re.sub(r" \(branch \d+\)$", "", name).strip("()")
    return re.sub(r"[^\w\-./ ]", "_", plain)


def log_model(
    model: Predictor, X: "np.ndarray | pd.DataFrame | None", *, registered_model_name: str | None = None
) -> None:
    """Log a fitted model to the active run, with a signature that is made from its training table."""
    import_mlflow("mlflow.pyfunc")  # log_model would load it, with its warnings
    signature = None if X is None else infer_signature(model, X)
    # Pickle works for pipelines with any content; formats with a list of allowed types refuse those of XGBoost.
    import_mlflow("mlflow.sklearn").log_model(
        model,
        name="model",
        signature=signature,
        registered_model_name=registered_model_name,
        serialization_format="cloudpickle",
    )


# -- autologging -------------------------------------------------------------------------------------------------------


class AutologgingPause:
    """Pauses MLflow's autologging of all libraries while at least one block is open, in any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_open = 0
        self._disabled: Any = None

    @property
    def is_active(self) -> bool:
        """Whether a block is open."""
        return self._n_open > 0

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Pause autologging until the end of the block."""
        with self._lock:
            if self._n_open == 0:
                self._disabled = sys.modules[AUTOLOGGING].disable_autologging()
                self._disabled.__enter__()
            self._n_open += 1
        try:
            yield
        finally:
            with self._lock:
                self._n_open -= 1
                if self._n_open == 0:
                    self._disabled.__exit__(None, None, None)


_PAUSE = AutologgingPause()


def _find_autologging() -> str | None:
    """Return the integration of MLflow for which autologging is on; None if it is off.

    MLflow is not imported for this: if autologging is on, the user has already imported it.
    """
    module = sys.modules.get(AUTOLOGGING)
    if module is None or getattr(module, "_AUTOLOGGING_GLOBALLY_DISABLED", False):
        return None
    return next((name for name in INTEGRATIONS if not module.autologging_is_disabled(name)), None)


@contextmanager
def pause_autologging() -> Iterator[None]:
    """Pause MLflow's autologging in a block, if it is on."""
    if _find_autologging() is None and not _PAUSE.is_active:
        yield
        return
    with _PAUSE.hold():
        yield


def autolog_one_run(fit: Callable[Concatenate[S, P], F]) -> Callable[Concatenate[S, P], F]:
    """Decorate ``fit`` of a search so that MLflow's autologging, if it is on, makes one run for the whole search.

    Without this, MLflow would make a run for each fit of a fold. The run has the best parameters, the best score and,
    if autologging logs models, the fitted model. If a run is active, the search's run is nested in it. A search inside
    another search has no run.
    """

    @wraps(fit)
    def fit_in_one_run(search: S, *args: P.args, **params: P.kwargs) -> F:
        integration = _find_autologging()
        if integration is None or _PAUSE.is_active:
            with pause_autologging():
                return fit(search, *args, **params)
        X: Any = args[0] if args else params.get("X")
        with _PAUSE.hold(), _open_run(type(search).__name__) as has_run:
            fitted = fit(search, *args, **params)
            if has_run:
                _log_search(search, X, integration)  # type: ignore[arg-type]
        return fitted

    return fit_in_one_run


@contextmanager
def _open_run(kind: str) -> Iterator[bool]:
    """Open a run for a search, and yield whether this was possible; the search does not depend on MLflow's store."""
    mlflow = import_mlflow()
    try:
        run = mlflow.start_run(nested=mlflow.active_run() is not None, tags={"search": kind})
    except Exception as error:
        logger.warning("MLflow's autologging could not open a run for this search: %s: %s", type(error).__name__, error)
        yield False
        return
    with run:
        yield True


def _log_search(search: FittedSearch, X: Any, integration: str) -> None:
    """Log the results of a search to the active run; if this fails, only a warning is logged."""
    mlflow = import_mlflow()
    best: Mapping[str, Any] = getattr(search, "best_params_", {})
    names = {make_mlflow_name(f"best.{name}"): str(value)[:MAX_PARAM_LENGTH] for name, value in best.items()}
    scores = {"best_score": getattr(search, "best_score_", None), "refit_seconds": getattr(search, "refit_time_", None)}
    scores |= {f"best_{name}": value for name, value in getattr(search, "best_scores_", {}).items()}
    config = sys.modules[AUTOLOGGING].get_autologging_config
    try:
        mlflow.log_params(names)
        mlflow.log_metrics(
            {make_mlflow_name(name): float(value) for name, value in scores.items() if value is not None}
        )
        if getattr(search, "best_estimator_", None) is not None and config(integration, "log_models", True):
            deploy = getattr(search, "deployed_model", None)
            log_model(search.best_estimator_ if deploy is None else deploy(), X)
    except Exception as error:
        logger.warning("MLflow's autologging of this search failed: %s: %s", type(error).__name__, error)

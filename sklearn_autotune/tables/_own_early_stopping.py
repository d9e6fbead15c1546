"""How long networks and histogram boosting are trained, by rows of other groups or by later rows."""

from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyRegressor
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

from sklearn_autotune._compat.boosters._scikit_learn import draw_validation_rows, draws_validation_rows
from sklearn_autotune.inference._target_transform import TransformedTarget
from sklearn_autotune.tables._inner_folds import InnerFolds
from sklearn_autotune.tables._preparation import take_in_columns
from sklearn_autotune.tables._prepared_rows import PreparedRows

__all__ = ["divide_as_model", "find_network", "limit_training"]

# The share of the rows that are held out where the model names a number of rows.
DEFAULT_SHARE = 0.1


def find_network(model: Any) -> tuple[str, Any]:
    """Return the prefix of the parameters of a network that stops early, and the network; None if there is none.

    Examples
    --------
    >>> from sklearn.neural_network import MLPRegressor
    >>> find_network(TransformedTargetRegressor(MLPRegressor(early_stopping=True)))
    ('regressor__', MLPRegressor(early_stopping=True))
    >>> find_network(MLPRegressor())
    ('', None)
    """
    prefix = ""
    while isinstance(model, TransformedTarget | TransformedTargetRegressor):
        prefix, model = f"{prefix}regressor__", model.regressor
    stops = isinstance(model, MLPClassifier | MLPRegressor) and model.early_stopping
    return (prefix, model) if stops else ("", None)


def limit_training(model: Any, prepared: PreparedRows, inner: InnerFolds, rows: np.ndarray, seed: int) -> None:
    """Let a model that would stop early by random rows be trained as long as is best on other groups, or the last rows.

    The groups of random rows are in training too, so a model would stop when it knows the groups. Once it is known how
    long to train, no row has to be held out.

    Parameters
    ----------
    model : estimator
        Unfitted. If it is a network or histogram boosting that stops early, its parameters are changed.
    prepared : PreparedRows
        All training rows.
    inner : InnerFolds
    rows : ndarray of int
        The numbers of these rows in the table.
    seed : int
    """
    prefix, network = find_network(model)
    own = model if network is None else network
    if not inner.are_needed or (network is None and not draws_validation_rows(model, len(rows))):
        return
    codes = prepared.y if is_classifier(own) else np.zeros(len(rows), dtype=int)
    share = own.validation_fraction if isinstance(own.validation_fraction, float) else DEFAULT_SHARE
    is_held_out = inner.hold_out(rows, codes, share, seed)
    if not is_held_out.any():
        return
    if network is None:
        train, test = prepared.split(is_held_out)
        validation = {"X_val": test.X, "y_val": test.y, "sample_weight_val": test.weight}
        length = clone(model).fit(train.X, train.y, sample_weight=train.weight, **validation).n_iter_
        model.set_params(early_stopping=False, max_iter=length)
        return
    y = prepared.y if is_classifier(network) else _transform_target(model, prepared)
    length = _find_epochs(clone(network), PreparedRows(prepared.X, y, prepared.weight), is_held_out)
    settings = {"early_stopping": False, "max_iter": length, "n_iter_no_change": length}
    model.set_params(**{prefix + name: value for name, value in settings.items()})


def divide_as_model(model: Any, prepared: PreparedRows) -> tuple[PreparedRows, PreparedRows | None]:
    """Divide the rows of a large table as histogram gradient boosting does itself, which takes more memory.

    Parameters
    ----------
    model : estimator
        Unfitted.
    prepared : PreparedRows
        All training rows. All columns are numbers: the model learns which categories there are from all rows.

    Returns
    -------
    train : PreparedRows
        In 64-bit floats, which the model would make of them. All rows if they are not divided.
    validation : PreparedRows or None
        The rows for early stopping.
    """
    drawn = None if prepared.weight is not None else draw_validation_rows(model, prepared.y)
    if drawn is None:
        return prepared, None
    train, validation = (
        PreparedRows(take_in_columns(prepared.X, rows, np.float64), prepared.y[rows], None) for rows in drawn
    )
    return train, validation


def _transform_target(model: Any, rows: PreparedRows) -> np.ndarray:
    """Return the target as a network inside of transformations is fitted on it, with mean 0 and variance 1."""
    y = rows.y
    if isinstance(model, TransformedTarget):
        transformer = TransformedTarget(DummyRegressor(), model.transform, smears=False).fit(rows.X, y).transformer_
        y = transformer.transform(y[:, None])[:, 0]
    return np.asarray(StandardScaler().fit_transform(y[:, None]))[:, 0]


def _find_epochs(network: Any, rows: PreparedRows, is_held_out: np.ndarray) -> int:
    """Train a network epoch by epoch until its loss on the rows held out stops improving; return the best number."""
    train, test = rows.split(is_held_out)
    weight = {} if train.weight is None else {"sample_weight": train.weight}
    patience, tolerance = network.n_iter_no_change, network.tol
    network.set_params(early_stopping=False)
    if is_classifier(network):
        classes = np.unique(rows.y)
    best_loss, best_epoch = np.inf, 1
    for epoch in range(1, network.max_iter + 1):
        if is_classifier(network):
            network.partial_fit(train.X, train.y, classes=classes if epoch == 1 else None, **weight)
            loss = log_loss(test.y, network.predict_proba(test.X), labels=classes, sample_weight=test.weight)
        else:
            network.partial_fit(train.X, train.y, **weight)
            loss = mean_squared_error(test.y, network.predict(test.X), sample_weight=test.weight)
        if loss < best_loss - tolerance:
            best_loss, best_epoch = loss, epoch
        elif epoch > best_epoch + patience:
            break
    return best_epoch

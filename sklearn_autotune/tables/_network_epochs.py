"""Finds for how many epochs a neural network is trained, by rows of other groups or by later rows."""

from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyRegressor
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

from sklearn_autotune.inference._target_transform import TransformedTarget
from sklearn_autotune.tables._prepared_rows import PreparedRows

__all__ = ["find_network", "set_network_epochs"]


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


def set_network_epochs(model: Any, rows: PreparedRows, is_held_out: np.ndarray) -> None:
    """Let a model train its network for the number of epochs that is best on some rows, if it has one that stops early.

    The network would stop by random rows. Their groups are in training too, so it would stop when it knows the groups.
    Once the number of epochs is known, no row has to be held out.

    Parameters
    ----------
    model : estimator
        Unfitted; its parameters are changed.
    rows : PreparedRows
        Of all training rows.
    is_held_out : ndarray of bool of shape (n_rows,)
        Without any, nothing is changed.
    """
    prefix, network = find_network(model)
    if network is None or not is_held_out.any():
        return
    y = rows.y if is_classifier(network) else _transform_target(model, rows)
    n_epochs = _find_epochs(clone(network), PreparedRows(rows.X, y, rows.weight), is_held_out)
    model.set_params(
        **{
            f"{prefix}early_stopping": False,
            f"{prefix}max_iter": n_epochs,
            f"{prefix}n_iter_no_change": n_epochs,
        }
    )


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

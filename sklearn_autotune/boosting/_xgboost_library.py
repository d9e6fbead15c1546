"""XGBoost as a library to tune: its parameters, its space, and training round by round, equal to ``fit``."""

from ast import literal_eval
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from sklearn_autotune.boosting._library import FoldRows
from sklearn_autotune.families import Shape
from sklearn_autotune.families._base import Branch
from sklearn_autotune.families._xgboost import (
    MAX_CACHED_NODES,
    make_first_xgboost_settings,
    make_tuned_xgboost_space,
)
from sklearn_autotune.inference._column_encoder import ColumnEncoder

__all__ = ["XGBOOST_PARAMS", "TunedXGBoost", "estimate_histogram_bytes", "resolve_constraints", "spread_over_parts"]

# XGBoost's own defaults.
DEFAULT_LEARNING_RATE = 0.3
DEFAULT_MAX_DEPTH = 6

BYTES_PER_BIN = 16  # a gradient and a hessian

# Test rows with more cells than this are binned: 32 MB for each fold as they are.
MAX_PLAIN_CELLS = 2**22

# Parameters that are passed to XGBoost unchanged. One that is set is not searched.
XGBOOST_PARAMS = (
    "max_depth",
    "max_leaves",
    "max_bin",
    "grow_policy",
    "learning_rate",
    "verbosity",
    "objective",
    "tree_method",
    "gamma",
    "min_child_weight",
    "max_delta_step",
    "subsample",
    "sampling_method",
    "colsample_bytree",
    "colsample_bylevel",
    "colsample_bynode",
    "reg_alpha",
    "reg_lambda",
    "scale_pos_weight",
    "base_score",
    "missing",
    "num_parallel_tree",
    "monotone_constraints",
    "interaction_constraints",
    "importance_type",
    "device",
    "validate_parameters",
    "feature_weights",
    "max_cat_to_onehot",
    "max_cat_threshold",
    "multi_strategy",
)


class TunedXGBoost:
    """What `TunedXGBClassifier` and `TunedXGBRegressor` need from XGBoost."""

    params = XGBOOST_PARAMS
    unsearched_params = frozenset({"verbosity", "objective", "missing", "device"})
    rounds_param = "n_estimators"

    def make_model(
        self,
        settings: Mapping[str, Any],
        encoder: ColumnEncoder,
        column_names: Sequence[str],
        *,
        is_classifier: bool,
        seed: int | None,
    ) -> Any:
        """Make the estimator that is cloned for each candidate; it has all parameters set that are not searched."""
        import xgboost

        kind = xgboost.XGBClassifier if is_classifier else xgboost.XGBRegressor
        fixed = dict(settings)
        if fixed["objective"] is None:
            del fixed["objective"]  # each class has its own default
        types = encoder.feature_types
        fixed |= resolve_constraints(
            settings["monotone_constraints"], settings["interaction_constraints"], column_names
        )
        if len(encoder.column_indices) > encoder.n_columns:
            fixed |= spread_over_parts(fixed, encoder.column_indices, column_names or range(encoder.n_columns))
        if encoder.reads_missing:
            fixed["missing"] = np.nan
        return kind(**fixed, n_jobs=1, random_state=seed, feature_types=types, enable_categorical=types is not None)

    def make_space(self, shape: Shape) -> Branch:
        """Make the default space: all parameters worth searching except the number of rounds."""
        return make_tuned_xgboost_space(shape)

    def make_first_candidates(self, space: Branch, learning_rate: float, shape: Shape) -> list[Branch]:
        """Make candidates that are known to be good on many data sets, limited to the ranges of a space."""
        return make_first_xgboost_settings(space, learning_rate, shape)

    def get_learning_rate(self, model: Any) -> float:
        """Return the learning rate of an XGBoost estimator, or XGBoost's default."""
        return float(model.learning_rate or DEFAULT_LEARNING_RATE)

    def get_binning(self, model: Any) -> Hashable:
        """Return the parameters on which the bins depend."""
        return model.max_bin, model.tree_method

    def read_settings(self, model: Any, classes: np.ndarray | None) -> "XGBoostSettings":
        """Read what ``fit`` of an estimator passes to XGBoost's training."""
        params = dict(model.get_xgb_params())
        if _has_bins(model):
            params.setdefault("max_cached_hist_node", MAX_CACHED_NODES)
        objective = None
        if callable(model.objective):
            objective = partial(_call_custom_objective, model.objective)
            params["objective"] = "reg:squarederror" if classes is None else "binary:logistic"
        if classes is not None and len(classes) > 2:
            params |= {"objective": "multi:softprob", "num_class": len(classes)}
        return XGBoostSettings(params, objective, _get_data_params(model))

    def bin_fold(self, model: Any, rows: FoldRows) -> "XGBoostFold":
        """Bin the training rows. Few test rows stay as they are, which halves the time of predicting them.

        Many are binned too, which takes a byte or two for a cell instead of eight. The predictions are the same.
        """
        import xgboost

        shared = _get_data_params(model)
        labels = {"label": rows.labels, "weight": rows.weight, "feature_weights": model.feature_weights}
        # The objective of quantiles refuses rows without a target, even if they are only predicted.
        no_labels = np.zeros(rows.X_test.shape[0])
        if not _has_bins(model):
            test = xgboost.DMatrix(rows.X_test, label=no_labels, **shared)
            return XGBoostFold(xgboost.DMatrix(rows.X_train, **labels, **shared), test)
        bins = {} if model.max_bin is None else {"max_bin": model.max_bin}
        train = xgboost.QuantileDMatrix(rows.X_train, **labels, **bins, **shared)
        if isinstance(rows.X_test, np.ndarray) and rows.X_test.size > MAX_PLAIN_CELLS:
            test = xgboost.QuantileDMatrix(rows.X_test, label=no_labels, ref=train, **bins, **shared)
        else:
            test = xgboost.DMatrix(rows.X_test, label=no_labels, **shared)
        return XGBoostFold(train, test, n_bins=len(train.get_quantile_cut()[1]))


@dataclass(frozen=True, slots=True)
class XGBoostFold:
    """A fold's training and test rows as XGBoost matrices; the training rows are binned.

    Attributes
    ----------
    train, test : xgboost.DMatrix
    n_bins : int
        The number of bins of all columns together; 0 if the tree method uses no bins.
    """

    train: Any
    test: Any
    n_bins: int = 0

    def estimate_training_bytes(self, model: Any) -> int:
        """Return an upper bound of the memory for a booster's histograms."""
        return estimate_histogram_bytes(model, self.n_bins, self.train.num_row())

    def make_trainer(self, settings: "XGBoostSettings") -> "XGBoostTrainer":
        """Make the booster that ``fit`` of a model would train on this fold."""
        return XGBoostTrainer(self, settings)


@dataclass(frozen=True, slots=True)
class XGBoostSettings:
    """What ``fit`` of an estimator passes to XGBoost.

    Attributes
    ----------
    params : dict of str to object
    objective : callable or None
        A custom objective, in the form that ``Booster.update`` accepts.
    data_params : dict of str to object
        The parameters with which rows are read.
    """

    params: Mapping[str, Any]
    objective: Callable | None
    data_params: Mapping[str, Any]


class XGBoostTrainer:
    """One fold's booster, trained round by round.

    XGBoost draws its samples from one generator per thread, so the thread that trains the booster also creates it.
    """

    def __init__(self, fold: XGBoostFold, settings: XGBoostSettings) -> None:
        self.fold = fold
        self.settings = settings
        self.n_rounds = 0
        self.booster: Any = None

    def train_round(self) -> None:
        """Train one more round."""
        if self.booster is None:
            import xgboost

            self.booster = xgboost.Booster(self.settings.params, cache=[self.fold.train, self.fold.test])
        self.booster.update(self.fold.train, self.n_rounds, self.settings.objective)
        self.n_rounds += 1

    def predict_test_rows(self, n_rounds: int | None = None) -> np.ndarray:
        """Predict the fold's test rows with the first rounds, or with all."""
        return self.booster.predict(self.fold.test, iteration_range=(0, n_rounds or 0))

    def predict_training_rows(self, n_rounds: int) -> np.ndarray:
        """Predict the fold's training rows with the first rounds."""
        return self.booster.predict(self.fold.train, iteration_range=(0, n_rounds))

    def predict_rows(self, X: Any) -> np.ndarray:
        """Predict rows that are not rows of the fold, for scorers that request this."""
        import xgboost

        return self.booster.predict(xgboost.DMatrix(X, **self.settings.data_params))

    def release(self) -> None:
        """Keep the trees and free the histograms."""
        if self.booster is not None:
            self.booster = self.booster.copy()


def _has_bins(model: Any) -> bool:
    return model.tree_method in (None, "auto", "hist")


def _get_data_params(model: Any) -> dict[str, Any]:
    """Return the parameters of a model that XGBoost uses to read rows."""
    return {
        "missing": model.missing,
        "nthread": 1,
        "feature_types": model.feature_types,
        "enable_categorical": model.enable_categorical,
    }


def _call_custom_objective(objective: Callable, predictions: np.ndarray, train: Any) -> Any:
    """Call an objective of the form that XGBoost's scikit-learn estimators accept."""
    weight = train.get_weight()
    extra = {"sample_weight": weight} if weight.size > 0 else {}
    return objective(train.get_label(), predictions, **extra)


def estimate_histogram_bytes(model: Any, n_bins: int, n_rows: int) -> int:
    """Estimate the memory for a booster's histograms in training: XGBoost keeps one for each node of a tree.

    Parameters
    ----------
    model : XGBClassifier or XGBRegressor
    n_bins : int
        The number of bins of all columns together.
    n_rows : int
        The number of training rows; a tree has at most this many leaves.

    Returns
    -------
    n_bytes : int
        An upper bound.

    Examples
    --------
    >>> from xgboost import XGBClassifier
    >>> estimate_histogram_bytes(XGBClassifier(max_depth=10), 50 * 256, 100_000) / 2**20
    200.0
    """
    depth = DEFAULT_MAX_DEPTH if model.max_depth is None else model.max_depth
    n_nodes = min([n_rows, *([2**depth] if depth else []), *([model.max_leaves] if model.max_leaves else [])])
    return n_nodes * n_bins * BYTES_PER_BIN


def resolve_constraints(monotone: Any, interaction: Any, names: Sequence[str]) -> dict[str, Any]:
    """Replace column names in constraints by column indices, because XGBoost does not receive the names.

    Parameters
    ----------
    monotone, interaction
        The user's ``monotone_constraints`` and ``interaction_constraints``.
    names : sequence of str
        The names of the columns.

    Returns
    -------
    constraints : dict of str to object
        The constraints that name columns, as parameters of XGBoost.

    Raises
    ------
    ValueError
        If a constraint names a column that does not exist.
    """
    constraints: dict[str, Any] = {}
    if isinstance(monotone, dict):
        unknown = sorted(set(monotone) - set(names))
        if unknown:
            raise ValueError(f"monotone_constraints names {unknown}, which X does not have as columns.")
        constraints["monotone_constraints"] = tuple(monotone.get(name, 0) for name in names)
    if interaction is not None and not isinstance(interaction, str):
        try:
            indices = [
                [names.index(column) if isinstance(column, str) else int(column) for column in group]
                for group in interaction
            ]
        except ValueError as error:
            raise ValueError(f"interaction_constraints: {error}, the columns of X.") from None
        constraints["interaction_constraints"] = str(indices)
    return constraints


def spread_over_parts(params: Mapping[str, Any], column_indices: np.ndarray, names: Sequence[Any]) -> dict[str, Any]:
    """Convert parameters with an entry for each column to encoded columns: a date becomes several of these.

    Parameters
    ----------
    params : mapping of str to object
        Parameters of XGBoost, which name columns by their indices.
    column_indices : ndarray of int, of shape (n_encoded,)
        For each encoded column, the index of the table's column.
    names : sequence
        The names of the columns, for the error.

    Returns
    -------
    spread : dict of str to object
        Those of the parameters that are set, for the encoded columns.

    Raises
    ------
    ValueError
        If a date that becomes several columns has a monotone constraint, because XGBoost constrains single columns.
    """
    spread: dict[str, Any] = {}
    monotone, interaction, weights = (
        literal_eval(value) if isinstance(value, str) else value
        for value in (params[name] for name in ("monotone_constraints", "interaction_constraints", "feature_weights"))
    )
    if monotone is not None:
        n_parts = np.bincount(column_indices)
        signs = np.zeros(len(n_parts), dtype=int)
        signs[: len(monotone)] = monotone
        several = [str(names[index]) for index in np.flatnonzero((n_parts > 1) & (signs != 0)).tolist()]
        if several:
            raise ValueError(
                f"monotone_constraints names {several}, but a date with times of the day becomes several columns. "
                "Convert it to a number first, such as days since the first date, or remove its time."
            )
        spread["monotone_constraints"] = tuple(signs[column_indices].tolist())
    if interaction is not None:
        groups = [np.flatnonzero(np.isin(column_indices, group)).tolist() for group in interaction]
        spread["interaction_constraints"] = str(groups)
    if weights is not None:
        spread["feature_weights"] = np.asarray(weights)[column_indices]
    return spread

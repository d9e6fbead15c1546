"""Reads a raw table with its target and metadata, and checks that they fit together."""

import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_autotune._compat.sklearn import take_rows
from sklearn_autotune.inference._table_reader import TableReader
from sklearn_autotune.tables._checks import check_classes, check_target_and_metadata
from sklearn_autotune.tables._groups import read_groups, warn_about_group_columns
from sklearn_autotune.tables._target import check_labels, read_amounts
from sklearn_autotune.tables._time import read_times

__all__ = ["TableData", "read_table"]


@dataclass(frozen=True, slots=True)
class TableData:
    """A table as it is passed to models, with its target and metadata.

    Attributes
    ----------
    reader : TableReader
        The fitted reader, which reads further rows in the same way.
    X : ndarray, or CSR matrix if the reader accepts these, of shape (n_samples, n_columns)
        The table that the reader returned.
    y : ndarray of shape (n_samples,)
        The user's class labels, or numbers.
    metadata : mapping of str to object
        Without values that are None.
    classes : ndarray of shape (n_classes,) or None
        None in regression.
    groups : ndarray of int of shape (n_samples,) or None
        The number of each row's group, by which folds are drawn; None if there are none, or if the user's splitter
        draws the folds.
    times : ndarray of shape (n_samples,) or None
        The time of each row, if the rows were sorted by time; the rows above are in this order.
    order : ndarray of int of shape (n_samples,) or None
        Then the positions of these rows in the raw table.
    """

    reader: TableReader
    X: Any
    y: np.ndarray
    metadata: Mapping[str, Any]
    classes: np.ndarray | None
    groups: np.ndarray | None = None
    times: np.ndarray | None = None
    order: np.ndarray | None = None

    def take_raw_rows(self, X: Any, rows: np.ndarray) -> Any:
        """Return some rows of the raw table, by their positions in ``self.X``."""
        return take_rows(X, rows if self.order is None else self.order[rows])

    def describe_columns_on(self, estimator: Any) -> None:
        """Set the attributes of an estimator that describe the columns, as scikit-learn's estimators have them."""
        estimator.n_features_in_ = self.reader.n_features_in_
        if hasattr(self.reader, "feature_names_in_"):
            estimator.feature_names_in_ = self.reader.feature_names_in_
        if self.reader.reads_text:
            estimator.text_columns_ = self.reader.text_columns_


def read_table(
    reader: TableReader,
    X: Any,
    y: Any,
    metadata: Mapping[str, Any],
    *,
    is_classification: bool,
    cv: Any,
    time: str | int | None = None,
) -> TableData:
    """Read a table, check its target and metadata, and sort its rows by time if they have one.

    Parameters
    ----------
    reader : TableReader
        It is fitted here.
    X : array-like or DataFrame of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
    metadata : mapping of str to object
        See `check_target_and_metadata`.
    is_classification : bool
    cv : object
        If it is a number of folds, each class must have at least this number of rows. If it is a number or None, folds
        keep groups together, and there is a warning if there are no groups and a column looks like one.
    time : str, int or None, default=None
        The column of times; see `tables._time.read_times`.

    Returns
    -------
    data : TableData

    Raises
    ------
    ValueError, TypeError
        If the table, the target or the metadata cannot be used.
    """
    encoded = reader.fit_transform(X)
    y, metadata = check_target_and_metadata(encoded, y, metadata)
    times = None if time is None else read_times(X, time)
    order = None
    draws_folds = cv is None or isinstance(cv, numbers.Integral)
    groups = read_groups(metadata["groups"]) if draws_folds and "groups" in metadata else None
    if times is None and groups is None and draws_folds:
        warn_about_group_columns(X, y, is_classification=is_classification)
    if times is not None:
        if groups is not None:
            raise ValueError(
                "Both time and groups say how folds are drawn. Pass one of them, or a splitter as cv that uses both."
            )
        order = np.argsort(times, kind="stable")
        encoded, y, times = encoded[order], y[order], times[order]
        metadata = {name: take_rows(values, order) for name, values in metadata.items()}
    if not is_classification:
        if len(y) < 2:
            raise ValueError("Found n_samples = 1, but there must be rows to fit on and rows to score.")
        return TableData(reader, encoded, read_amounts(y), metadata, None, groups, times, order)
    check_labels(y)
    classes, counts = np.unique(y, return_counts=True)
    check_classes(classes, counts, cv)
    return TableData(reader, encoded, y, metadata, classes, groups, times, order)

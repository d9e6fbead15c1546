"""Reads a raw table with its target and metadata, and checks that they fit together."""

import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets

from sklearn_autotune.inference._table_reader import TableReader
from sklearn_autotune.tables._checks import check_classes, check_target_and_metadata
from sklearn_autotune.tables._groups import read_groups, warn_about_group_columns
from sklearn_autotune.tables._target import read_amounts

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
    """

    reader: TableReader
    X: Any
    y: np.ndarray
    metadata: Mapping[str, Any]
    classes: np.ndarray | None
    groups: np.ndarray | None = None


def read_table(
    reader: TableReader, X: Any, y: Any, metadata: Mapping[str, Any], *, is_classification: bool, cv: Any
) -> TableData:
    """Read a table, and check its target and metadata.

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
    draws_folds = cv is None or isinstance(cv, numbers.Integral)
    groups = read_groups(metadata["groups"]) if draws_folds and "groups" in metadata else None
    if not is_classification:
        if len(y) < 2:
            raise ValueError("Found n_samples = 1, but there must be rows to fit on and rows to score.")
        y = read_amounts(y)
        warn_about_group_columns(X, y, cv=cv, has_groups=groups is not None, is_classification=False)
        return TableData(reader, encoded, y, metadata, None, groups)
    check_classification_targets(y)
    classes, counts = np.unique(y, return_counts=True)
    check_classes(classes, counts, cv)
    warn_about_group_columns(X, y, cv=cv, has_groups=groups is not None, is_classification=True)
    return TableData(reader, encoded, y, metadata, classes, groups)

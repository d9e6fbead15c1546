"""Predict with a run's model, some rows at a time, and measure how far the rows differ from those of training."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from sklearn_autotune._compat.optional import import_optional
from sklearn_autotune.inference._second_layer import (
    BlendStackingClassifier,
    BlendVotingClassifier,
    SecondLayerClassifier,
)
from sklearn_autotune.runner._config import ConfigError
from sklearn_autotune.runner._data import find_table_file, is_of_package, read_table
from sklearn_autotune.runner._folder import load_model, read_metadata
from sklearn_autotune.tables._file_chunks import FileChunks
from sklearn_autotune.tables._profile import DriftMeter, align_to_profile, check_names

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CHUNK_ROWS", "PredictedChunks", "Predictions", "predict"]

CHUNK_ROWS = 20_000

# Models get so many rows at a time: the last bit of a matrix product depends on the number of its rows, and so
# predictions would depend on the size of the chunks.
BLOCK_ROWS = 1000

# What has the distribution of the target: what the model predicts and, if the table has it, the target itself.
TARGET_KINDS = ("prediction", "target")


@dataclass(frozen=True)
class Predictions:
    """The predictions of a run's model.

    Attributes
    ----------
    table : pandas.DataFrame
        A column with the target's name, and for classes ``probability_<class>``.
    drift : list of dict
        Columns with values that the training rows did not have, the worst first: ``column``, ``share``, ``outside``,
        ``unseen``, ``more_missing`` and ``examples``.
    notes : list of str
    """

    table: Any
    drift: list[dict[str, Any]]
    notes: list[str] = field(default_factory=list)


def predict(folder: str | Path, data: "str | Path | pd.DataFrame", *, trust: bool = False) -> Predictions:
    """Predict with a run's model, and report the columns in which the rows differ from the training rows.

    Parameters
    ----------
    folder : str or Path
        The run folder.
    data : str, Path or pandas.DataFrame
        A CSV or Parquet file, or a table. Columns may come in any order; those that the model does not know are left
        out. Of a file, only some rows at a time are in memory. A cell of a CSV file is read as what its column held in
        training.
    trust : bool, default=False
        As of `load`.

    Returns
    -------
    predictions : Predictions

    Raises
    ------
    ConfigError, RunFolderError
        If a file is missing, a column is missing, a column holds words where training had numbers, or ``trust`` is
        needed. The message names the first row of a file that cannot be read.
    """
    chunks = PredictedChunks(folder, data, trust=trust)
    table = import_optional("pandas", "Predicting").concat(list(chunks))
    return Predictions(table, chunks.measure_drift(), chunks.notes)


class PredictedChunks:
    """The predictions for a file or a table, which are made as they are asked for, a chunk at a time.

    Parameters
    ----------
    folder, data, trust
        As of `predict`.
    chunk_rows : int, default=20_000
        How many rows of a file are in memory at a time. It is rounded up to thousands, and changes no prediction.

    Attributes
    ----------
    notes : list of str

    Raises
    ------
    ConfigError, RunFolderError
        As by `predict`, also while the chunks are made.
    """

    def __init__(
        self,
        folder: str | Path,
        data: "str | Path | pd.DataFrame",
        *,
        trust: bool = False,
        chunk_rows: int = CHUNK_ROWS,
    ) -> None:
        self.folder = Path(folder)
        self.trust = trust
        self.metadata = read_metadata(self.folder)
        self.target = self.metadata["target"]
        self.source = str(data) if isinstance(data, str | Path) else None
        kinds = [kind for kind in TARGET_KINDS if self.metadata.get(f"{kind}_profile")]
        self.profiles = {kind: self.metadata[f"{kind}_profile"] | {"name": self.target} for kind in kinds}
        names, self._tables = self._open(data, -(-chunk_rows // BLOCK_ROWS) * BLOCK_ROWS)
        config = self.metadata["config"]
        left_out = [self.target, *config.get("drop", []), config.get("groups"), config.get("sample_weight")]
        try:
            self.notes = check_names(names, self.metadata["columns"], left_out)
        except ValueError as error:
            raise ConfigError(f"{self.source or 'data'}: {error}") from None

    def _open(self, data: "str | Path | pd.DataFrame", chunk_rows: int) -> tuple[list[str], Iterable["pd.DataFrame"]]:
        """Return the names of the columns, and the tables."""
        if self.source is not None and not is_of_package(self.source):
            path = find_table_file(self.source, Path())
            entries = [*self.metadata["columns"], *([self.profiles["target"]] if "target" in self.profiles else [])]
            try:
                chunks = FileChunks(path, entries, chunk_rows)
            except (ValueError, OSError, ImportError) as error:
                raise ConfigError(f"{self.source}: cannot be read: {error}") from error
            return chunks.names, chunks
        table: Any = data if self.source is None else read_table(self.source, Path())
        return list(table.columns), [table]

    def __iter__(self) -> Iterator["pd.DataFrame"]:
        """Yield a table for each chunk: a column with the target's name, and for classes ``probability_<class>``."""
        self._meter = DriftMeter(self.metadata["columns"])
        self._target_meters = {kind: DriftMeter([entry]) for kind, entry in self.profiles.items()}
        model = None
        for table in self._read():
            X = self._call(self._align, table)
            if model is None:
                model = load_model(self.folder, self.metadata, trust=self.trust)
            found = self._predict(model, X)
            self._meter.add(X)
            self._measure_target(found, "prediction")
            self._measure_target(table, "target")
            yield found

    def _read(self) -> Iterator["pd.DataFrame"]:
        """Yield the tables; raise ConfigError if a file cannot be read, or if there are no rows."""
        n_rows, tables = 0, iter(self._tables)
        while True:
            try:
                table = next(tables, None)
            except (ValueError, OSError) as error:
                raise ConfigError(f"{self.source}: cannot be read after row {n_rows}: {error}") from error
            if table is None:
                break
            n_rows += len(table)
            if len(table):
                yield table
        if not n_rows:
            raise ConfigError(f"{self.source or 'data'}: there are no rows in it")

    def _align(self, table: "pd.DataFrame") -> "pd.DataFrame":
        X, _ = align_to_profile(table, self.metadata["columns"])
        return X

    def _call(self, call: Callable[["pd.DataFrame"], Any], table: "pd.DataFrame") -> Any:
        """Return what a call returns; if it does not take the rows of a file, name the first of these."""
        try:
            return call(table)
        except ValueError as error:
            if self.source is None:
                raise ConfigError(f"data: {error}") from None
            row, reason = _find_row(call, table, error)
            raise ConfigError(f"{self.source}, row {row}: {reason}") from None

    def _predict(self, model: Any, X: "pd.DataFrame") -> "pd.DataFrame":
        blocks = [X.iloc[start : start + BLOCK_ROWS] for start in range(0, len(X), BLOCK_ROWS)]
        found = [self._call(partial(_predict_block, model), block) for block in blocks]
        columns = {self.target: np.concatenate([labels for labels, _ in found])}
        if is_classifier(model):
            probabilities = np.concatenate([values for _, values in found])
            names = [f"probability_{label}" for label in model.classes_.tolist()]
            columns |= dict(zip(names, probabilities.T, strict=True))
        return import_optional("pandas", "Predicting").DataFrame(columns, index=X.index)

    def _measure_target(self, values: "pd.DataFrame", kind: str) -> None:
        """Measure the drift of the predictions, or of the target if the table has it."""
        if kind not in self._target_meters or self.target not in values.columns:
            return
        known = values.loc[values[self.target].notna(), [self.target]]
        try:
            self._target_meters[kind].add(align_to_profile(known, [self.profiles[kind]])[0])
        except ValueError:  # a target of another kind says nothing, and the model needs none
            del self._target_meters[kind]

    def measure_drift(self) -> list[dict[str, Any]]:
        """Return the drift of all rows so far, the worst first."""
        drift = self._meter.measure()
        for kind, label in zip(TARGET_KINDS, (f"predicted {self.target}", self.target), strict=True):
            if kind in self._target_meters:
                drift += [entry | {"column": label} for entry in self._target_meters[kind].measure()]
        return sorted(drift, key=lambda entry: -entry["share"])


def _predict_block(model: Any, X: "pd.DataFrame") -> tuple[Any, Any]:
    """Return the labels or values, and the probabilities of a classifier."""
    with warnings.catch_warnings():
        # The drift says it for all rows together.
        warnings.filterwarnings("ignore", message=".* holds none of the categories of training")
        if not is_classifier(model):
            return model.predict(X), None
        probabilities = model.predict_proba(X)
        is_blend = isinstance(model, Pipeline) and _takes_most_probable(model[-1])
        return model.classes_[probabilities.argmax(axis=1)] if is_blend else model.predict(X), probabilities


def _takes_most_probable(model: Any) -> bool:
    """Whether the labels of a classifier are those of its highest probabilities, as those of our blends are."""
    if type(model) is BlendStackingClassifier and type(model.final_estimator_) is FrozenEstimator:
        return isinstance(model.final_estimator_.estimator, SecondLayerClassifier)
    return type(model) is BlendVotingClassifier and model.voting == "soft"


def _find_row(
    call: Callable[["pd.DataFrame"], Any], table: "pd.DataFrame", error: ValueError
) -> tuple[int, ValueError]:
    """Return the first row of a file, from 1, that a call does not take, and what it says of this row."""
    n_taken, n_refused = 0, len(table)
    while n_refused - n_taken > 1:
        middle = (n_taken + n_refused) // 2
        try:
            call(table.iloc[:middle])
            n_taken = middle
        except ValueError as found:
            n_refused, error = middle, found
    return int(table.index[n_taken]) + 1, error

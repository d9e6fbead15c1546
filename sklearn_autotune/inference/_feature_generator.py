"""Makes columns from pairs of columns: sums, products and ratios, crosses of categories, and statistics of groups."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import KFold
from sklearn.utils.validation import check_is_fitted

from sklearn_autotune._compat.sklearn import limit_to_one_thread

__all__ = ["MAX_GENERATED", "Arithmetic", "Cross", "FeatureGenerator", "GroupStatistic"]

# Pairs are made of this number of columns of either kind, those that say most of the target.
MAX_NUMBERS = 10
MAX_CATEGORIES = 8

# Of a table with more columns, those are examined that are most closely correlated with the target.
MAX_COLUMNS = 200

# At most this number of columns is made, and at most one for so many rows.
MAX_GENERATED = 12
ROWS_PER_GENERATED = 50

# Columns are chosen on at most this number of rows, drawn at random.
MAX_ROWS = 2000

# A column has to say more of the residual than chance does: a normal deviate, for some hundred columns that are tried.
MIN_DEVIATE = 4.0

# Columns are made in at most this number of rounds. A later round makes them of those that are made before, too.
MAX_ROUNDS = 3

# The columns have to reduce the squared error of the quick model to this share, or none is made. On 15 tables with one
# or two seeds, where columns reduced it by less, selectors had 0.1 % less loss with them in the mean, and 0.1 % more in
# the median.
MAX_ERROR_SHARE = 0.9

# Residuals are clipped at this number of standard deviations, so that a few rows do not decide.
MAX_RESIDUAL = 4.0

# The number of bins by which numbers are compared with the residual.
N_BINS = 16

# Of more classes, the residuals of the most frequent ones are used.
MAX_TARGETS = 2

# The trees read codes of more categories as numbers.
MAX_CODES = 255

# Levels with fewer rows have the statistics of all rows.
MIN_LEVEL_ROWS = 5

# A larger number would not be finite as a 32-bit float, or in the computations of a model.
LARGEST = 1e30

OPERATIONS = ("sum", "difference", "product", "ratio")
STATISTICS = ("mean", "spread", "distance")


class Generated(Protocol):
    """A column made of two columns."""

    @property
    def n_categories(self) -> int:
        """Number of categories; 0 for numbers."""
        ...

    def fit_again(self, X: np.ndarray) -> "Generated":
        """Return the same column, fitted on other rows."""
        ...

    def compute(self, X: np.ndarray) -> np.ndarray:
        """Return the column for some rows."""
        ...

    def make_name(self, names: Sequence[str]) -> str:
        """Return the column's name, from those of the table."""
        ...


@dataclass(frozen=True)
class Arithmetic:
    """The sum, difference, product or ratio of two columns of numbers."""

    operation: str
    first: int
    second: int

    @property
    def n_categories(self) -> int:
        """Number of categories: none."""
        return 0

    def fit_again(self, X: np.ndarray) -> "Arithmetic":
        """Return the same column; it depends on no rows."""
        return self

    def compute(self, X: np.ndarray) -> np.ndarray:
        """Return the column; missing where one of the two is missing, or where a divisor is 0."""
        a, b = X[:, self.first], X[:, self.second]
        with np.errstate(over="ignore", invalid="ignore"):
            if self.operation == "ratio":
                result = np.divide(a, b, out=np.full(len(X), np.nan), where=b != 0)
            elif self.operation == "product":
                result = a * b
            else:
                result = a + b if self.operation == "sum" else a - b
        return np.clip(result, -LARGEST, LARGEST)

    def make_name(self, names: Sequence[str]) -> str:
        """Return the name, such as "width / height"."""
        sign = {"sum": "+", "difference": "-", "product": "*", "ratio": "/"}[self.operation]
        return f"{names[self.first]} {sign} {names[self.second]}"


@dataclass(frozen=True)
class Cross:
    """The pairs of levels of two columns of categories, as codes.

    Parameters
    ----------
    first, second : int
    width : int
        The number of codes of the second column.
    pairs : ndarray of int
        The pairs of the training rows, sorted: the first code times ``width`` plus the second one.
    """

    first: int
    second: int
    width: int
    pairs: np.ndarray

    @classmethod
    def fit(cls, X: np.ndarray, first: int, second: int) -> "Cross":
        """Learn which pairs there are."""
        known = X[~np.isnan(X[:, [first, second]]).any(axis=1)]
        width = int(known[:, second].max()) + 1 if len(known) else 1
        return cls(first, second, width, np.unique(known[:, first].astype(int) * width + known[:, second].astype(int)))

    @property
    def n_categories(self) -> int:
        """Number of pairs."""
        return len(self.pairs)

    def fit_again(self, X: np.ndarray) -> "Cross":
        """Return the cross of the same columns, fitted on other rows."""
        return Cross.fit(X, self.first, self.second)

    def compute(self, X: np.ndarray) -> np.ndarray:
        """Return the codes; missing where one of the two is missing, or where the pair is not known."""
        a, b = X[:, self.first], X[:, self.second]
        is_known = ~np.isnan(a) & (b < self.width)
        combined = np.where(is_known, a * self.width + b, -1.0)
        codes = np.searchsorted(self.pairs, combined)
        codes[codes == len(self.pairs)] = 0
        is_known &= self.pairs[codes] == combined if len(self.pairs) else False
        return np.where(is_known, codes, np.nan)

    def make_name(self, names: Sequence[str]) -> str:
        """Return the name, such as "colour and shape"."""
        return f"{names[self.first]} and {names[self.second]}"


@dataclass(frozen=True)
class GroupStatistic:
    """A statistic of a number in the level of a category: its mean, its standard deviation, or the distance from it.

    The distance of a row is its number less the mean of its level, in standard deviations of the level.

    Parameters
    ----------
    statistic : {"mean", "spread", "distance"}
    number, category : int
    table : ndarray of shape (n_levels + 2, 2)
        Mean and standard deviation by code. The last rows are for missing codes, and for those that are not known.
    """

    statistic: str
    number: int
    category: int
    table: np.ndarray

    @classmethod
    def fit(cls, X: np.ndarray, statistic: str, number: int, category: int) -> "GroupStatistic":
        """Learn the statistics of the levels; rare levels have those of all rows."""
        values, codes = X[:, number], X[:, category]
        known = ~np.isnan(codes)
        n_levels = int(codes[known].max()) + 1 if known.any() else 0
        index = np.where(known, codes, n_levels).astype(int)
        has_value = ~np.isnan(values)
        index, values = index[has_value], values[has_value]
        overall = (float(values.mean()), float(values.std())) if len(values) else (np.nan, np.nan)
        counts = np.bincount(index, minlength=n_levels + 2)
        divisors = np.maximum(counts, 1)
        means = np.bincount(index, values, minlength=n_levels + 2) / divisors
        spreads = np.sqrt(np.bincount(index, (values - means[index]) ** 2, minlength=n_levels + 2) / divisors)
        table = np.where((counts >= MIN_LEVEL_ROWS)[:, None], np.column_stack([means, spreads]), overall)
        return cls(statistic, number, category, table)

    @property
    def n_categories(self) -> int:
        """Number of categories: none."""
        return 0

    def fit_again(self, X: np.ndarray) -> "GroupStatistic":
        """Return the same statistic of the same columns, fitted on other rows."""
        return GroupStatistic.fit(X, self.statistic, self.number, self.category)

    def compute(self, X: np.ndarray) -> np.ndarray:
        """Return the column; the distance of a missing number is missing."""
        codes = X[:, self.category]
        n_levels = len(self.table) - 2
        index = np.where(np.isnan(codes), n_levels, np.minimum(codes, n_levels + 1)).astype(int)
        index = np.where(codes >= n_levels, n_levels + 1, index)
        mean, spread = self.table[index].T
        if self.statistic != "distance":
            return mean if self.statistic == "mean" else spread
        distance = X[:, self.number] - mean
        with np.errstate(over="ignore"):
            distance = np.divide(distance, spread, out=distance * 0, where=spread > 0)
        return np.clip(distance, -LARGEST, LARGEST)

    def make_name(self, names: Sequence[str]) -> str:
        """Return the name, such as "mean of price by colour"."""
        return f"{self.statistic} of {names[self.number]} by {names[self.category]}"


class FeatureGenerator(TransformerMixin, BaseEstimator):
    """Adds columns that are made of pairs of columns, at most twelve; the table's own columns come first.

    Those are chosen that explain what a quick model of the table's own columns leaves of the target: boosted trees of
    one split each, which cannot combine columns. Its residuals come from folds inside the training rows. One column
    after another is chosen, each with regard to those before. A column that says no more than chance does is not made.
    Columns that improve the quick model are kept, and may become parts of others, in up to three rounds. If all
    together reduce its squared error by less than a tenth, none is made.

    Parameters
    ----------
    n_categories : sequence of int
        Of each column, the number of categories; 0 for numbers. Columns with negative numbers are left out.
    is_classification : bool

    Attributes
    ----------
    generated_ : list of Arithmetic, Cross and GroupStatistic
    """

    def __init__(self, n_categories: Sequence[int], is_classification: bool) -> None:
        self.n_categories = n_categories
        self.is_classification = is_classification

    def fit(self, X: np.ndarray, y: np.ndarray) -> "FeatureGenerator":
        """Choose columns, and learn what they need.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_columns)
        y : ndarray of shape (n_samples,)

        Returns
        -------
        self : object
        """
        rows = np.arange(len(X))
        if len(X) > MAX_ROWS:
            rows = np.sort(np.random.RandomState(0).choice(len(X), MAX_ROWS, replace=False))
        self.generated_: list[Generated] = []
        for column in self._choose(X[rows], _make_targets(y, self.is_classification)[rows]):
            column = column.fit_again(X)
            self.generated_.append(column)
            X = np.column_stack([X, column.compute(X)])
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Add the columns.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_columns)

        Returns
        -------
        X_out : ndarray of shape (n_samples, n_columns + n_generated)
        """
        check_is_fitted(self)
        return _append(X, self.generated_)

    @property
    def n_categories_(self) -> np.ndarray:
        """The number of categories of each column that ``transform`` returns."""
        return np.array([*self.n_categories, *(column.n_categories for column in self.generated_)], dtype=int)

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> np.ndarray:
        """Return the names of the columns that ``transform`` returns.

        Parameters
        ----------
        input_features : sequence of str or None, default=None
            The names of the table's columns; None is x0, x1 and so on.

        Returns
        -------
        names : ndarray of str
        """
        check_is_fitted(self)
        names = [f"x{index}" for index in range(len(self.n_categories))] if input_features is None else input_features
        return np.array(_make_names(names, self.generated_), dtype=object)

    def _choose(self, X: np.ndarray, targets: np.ndarray) -> list[Generated]:
        """Choose columns in rounds, as long as they improve the quick model."""
        n_most = min(MAX_GENERATED, len(X) // ROWS_PER_GENERATED)
        kinds = list(self.n_categories)
        made: list[Generated] = []
        given = residuals = targets
        for number in range(MAX_ROUNDS if n_most else 0):
            proposed = list(self._propose(X, targets, kinds, made))
            if not proposed:
                break
            if number == 0:
                given = residuals = _find_residuals(X, targets, kinds)
            chosen = _choose_from(proposed, X, residuals, n_most - len(made))
            if not chosen:
                break
            kinds = [*kinds, *(column.n_categories for column in chosen)]
            extended = _append(X, chosen)
            improved = _find_residuals(extended, targets, kinds)
            if (improved**2).sum() >= (residuals**2).sum():
                break
            made, X, residuals = [*made, *chosen], extended, improved
        return made if (residuals**2).sum() <= MAX_ERROR_SHARE * (given**2).sum() else []

    def _propose(
        self, X: np.ndarray, targets: np.ndarray, kinds: Sequence[int], made: Sequence[Generated]
    ) -> Iterator[Generated]:
        """Yield the columns among which is chosen, fitted on some rows; not those that are made already."""
        names = _make_names([str(index) for index in range(len(self.n_categories))], made)
        yield from (column for column in _pair(X, targets, np.array(kinds)) if column.make_name(names) not in names)


def _pair(X: np.ndarray, targets: np.ndarray, kinds: np.ndarray) -> Iterator[Generated]:
    """Yield the columns that can be made of the columns that say most of the target."""
    used = _find_correlated(X, targets) if X.shape[1] > MAX_COLUMNS else range(X.shape[1])
    usable = [index for index in used if kinds[index] == 0 and _has_three_values(X[:, index])]
    numbers = _keep_best(X, targets, usable, MAX_NUMBERS, are_codes=False)
    levels = [index for index in used if kinds[index] > 1]
    categories = _keep_best(X, targets, levels, MAX_CATEGORIES, are_codes=True)
    for first, second in combinations(numbers, 2):
        yield from (Arithmetic(operation, first, second) for operation in OPERATIONS)
        yield Arithmetic("ratio", second, first)
    n_levels = {column: len(np.unique(X[:, column])) for column in categories}
    for first, second in combinations(categories, 2):
        cross = Cross.fit(X, first, second)
        n_most = max(n_levels[first], n_levels[second])
        if n_most < cross.n_categories <= len(X) // MIN_LEVEL_ROWS:
            yield cross
    for category in categories:
        for number in numbers:
            yield from (GroupStatistic.fit(X, statistic, number, category) for statistic in STATISTICS)


def _append(X: np.ndarray, generated: Sequence[Generated]) -> np.ndarray:
    """Return a table with generated columns, which may be made of those before them."""
    for column in generated:
        X = np.column_stack([X, column.compute(X)])
    return X


def _make_names(names: Sequence[str], generated: Sequence[Generated]) -> list[str]:
    """Return the names of a table's columns, followed by those of generated ones."""
    found = list(names)
    for column in generated:
        found.append(column.make_name([f"({name})" if " " in name else name for name in found]))
    return found


def _make_targets(y: np.ndarray, is_classification: bool) -> np.ndarray:
    """Return columns with mean 0: the target, scaled, or whether it is each of the most frequent classes."""
    if is_classification:
        classes, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
        used = np.argsort(-counts, kind="stable")[: min(MAX_TARGETS, len(classes) - 1)]
        targets = (codes[:, None] == used).astype(np.float64)
    else:
        targets = np.asarray(y, dtype=np.float64)[:, None]
        targets = targets / (np.abs(targets).max() or 1.0)
    return targets - targets.mean(axis=0)


def _has_three_values(values: np.ndarray) -> bool:
    return len(np.unique(values[~np.isnan(values)])) >= 3


def _keep_best(
    X: np.ndarray, targets: np.ndarray, columns: Sequence[int], n_kept: int, *, are_codes: bool
) -> list[int]:
    """Return the columns that say most of the target, in the order of the table."""
    shares = [_compare(_group(X[:, column], are_codes), targets)[0] for column in columns]
    return sorted(int(columns[place]) for place in np.argsort(-np.array(shares), kind="stable")[:n_kept])


def _find_correlated(X: np.ndarray, targets: np.ndarray) -> list[int]:
    """Return the columns of a table of many that are most closely correlated with the targets, in their order."""
    known = ~np.isnan(X)
    n_known = np.maximum(known.sum(axis=0), 1)
    values = np.where(known, X, 0.0)
    values = np.where(known, values - values.sum(axis=0) / n_known, 0.0)
    spread = np.maximum(np.sqrt((values**2).sum(axis=0)), 1e-12)
    related = (((values.T @ targets) / spread[:, None]) ** 2).sum(axis=1)
    return np.sort(np.argsort(-related, kind="stable")[:MAX_COLUMNS]).tolist()


def _find_residuals(X: np.ndarray, targets: np.ndarray, kinds: Sequence[int]) -> np.ndarray:
    """Return what boosted trees of one split leave of the targets, on rows that they were not fitted on."""
    residuals = targets.copy()
    if X.shape[1] > MAX_COLUMNS:
        used = _find_correlated(X, targets)
        X, kinds = X[:, used], [kinds[index] for index in used]
    categories = [index for index, n_categories in enumerate(kinds) if 1 < n_categories <= MAX_CODES]
    model = HistGradientBoostingRegressor(
        max_iter=50,
        learning_rate=0.3,
        max_leaf_nodes=2,
        categorical_features=categories,
        early_stopping=False,
        random_state=0,
    )
    with limit_to_one_thread():
        for train, test in KFold(3, shuffle=True, random_state=0).split(X):
            for index, target in enumerate(targets.T):
                residuals[test, index] -= model.fit(X[train], target[train]).predict(X[test])
    return residuals


def _choose_from(proposed: Sequence[Generated], X: np.ndarray, residuals: np.ndarray, n_most: int) -> list[Generated]:
    """Return columns that explain the residuals, each what those before it leave; extreme residuals are clipped."""
    spread = residuals.std(axis=0)
    residuals = np.clip(residuals, -MAX_RESIDUAL * spread, MAX_RESIDUAL * spread)
    groups = [_group(column.compute(X), column.n_categories > 0) for column in proposed]
    chosen: list[int] = []
    while len(chosen) < n_most:
        shares = np.zeros(len(proposed))
        for index, group in enumerate(groups):
            share, deviate = _compare(group, residuals)
            shares[index] = share if deviate >= MIN_DEVIATE and index not in chosen else 0.0
        best = int(shares.argmax())
        if shares[best] <= 0:
            break
        chosen.append(best)
        counts = np.bincount(groups[best])[:, None]
        sums = np.column_stack([np.bincount(groups[best], column) for column in residuals.T])
        residuals = residuals - (sums / np.maximum(counts, 1))[groups[best]]
    return [proposed[index] for index in chosen]


def _group(values: np.ndarray, are_codes: bool) -> np.ndarray:
    """Return groups of rows with similar numbers, or with the same code; missing values are one of them."""
    missing = np.isnan(values)
    if are_codes:
        return np.where(missing, 0, values + 1).astype(int)
    known = values[~missing]
    edges = np.unique(np.quantile(known, np.arange(1, N_BINS) / N_BINS)) if len(known) else known
    return np.where(missing, 0, np.searchsorted(edges, values, side="right") + 1)


def _compare(groups: np.ndarray, targets: np.ndarray) -> tuple[float, float]:
    """Return the share of the targets' variance that groups explain, and how far it is beyond chance, as a deviate."""
    counts = np.bincount(groups)
    n_groups, n_rows = int((counts > 0).sum()), len(groups)
    total = float((targets**2).sum())
    if n_groups < 2 or n_rows <= n_groups + 1 or total <= 0:
        return 0.0, 0.0
    between = sum(float((np.bincount(groups, column) ** 2 / np.maximum(counts, 1)).sum()) for column in targets.T)
    within = max(total - between, 1e-12 * total)
    degrees, others = n_groups - 1, n_rows - n_groups
    ratio = (between / degrees) / (within / others)
    share = 1 - (within / others) / (total / (n_rows - 1))
    return share, (ratio - 1) / np.sqrt(2 / degrees + 2 / others)

"""What a family is: the estimators it stands for, and the space in which they are worth searching."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Branch", "Family", "Shape", "estimate_boosting_seconds"]

Branch = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """What a space may depend on.

    Parameters
    ----------
    n_rows : int
        Rows of the smallest training part that the estimator will be fitted on.
    is_classifier : bool
    params : mapping of str to object
        What the estimator is set to; some settings leave no room for others.
    n_columns : int, default=10
    n_classes : int, default=2

    Examples
    --------
    >>> shape = Shape(n_rows=1000, is_classifier=True, params={})
    >>> shape.divide_rows(50, max_value=100), shape.divide_rows(5, max_value=100)
    (20, 100)
    """

    n_rows: int
    is_classifier: bool
    params: Mapping[str, Any] = field(default_factory=dict)
    n_columns: int = 10
    n_classes: int = 2

    @property
    def cells(self) -> float:
        """Rows times columns."""
        return float(self.n_rows * self.n_columns)

    @property
    def n_outputs(self) -> int:
        """How many functions boosting and linear models fit: one, or one for each of several classes."""
        return self.n_classes if self.is_classifier and self.n_classes > 2 else 1

    def divide_rows(self, every: int, *, max_value: int) -> int:
        """Count one row in so many, but at least one."""
        return max(1, min(max_value, self.n_rows // every))

    @property
    def class_weight(self) -> Branch:
        """Whether to weight the classes: searched where the user has not settled it.

        auto-sklearn: balancing {none, weighting}. What helps depends on the score: accuracy and log loss seldom
        want it, balanced accuracy and F1 on rare classes do.
        """
        if not self.is_classifier or self.params.get("class_weight") is not None:
            return {}
        return {"class_weight": [None, "balanced"]}


def estimate_boosting_seconds(
    shape: Shape, *, start: float, seconds_per_output: float, seconds_per_cell: float
) -> float:
    """Foresee what boosting takes that finds its number of rounds.

    Parameters
    ----------
    shape : Shape
        With the settings of a candidate.
    start : float
        Seconds beside rounds.
    seconds_per_output, seconds_per_cell : float
        Seconds of all rounds at a learning rate of 0.08: for each output, and of each for each cell of 1,000 rows. Of
        more rows, more rounds are found; measured up to 33,000 rows, about as their root.

    Returns
    -------
    seconds : float
    """
    of_rounds = seconds_per_output + seconds_per_cell * shape.cells * (shape.n_rows / 1000) ** 0.5
    return start + of_rounds * shape.n_outputs * 0.08 / shape.params.get("learning_rate", 0.08)


def _tenth(shape: Shape) -> float:
    """Say a tenth of a second."""
    return 0.1


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of model, as a data sheet.

    Parameters
    ----------
    name : str
    estimators : tuple of str
        Top-level package and class, as in ``"xgboost.XGBClassifier"``: named, not imported.
    space : callable
        From a `Shape` to one dict of parameters, or a list of dicts where some parameters exist only under
        conditions; written the way users write ``param_distributions``.
    make : callable or None, default=None
        From a `Shape` to the estimator that `AutoModelSelector` takes; None if it takes none of this family.
    first : sequence of dict, default=()
        Settings to begin with, good ones on many tables. A value may be a function of the `Shape`; what is left out is
        as the estimator is made, or in the middle of its range. ``{}`` is the estimator as it is made.
    columns : {"scaled", "coded", "native"}, default="scaled"
        How the columns of a table are prepared: categories one-hot, numbers imputed and scaled; categories as numbers,
        for trees; or left to the estimator, which has to take categories and missing values.
    seconds : callable, default=a tenth of a second
        From a `Shape` to about how long one fit takes; its ``params`` are the candidate's settings. What is measured
        soon corrects it.
    is_bagged : bool, default=True
        Whether the models of the folds are averaged in the end. Forests are fitted once more, on all rows, instead.
    rounds : str or None, default=None
        The parameter that early stopping finds. ``make`` then returns a model of XGBoost, LightGBM or CatBoost that is
        told how many rounds to wait for a better one.
    tasks : tuple of {"classification", "regression"}
        What `AutoModelSelector` takes it for; default both.
    package : str or None, default=None
        An optional package that has to be installed.
    """

    name: str
    estimators: tuple[str, ...]
    space: Callable[[Shape], Branch | list[Branch]]
    make: Callable[[Shape], Any] | None = None
    first: Sequence[Branch] = ()
    columns: str = "scaled"
    seconds: Callable[[Shape], float] = _tenth
    is_bagged: bool = True
    rounds: str | None = None
    tasks: tuple[str, ...] = ("classification", "regression")
    package: str | None = None

    def includes(self, kind: type) -> bool:
        """Whether a class is one of this family's estimators, or a user's subclass of one.

        A subclass from the same package is another model: LogisticRegressionCV is a LogisticRegression, and
        XGBRFClassifier an XGBClassifier, by inheritance only.
        """
        for ancestor in kind.__mro__:
            if f"{_package(ancestor)}.{ancestor.__name__}" in self.estimators:
                between = [heir for heir in kind.__mro__ if issubclass(heir, ancestor) and heir is not ancestor]
                return all(_package(heir) != _package(ancestor) for heir in between)
        return False


def _package(kind: type) -> str:
    return kind.__module__.partition(".")[0]

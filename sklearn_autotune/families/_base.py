"""What is known of estimators: of a family its models, first settings and fit times, of any other one its space."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

__all__ = [
    "Branch",
    "ByRows",
    "EstimatorSpace",
    "Family",
    "Shape",
    "estimate_boosting_seconds",
    "is_among",
    "scale_target",
]

Branch = dict[str, Any]

# Training rows from which the first settings of boosters have larger trees.
LARGE_ROWS = 90_000


@dataclass(frozen=True, slots=True)
class Shape:
    """The training table and the estimator's parameters, on which a search space may depend.

    Parameters
    ----------
    n_rows : int
        Rows of the smallest training part that the estimator will be fitted on.
    is_classifier : bool
    params : mapping of str to object
        Parameters of the estimator as it is; some leave others without effect.
    n_columns : int, default=10
    n_classes : int, default=2
    rarest_class_rows : int or None, default=None
        Rows of the class with the fewest; None if that is not known, or in regression.
    target_spread : float, default=1.0
        The standard deviation of the target in regression, if it is known.
    target_transform : {"log", "power"} or None, default=None
        The transformation that makes a skewed target less so; None if the target is not skewed, or not known.
    loss : {"squared", "absolute", "percentage", "quantile", "poisson", "gamma", "tweedie", "log"}, default="squared"
        What a regression is scored with, as a loss that a model can minimise.
    loss_level : float, default=0.5
        The quantile for the loss "quantile", and the power for "tweedie".
    n_screened_columns : int or None, default=None
        The number of columns that models of families with ``screens`` may get; None if they get all.
    generates : bool, default=False
        Whether models of families with ``generates`` may get generated columns.
    min_columns : int or None, default=None
        The number of columns that the estimator gets at least; None if that is not known.

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
    rarest_class_rows: int | None = None
    target_spread: float = 1.0
    target_transform: str | None = None
    loss: str = "squared"
    loss_level: float = 0.5
    n_screened_columns: int | None = None
    generates: bool = False
    min_columns: int | None = None

    @property
    def cells(self) -> float:
        """Rows times columns."""
        return float(self.n_rows * self.n_columns)

    @property
    def n_outputs(self) -> int:
        """Number of functions that boosting and linear models fit: one, or one for each of more than two classes."""
        return self.n_classes if self.is_classifier and self.n_classes > 2 else 1

    def divide_rows(self, divisor: int, *, max_value: int) -> int:
        """Divide the number of rows, rounding down, and limit the result to the range from 1 to ``max_value``."""
        return max(1, min(max_value, self.n_rows // divisor))

    def add_own(self, name: str, *choices: Any) -> list[Any]:
        """List the estimator's own value of a parameter, and after it the choices that differ from it.

        Examples
        --------
        >>> Shape(100, True, {"min_df": 2}).add_own("min_df", 1, 2, 5)
        [2, 1, 5]
        """
        own = self.params.get(name)
        return [own, *(choice for choice in choices if type(choice) is not type(own) or choice != own)]

    def make_loss_space(
        self, names: Mapping[str, str], *, parameter: str, level_parameters: Mapping[str, str] | None = None
    ) -> Branch:
        """Make the search space of a regressor's loss; empty if there is nothing to try.

        A model of the median need not be the best one for the absolute error: with few rows, one of the mean is often
        better. Both are tried. For a percentage, so is the loss itself where the estimator has it. For the other
        losses, the loss itself is the only one that suits the score.

        Parameters
        ----------
        names : mapping of str to str
            The estimator's names of the losses that it has, by those of ``loss``; "{}" in a name is the quantile or the
            power.
        parameter : str
            The estimator's parameter for the loss.
        level_parameters : mapping of str to str, default=None
            By those of ``loss``, the estimator's parameter for the quantile or the power, if it is not in the name.

        Examples
        --------
        >>> names = {"squared": "mean", "absolute": "median", "quantile": "pinball", "tweedie": "tweedie:{}"}
        >>> for loss, level in (("absolute", 0.5), ("quantile", 0.9), ("tweedie", 1.5)):
        ...     shape = Shape(100, False, loss=loss, loss_level=level)
        ...     print(shape.make_loss_space(names, parameter="loss", level_parameters={"quantile": "alpha"}))
        {'loss': ['mean', 'median']}
        {'loss': ['pinball'], 'alpha': [0.9]}
        {'loss': ['tweedie:1.5']}
        """
        tried: tuple[str, ...] = (self.loss,)
        if self.loss in ("absolute", "percentage"):
            tried = tuple(loss for loss in ("squared", "absolute", self.loss) if loss in names)
        if self.is_classifier or self.loss == "squared" or not set(tried) <= set(names):
            return {}
        levels = {own: [self.loss_level] for loss, own in (level_parameters or {}).items() if loss == self.loss}
        return {parameter: list(dict.fromkeys(names[loss].format(self.loss_level) for loss in tried))} | levels

    @property
    def class_weight(self) -> Branch:
        """The search space of ``class_weight``; empty if the user has set it.

        auto-sklearn: balancing {none, weighting}. Weights seldom improve accuracy and log loss; on rare classes they
        improve balanced accuracy and F1.
        """
        if not self.is_classifier or self.params.get("class_weight") is not None:
            return {}
        return {"class_weight": [None, "balanced"]}


def estimate_boosting_seconds(
    shape: Shape, *, fixed_seconds: float, seconds_per_output: float, seconds_per_cell: float
) -> float:
    """Estimate the seconds of boosting with early stopping.

    Parameters
    ----------
    shape : Shape
        With the settings of a candidate as ``params``.
    fixed_seconds : float
        Seconds that do not depend on rounds.
    seconds_per_output, seconds_per_cell : float
        Seconds of all rounds for one output at a learning rate of 0.08: a constant, and a part for each cell of 1,000
        rows. With more rows, early stopping finds more rounds, about as their square root (measured up to 33,000 rows).

    Returns
    -------
    seconds : float
    """
    round_seconds: float = seconds_per_output + seconds_per_cell * shape.cells * (shape.n_rows / 1000) ** 0.5
    learning_rate: float = shape.params.get("learning_rate", 0.08)
    return fixed_seconds + round_seconds * shape.n_outputs * 0.08 / learning_rate


@dataclass(frozen=True, slots=True)
class ByRows:
    """The value of a setting that is another one from `LARGE_ROWS` rows on."""

    usual: Any
    large: Any

    def __call__(self, shape: Shape) -> Any:
        """Return the value for a table."""
        return self.large if shape.n_rows >= LARGE_ROWS else self.usual


def _estimate_tenth_of_second(shape: Shape) -> float:
    """Return a tenth of a second."""
    return 0.1


@dataclass(frozen=True, slots=True)
class Family:
    """A family of models, as `AutoModelSelector` and ``param_distributions="auto"`` use it.

    Parameters
    ----------
    name : str
        The name that attributes and tables show.
    estimators : tuple of str
        Top-level package and class, as in ``"xgboost.XGBClassifier"``: named, not imported.
    space : callable
        Takes a `Shape` and returns ``param_distributions``: a dict, or a list of dicts if some parameters exist only
        under conditions.
    make : callable or None, default=None
        Takes a `Shape` and returns the estimator that `AutoModelSelector` tunes; None if it does not use the family.
    first : sequence of dict, default=()
        Settings that are tried first because they are good on many tables. A value may be a function of the `Shape`.
        Parameters left out keep the value of the estimator that ``make`` returns, or take the middle of their range.
        ``{}`` is that estimator itself.
    columns : {"scaled", "coded", "native"}, default="scaled"
        How the columns of a table are prepared. "scaled": categories one-hot, numbers imputed and scaled. "coded":
        categories one-hot, numbers as they are, for trees. "native": category codes and missing values, which the
        estimator has to accept.
    seconds : callable, default=a tenth of a second
        Takes a `Shape`, whose ``params`` are the candidate's settings, and estimates the seconds of one fit. Measured
        times correct the estimate.
    is_bagged : bool, default=True
        Whether the final model averages the fold models. Otherwise one is fitted on all rows, as for forests.
    rounds : str or None, default=None
        The parameter whose value early stopping finds. ``make`` then returns a model of XGBoost, LightGBM or CatBoost
        with early stopping.
    tasks : tuple of {"classification", "regression"}
        Tasks that `AutoModelSelector` uses the family for; default both.
    package : str or None, default=None
        An optional package that has to be installed.
    min_class_rows : int, default=1
        The fewest training rows of a class that the estimator can be fitted with. `AutoModelSelector` fits it without
        the rows of rarer classes, which then have the probability 0.
    known_good : sequence of dict or None, default=None
        Settings that `OptunaSearchCV` measures after the estimator's own parameters, moved into the user's space. None
        is ``first``. They differ where the model that ``make`` returns finds its rounds by early stopping.
    meanings : mapping of str to mapping, default={}
        The numbers that values of a parameter stand for, such as the share of the columns for "sqrt". They may be
        functions of the `Shape`.
    aliases : tuple of str, default=()
        Other names that users may write for a family of the catalogue. The names of its classes need not be listed.
    max_rows : int or None, default=None
        The most rows of a table that the family makes sense for; `AutoModelSelector` leaves it out above. None is any
        number.
    is_named_only : bool, default=False
        Whether `AutoModelSelector` tries the family only where the user names it.
    is_local : bool, default=False
        Whether the models predict about the same for all rows that are far from every training row, as those with a
        radial kernel do. If rows follow time, later rows are such rows: `AutoModelSelector` then tries the family only
        where the user names it.
    screens : bool, default=False
        Whether the models suffer from useless columns, or take long on many. Of a table with more than 100 columns of
        numbers they get those that say more of the target than noise does.
    generates : bool, default=False
        Whether models may get columns that are made of pairs of columns, where the user asks for these.
    """

    name: str
    estimators: tuple[str, ...]
    space: Callable[[Shape], Branch | list[Branch]]
    make: Callable[[Shape], Any] | None = None
    first: Sequence[Branch] = ()
    columns: str = "scaled"
    seconds: Callable[[Shape], float] = _estimate_tenth_of_second
    is_bagged: bool = True
    rounds: str | None = None
    tasks: tuple[str, ...] = ("classification", "regression")
    package: str | None = None
    min_class_rows: int = 1
    known_good: Sequence[Branch] | None = None
    meanings: Mapping[str, Mapping[Any, Any]] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    max_rows: int | None = None
    is_named_only: bool = False
    is_local: bool = False
    screens: bool = False
    generates: bool = False

    def __repr__(self) -> str:
        return f"Family({self.name!r})"

    def adapt_shape(self, shape: Shape) -> Shape:
        """Return the shape of the table as the family's models get it."""
        n_columns = shape.n_screened_columns
        return shape if n_columns is None or not self.screens else replace(shape, n_columns=n_columns)

    def includes(self, kind: type) -> bool:
        """Whether a class is one of this family's estimators, or a user's subclass of one."""
        return is_among(kind, self.estimators)


@dataclass(frozen=True, slots=True)
class EstimatorSpace:
    """The ready space of estimators that are no family of `AutoModelSelector`.

    Parameters
    ----------
    estimators : tuple of str
        Top-level package and class, as in ``"sklearn.LinearSVC"``: named, not imported.
    space : callable
        Takes a `Shape` and returns ``param_distributions``: a dict, or a list of dicts if some parameters exist only
        under conditions. An empty dict if there is nothing to search with the estimator's own parameters.
    known_good : sequence of dict, default=()
        Settings that `OptunaSearchCV` measures after the estimator's own parameters.
    meanings : mapping of str to mapping, default={}
        As of a `Family`.
    make_replacements : callable or None, default=None
        Takes a `Shape` and returns the estimators that may take the place of this one where it is a part of another.

    Examples
    --------
    >>> bayes = EstimatorSpace(("sklearn.MultinomialNB",), lambda shape: {"alpha": [0.1, 1.0]})
    >>> from sklearn.naive_bayes import GaussianNB, MultinomialNB
    >>> bayes.includes(MultinomialNB), bayes.includes(GaussianNB)
    (True, False)
    """

    estimators: tuple[str, ...]
    space: Callable[[Shape], Branch | list[Branch]]
    known_good: Sequence[Branch] = ()
    meanings: Mapping[str, Mapping[Any, Any]] = field(default_factory=dict)
    make_replacements: Callable[[Shape], list[Any]] | None = None

    def includes(self, kind: type) -> bool:
        """Whether a class is one of these estimators, or a user's subclass of one."""
        return is_among(kind, self.estimators)


def is_among(kind: type, estimators: tuple[str, ...]) -> bool:
    """Whether a class is one of the named estimators, or a user's subclass of one.

    A subclass from the same package is another model: LogisticRegressionCV is a LogisticRegression, and
    XGBRFClassifier an XGBClassifier, by inheritance only.
    """
    for ancestor in kind.__mro__:
        if f"{_get_package(ancestor)}.{ancestor.__name__}" in estimators:
            between = [cls for cls in kind.__mro__ if issubclass(cls, ancestor) and cls is not ancestor]
            return all(_get_package(cls) != _get_package(ancestor) for cls in between)
    return False


def _get_package(kind: type) -> str:
    return kind.__module__.partition(".")[0]


def scale_target(model: Any) -> Any:
    """Return a regressor that fits another one to the target with mean 0 and standard deviation 1.

    scikit-learn 1.9's TransformedTargetRegressor fails if its transformer returns polars DataFrames, as
    ``sklearn.set_config`` may ask for.
    """
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.preprocessing import StandardScaler

    return TransformedTargetRegressor(model, transformer=StandardScaler().set_output(transform="default"))

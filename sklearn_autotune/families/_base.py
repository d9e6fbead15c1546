"""What a family is: the estimators it stands for, and the space in which they are worth searching."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Branch", "Family", "Shape"]

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

    Examples
    --------
    >>> shape = Shape(n_rows=1000, is_classifier=True, params={})
    >>> shape.one_row_in(50, at_most=100), shape.one_row_in(5, at_most=100)
    (20, 100)
    """

    n_rows: int
    is_classifier: bool
    params: Mapping[str, Any]

    def one_row_in(self, every: int, *, at_most: int) -> int:
        """Count one row in so many, but at least one."""
        return max(1, min(at_most, self.n_rows // every))

    @property
    def class_weight(self) -> Branch:
        """Whether to weight the classes: searched where the user has not settled it.

        auto-sklearn: balancing {none, weighting}. What helps depends on the score: accuracy and log loss seldom
        want it, balanced accuracy and F1 on rare classes do.
        """
        if not self.is_classifier or self.params.get("class_weight") is not None:
            return {}
        return {"class_weight": [None, "balanced"]}


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
    """

    name: str
    estimators: tuple[str, ...]
    space: Callable[[Shape], Branch | list[Branch]]

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

"""Differences of a score between groups of rows, such as of men and women, as scorers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer
from sklearn.utils.metadata_routing import MetadataRequest, get_routing_for_object

from sklearn_autotune._compat.scorer_names import check_scorer_names
from sklearn_autotune._compat.sklearn import take_rows
from sklearn_autotune.inference._column_values import get_column_names

__all__ = ["BoundToRows", "GroupDifference", "GroupRatio"]


class BoundToRows:
    """A model for scorers that knows its predictions for one set of rows only."""

    def take(self, X: Any, rows: np.ndarray) -> Any:
        """Return the model for some of its rows, which are given as ``X`` and by their positions."""
        raise NotImplementedError


USE_DIFFERENCE = "Use GroupDifference, which takes any score."


@dataclass(frozen=True)
class _GroupScores:
    scoring: str | Callable[..., float]
    by: str | int

    is_measured = False

    def check(self) -> None:
        """Raise ValueError or TypeError if a parameter is invalid."""
        if not isinstance(self.by, str | int):
            raise TypeError(
                f"{type(self).__name__}'s by must be the name of a column of X, or of metadata, got {self.by!r}."
            )
        if isinstance(self.scoring, str):
            check_scorer_names(self.scoring)
        elif not callable(self.scoring):
            raise TypeError(
                f"{type(self).__name__}'s scoring must be the name of a scorer, or a scorer, got {self.scoring!r}."
            )

    def get_metadata_routing(self) -> MetadataRequest:
        """Return what scikit-learn's routing passes on: the metadata ``by``, where they are given to ``fit``."""
        request = MetadataRequest(owner=type(self).__name__)
        inner = get_routing_for_object(self._get_scorer()).score.requests
        for name, alias in {**inner, str(self.by): True}.items():
            request.score.add_request(param=name, alias=alias)
        return request

    def _get_scorer(self) -> Any:
        return get_scorer(self.scoring) if isinstance(self.scoring, str) else self.scoring

    def read_groups(self, X: Any) -> np.ndarray:
        """Return the group of each row, from the column of ``X``.

        Raises
        ------
        ValueError
            If there is no such column, or a group is missing.
        """
        return self._check_groups(self._read_column(X))

    def _check_groups(self, groups: Any) -> np.ndarray:
        groups = np.asarray(groups).ravel()
        if any(group is None or group != group for group in groups.tolist()):
            raise ValueError(
                f"{type(self).__name__} has by={self.by!r}, and some rows have no value there. Fill them, so that they "
                "are a group of their own, or leave these rows out."
            )
        return groups

    def _score_groups(self, estimator: Any, X: Any, y: Any, metadata: dict[str, Any]) -> np.ndarray:
        """Return the score of each group that has test rows."""
        rest = dict(metadata)
        own = rest.pop(str(self.by), None)
        groups = self.read_groups(X) if own is None else self._check_groups(own)
        scorer, scores = self._get_scorer(), []
        for group in np.unique(groups):
            rows = np.flatnonzero(groups == group)
            part = take_rows(X, rows)
            model = estimator.take(part, rows) if isinstance(estimator, BoundToRows) else estimator
            params = {name: take_rows(values, rows) for name, values in rest.items()}
            scores.append(scorer(model, part, take_rows(y, rows), **params))
        return np.array(scores, dtype=float)

    def _read_column(self, X: Any) -> Any:
        if hasattr(X, "columns"):
            names = get_column_names(X)
            if self.by in names:
                return X[self.by]
            raise ValueError(
                f"{type(self).__name__} has by={self.by!r}, which is no column of X. Give one of "
                f"{names[:20]}, or pass metadata of that name to fit, with "
                "sklearn.set_config(enable_metadata_routing=True)."
            )
        if isinstance(self.by, int):
            table = X if hasattr(X, "shape") else np.asarray(X)
            if not -table.shape[1] <= self.by < table.shape[1]:
                raise ValueError(
                    f"{type(self).__name__} has by={self.by}, but X has {table.shape[1]} columns, from 0 on."
                )
            column = table[:, [self.by]]
            return column.toarray() if hasattr(column, "toarray") else column
        raise ValueError(
            f"{type(self).__name__} has by={self.by!r}, but X has no named columns. Give the position of a column, or "
            "pass metadata of that name to fit, with sklearn.set_config(enable_metadata_routing=True)."
        )


class GroupDifference(_GroupScores):
    """The largest difference of a score between groups of rows, as an objective, a limit or a scorer.

    Parameters
    ----------
    scoring : str or callable
        The score that is compared, as in scikit-learn: "recall" gives the difference of true positive rates. A scorer
        of the rate of positive predictions gives demographic parity.
    by : str or int
        A column of ``X``; its position if ``X`` is an array. With scikit-learn's metadata routing, the name of metadata
        that are passed to ``fit``. The groups are its values.

    Notes
    -----
    The score of the group with the highest score, less that of the group with the lowest; 0 is best. Called as a
    scorer, it returns the negated difference. Only groups with rows in a test fold count there. Small groups make the
    difference large by chance: use few and large folds. fairlearn's ``MetricFrame.difference`` gives the same number.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn_autotune import GroupDifference
    >>> X, y = np.array([[0], [0], [1], [1]]), np.array([1, 1, 1, 0])
    >>> GroupDifference("accuracy", by=0)(DummyClassifier().fit(X, y), X, y)
    -0.5
    """

    name = "group_difference"

    def __call__(self, estimator: Any, X: Any, y: Any, **metadata: Any) -> float:
        """Return the negated difference."""
        scores = self._score_groups(estimator, X, y, metadata)
        return -float(scores.max() - scores.min())


class GroupRatio(_GroupScores):
    """The lowest score of a group of rows over the highest, as an objective, a limit or a scorer.

    Parameters
    ----------
    scoring : str or callable
        The score that is compared, as in scikit-learn. It has to be positive.
    by : str or int
        As of `GroupDifference`.

    Notes
    -----
    1 is best. The rule of four fifths in law asks for at least 0.8. fairlearn's ``MetricFrame.ratio`` gives the same
    number.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn_autotune import GroupRatio
    >>> X, y = np.array([[0], [0], [1], [1]]), np.array([1, 1, 1, 0])
    >>> GroupRatio("accuracy", by=0)(DummyClassifier().fit(X, y), X, y)
    0.5
    """

    name = "group_ratio"

    def check(self) -> None:
        """Raise ValueError or TypeError if a parameter is invalid."""
        super().check()
        if isinstance(self.scoring, str) and self.scoring.startswith("neg_"):
            raise ValueError(f"GroupRatio is of positive scores, got {self.scoring!r}. {USE_DIFFERENCE}")

    def __call__(self, estimator: Any, X: Any, y: Any, **metadata: Any) -> float:
        """Return the ratio; 1 if the score of all groups is 0."""
        scores = self._score_groups(estimator, X, y, metadata)
        if scores.min() < 0:
            raise ValueError(f"GroupRatio is of positive scores, but a group has {scores.min():.4g}. {USE_DIFFERENCE}")
        return float(scores.min() / scores.max()) if scores.max() != 0 else 1.0

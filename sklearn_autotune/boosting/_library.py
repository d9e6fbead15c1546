"""What an estimator needs from a boosting library to tune it: its parameters, and training round by round."""

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from sklearn_autotune.families import Shape
from sklearn_autotune.families._base import Branch
from sklearn_autotune.inference._column_encoder import ColumnEncoder

__all__ = ["BinnedFold", "FoldRows", "FoldTraining", "RoundTrainer", "TunedLibrary"]


@dataclass(frozen=True, slots=True)
class FoldRows:
    """The rows of a fold that a library bins.

    Attributes
    ----------
    X_train, X_test : array or sparse matrix
    labels : ndarray of shape (n_train,)
        Class indices, or numbers.
    weight : ndarray of shape (n_train,) or None
    """

    X_train: Any
    labels: np.ndarray
    weight: np.ndarray | None
    X_test: Any


class RoundTrainer(Protocol):
    """One fold's booster, trained round by round.

    It is created in one thread, and trained in another thread, which trains no other booster.
    """

    def train_round(self) -> None:
        """Train one more round."""
        ...

    @property
    def n_rounds(self) -> int:
        """The number of rounds that have been trained."""
        ...

    def predict_test_rows(self, n_rounds: int | None = None) -> np.ndarray:
        """Predict the fold's test rows: values, or probabilities of the second class of two, or of all classes.

        Only the first ``n_rounds`` rounds are used; None means all.
        """
        ...

    def predict_training_rows(self, n_rounds: int) -> np.ndarray:
        """Predict the fold's training rows with the first rounds."""
        ...

    def predict_rows(self, X: Any) -> np.ndarray:
        """Predict rows that are not rows of the fold, for scorers that request this."""
        ...

    def release(self) -> None:
        """Keep the trees and free the memory that only training needs; afterwards it is not trained further."""
        ...


class BinnedFold(Protocol):
    """The binned rows of a fold. Candidates with equal binning parameters share it."""

    def estimate_training_bytes(self, model: Any) -> int:
        """Return an upper bound of the memory that a booster in training needs in addition to the rows."""
        ...

    def make_trainer(self, settings: Any) -> RoundTrainer:
        """Make the booster that ``fit`` of a model would train on this fold, from what `read_settings` returned."""
        ...


class FoldTraining(Protocol):
    """How a library bins folds and trains on them.

    Attributes
    ----------
    rounds_param : str
        The name of the parameter for the number of rounds.
    """

    @property
    def rounds_param(self) -> str: ...

    def get_learning_rate(self, model: Any) -> float:
        """Return the learning rate of an estimator, or the library's default."""
        ...

    def get_binning(self, model: Any) -> Hashable:
        """Return the parameters on which the bins depend."""
        ...

    def read_settings(self, model: Any, classes: np.ndarray | None) -> Any:
        """Read from a model, once for all folds, what its boosters need; ``classes`` is None in regression."""
        ...

    def bin_fold(self, model: Any, rows: FoldRows) -> BinnedFold:
        """Bin the training rows, and sort the test rows into the same bins."""
        ...


class TunedLibrary(FoldTraining, Protocol):
    """Everything that `BaseTunedBooster` needs from a library.

    Attributes
    ----------
    params : tuple of str
        The parameters of the library's estimators that the tuned estimator has too. A parameter that the user sets is
        not searched. ``learning_rate`` must be one of them.
    unsearched_params : collection of str
        Those of ``params`` that are not useful in a space.
    """

    @property
    def params(self) -> tuple[str, ...]: ...

    @property
    def unsearched_params(self) -> Collection[str]: ...

    def make_model(
        self,
        settings: Mapping[str, Any],
        encoder: ColumnEncoder,
        column_names: Sequence[str],
        *,
        is_classifier: bool,
        seed: int | None,
    ) -> Any:
        """Make the estimator that is cloned for each candidate; it has all parameters set that are not searched.

        Parameters
        ----------
        settings : mapping of str to object
            The values of ``params``; None is the library's default.
        encoder : ColumnEncoder
            The fitted encoder, which knows the columns that hold categories. The estimator receives this as parameters.
        column_names : sequence of str
            Empty if the columns have no names.
        is_classifier : bool
            If True, the estimator is fitted with class indices.
        seed : int or None
        """
        ...

    def make_space(self, shape: Shape) -> Branch:
        """Make the default space: all parameters worth searching except the number of rounds.

        It includes ``learning_rate``, which `LearningRateRefinement` needs.
        """
        ...

    def make_first_candidates(self, space: Branch, learning_rate: float, shape: Shape) -> list[Branch]:
        """Make candidates that are known to be good on many data sets, limited to the ranges of a space."""
        ...

"""What a boosting library has to give so that an estimator can tune it: its parameters, and training round by round."""

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
    """The rows of a fold, as a library bins them.

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

    It is made in one thread, and trained in another one that trains no other booster.
    """

    def train_round(self) -> None:
        """Train one more round."""
        ...

    @property
    def n_rounds(self) -> int:
        """How many rounds have been trained."""
        ...

    def predict_test_rows(self, n_rounds: int | None = None) -> np.ndarray:
        """Predict the fold's test rows: values, or probabilities of the second or of all classes.

        With the first rounds; None is all of them.
        """
        ...

    def predict_training_rows(self, n_rounds: int) -> np.ndarray:
        """Predict the fold's training rows with the first rounds."""
        ...

    def predict_rows(self, X: Any) -> np.ndarray:
        """Predict rows that are not the fold's own, for scorers that ask for them."""
        ...

    def release(self) -> None:
        """Keep the trees and free the memory that only training needs; it is not trained any further."""
        ...


class BinnedFold(Protocol):
    """A fold's rows, binned. All candidates that bin in the same way share it."""

    def estimate_training_bytes(self, model: Any) -> int:
        """Return an upper bound for the memory that a booster in training takes beside the rows."""
        ...

    def make_trainer(self, model: Any, classes: np.ndarray | None) -> RoundTrainer:
        """Make the booster that ``fit`` of a model would train on this fold; ``classes`` is None in regression."""
        ...


class FoldTraining(Protocol):
    """How a library bins folds and trains on them.

    Attributes
    ----------
    rounds_param : str
        The parameter that counts the rounds.
    """

    @property
    def rounds_param(self) -> str: ...

    def get_learning_rate(self, model: Any) -> float:
        """Return the learning rate of an estimator, or the library's default."""
        ...

    def get_binning(self, model: Any) -> Hashable:
        """Return the parameters on which the bins depend."""
        ...

    def bin_fold(self, model: Any, rows: FoldRows) -> BinnedFold:
        """Bin the training rows, and the test rows in the same bins."""
        ...


class TunedLibrary(FoldTraining, Protocol):
    """All that `BaseTunedBooster` needs of a library.

    Attributes
    ----------
    params : tuple of str
        Parameters of the library's estimators that the tuned estimator takes too; one that is set is not searched.
        ``learning_rate`` has to be among them.
    unsearched_params : collection of str
        Those of them that make no sense in a space.
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
        """Make the estimator that candidates are clones of, with everything set that is not searched.

        Parameters
        ----------
        settings : mapping of str to object
            Values of ``params``; None is the library's default.
        encoder : ColumnEncoder
            Knows which columns hold categories. These are told to the estimator as parameters.
        column_names : sequence of str
            Empty if the columns have no names.
        is_classifier : bool
            A classifier is given class indices.
        seed : int or None
        """
        ...

    def make_space(self, shape: Shape) -> Branch:
        """Make the space that is searched by default: all parameters but the number of rounds.

        It includes ``learning_rate`` for `LearningRateRefinement`.
        """
        ...

    def make_first_candidates(self, space: Branch, learning_rate: float, n_rows: int) -> list[Branch]:
        """Make candidates that are known to be good on many tables, restricted to the ranges of a space."""
        ...

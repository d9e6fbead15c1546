"""How many candidates may be running before their results are known to the sampler."""

from dataclasses import dataclass, replace

__all__ = ["DEFAULT", "MODEL_LAG", "PRUNER_LAG", "LookAhead", "read_look_ahead"]


# The number of candidates that Optuna's TPE draws at random before it learns from their results.
N_RANDOM = 10


@dataclass(frozen=True, slots=True)
class LookAhead:
    """A number of candidates that may grow with the number of candidates before.

    Attributes
    ----------
    n_least : int
    share : float
        The share of the earlier candidates that may have an unknown result, between ``n_least`` and ``n_most``.
    n_most : int
    n_first : int
        So many first candidates are proposed together.
    """

    n_least: int
    share: float = 0.0
    n_most: int = 2**30
    n_first: int = 1

    def __call__(self, candidate_index: int) -> int:
        """Return how many candidates, this one included, may be without a result when this one is proposed.

        Parameters
        ----------
        candidate_index : int
            From 0.
        """
        if candidate_index < self.n_first:
            return max(self.n_least, self.n_first)
        return max(self.n_least, min(self.n_most, int(self.share * candidate_index)))

    @property
    def typical(self) -> int:
        """The number for a candidate in the middle of a search with a hundred of them."""
        return self(50)

    def widen(self, n_least: int) -> "LookAhead":
        """Return a look-ahead of at least this many candidates; one that takes candidate by candidate stays as it is.

        Parameters
        ----------
        n_least : int
        """
        return self if self == LookAhead(1) else replace(self, n_least=max(self.n_least, n_least))

    def split_first(self) -> "LookAhead":
        """Return a look-ahead that does not propose the first candidates together, because their results matter."""
        return replace(self, n_first=1)


# A sampler that knows three quarters of the earlier results proposes candidates that are nearly as good as those of one
# that knows all but two: `benchmarks/look_ahead.py` measures it.
DEFAULT = LookAhead(4, share=0.25, n_most=32, n_first=N_RANDOM)

# A model that predicts scores needs recent results more than TPE does.
MODEL_LAG = LookAhead(2, share=0.1, n_most=8, n_first=N_RANDOM)

# How many candidates, this one included, may be without a result when a candidate's pruner state is made. With an
# eighth of the earlier ones, racing stops about as many candidates as with two, and more workers have folds to measure
# that are certainly needed.
PRUNER_LAG = LookAhead(2, share=0.125, n_most=16)


def read_look_ahead(look_ahead: int | str) -> LookAhead:
    """Return what the parameter ``look_ahead`` of a search means.

    Parameters
    ----------
    look_ahead : int or "auto"
        A constant number, or the default.
    """
    return DEFAULT if isinstance(look_ahead, str) else LookAhead(look_ahead)

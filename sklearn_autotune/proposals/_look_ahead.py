"""How many candidates may be running before their results are known to the sampler."""

from dataclasses import dataclass

__all__ = ["LookAhead", "read_look_ahead"]


@dataclass(frozen=True, slots=True)
class LookAhead:
    """A number of candidates that grows with the number of candidates before.

    Attributes
    ----------
    n_least : int
        The number for the first candidates, and at least this many for all others.
    share : float
        The share of the earlier candidates that may have an unknown result.
    n_most : int
        The highest number.
    """

    n_least: int
    share: float = 0.0
    n_most: int = 2**30

    def __call__(self, candidate_index: int) -> int:
        """Return how many candidates, this one included, may be without a result when this one is proposed."""
        return max(self.n_least, min(self.n_most, int(self.share * candidate_index)))

    @property
    def typical(self) -> int:
        """The number for a candidate of a search with about a hundred of them."""
        return self(50)

    def widen(self, n_least: int) -> "LookAhead":
        """Return a look-ahead of at least this many candidates; one that takes candidate by candidate stays as it is.

        Parameters
        ----------
        n_least : int
        """
        return self if self == LookAhead(1) else LookAhead(max(self.n_least, n_least), self.share, self.n_most)


def read_look_ahead(look_ahead: int | str) -> LookAhead:
    """Return what the parameter ``look_ahead`` of a search means.

    Parameters
    ----------
    look_ahead : int or "auto"
        A constant number, or the default.
    """
    return LookAhead(2) if isinstance(look_ahead, str) else LookAhead(look_ahead)

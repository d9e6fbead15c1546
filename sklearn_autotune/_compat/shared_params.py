"""Parameters of an estimator that its clones share with it, because they cannot be copied."""

from typing import Any, ClassVar, Self

__all__ = ["SharedParamsMixin"]


class SharedParamsMixin:
    """A search that may have a Dask client as ``executor``: its clones have the same client, and its pickles have none.

    Attributes
    ----------
    _shared_params : tuple of str
        The parameters that ``clone`` passes on as they are, instead of cloning them.
    """

    _shared_params: ClassVar[tuple[str, ...]] = ("executor",)
    executor: object

    def __getstate__(self) -> dict[str, Any]:
        """Pickle without the Dask client, which is a connection; an address stays."""
        state = dict(super().__getstate__())  # type: ignore[call-overload]
        return state if isinstance(self.executor, str) else state | {"executor": None}

    def __sklearn_clone__(self) -> Self:
        """Clone the parameters, except those that are shared."""
        without = object.__new__(type(self))
        without.__dict__ = vars(self) | dict.fromkeys(self._shared_params)
        cloned = super(SharedParamsMixin, without).__sklearn_clone__()  # type: ignore[misc]
        return cloned.set_params(**{name: getattr(self, name) for name in self._shared_params})

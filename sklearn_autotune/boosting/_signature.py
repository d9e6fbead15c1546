"""Constructors that take ``**params``, with a signature that names them all."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from sklearn_autotune._compat.messages import find_nearest_name

__all__ = ["extend_signature"]

Constructor = TypeVar("Constructor", bound=Callable[..., None])


def extend_signature(base: type) -> Callable[[Constructor], Constructor]:
    """Replace ``**params`` in the signature of a constructor by the parameters of the base class's constructor.

    scikit-learn reads the names and defaults of parameters from this signature. An unknown parameter raises a TypeError
    that names the constructed class.

    Parameters
    ----------
    base : type
        The base class, to whose constructor ``**params`` is passed. Its parameters come first.

    Returns
    -------
    extend : callable
        A decorator.
    """

    def extend(constructor: Constructor) -> Constructor:
        shared = inspect.signature(cast("Any", base).__init__)
        given = inspect.signature(constructor).parameters.values()
        own = [param for param in given if param.kind is inspect.Parameter.KEYWORD_ONLY]
        signature = shared.replace(parameters=[*shared.parameters.values(), *own])

        @wraps(constructor)
        def construct(self: object, *args: Any, **params: Any) -> None:
            name = type(self).__name__
            if args:
                raise TypeError(f"{name} takes its parameters by name, such as {name}(n_trials=50).")
            unknown = sorted(set(params) - set(signature.parameters))
            if unknown:
                nearest = find_nearest_name(unknown[0], signature.parameters)
                hint = "" if nearest is None else f" Did you mean {nearest!r}?"
                raise TypeError(f"{name} has no parameter {unknown[0]!r}.{hint}")
            constructor(self, **params)

        construct.__signature__ = signature  # type: ignore[attr-defined]
        return cast("Constructor", construct)

    return extend

"""The final fit of a search: the winner on all rows, as scikit-learn's callbacks see it."""

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from types import MappingProxyType
from typing import Any

from sklearn_autotune._compat.types import Estimator
from sklearn_autotune.evaluation import FinalFit, Rung, Task

__all__ = ["fit_winner"]


def fit_winner(
    estimator: Estimator,
    task: Task,
    final_fit: FinalFit,
    curve: Sequence[Rung],
    context: Any = None,
    callback_arguments: Mapping[str, Any] = MappingProxyType({}),
) -> float:
    """Fit the winner in place on all rows; an exception is raised to the user.

    Parameters
    ----------
    estimator : estimator
        With the winner's parameters.
    task : Task
    final_fit : FinalFit
    curve : sequence of Rung
        What the winner scored on each rung.
    context : CallbackContext or None, default=None
        Of the final fit; its end is called once the winner is on the search. None before scikit-learn 1.9, and for a
        search without scikit-learn's callbacks.
    callback_arguments : mapping of str to object, default={}
        What the callbacks are called with.

    Returns
    -------
    seconds : float
    """
    start = time.perf_counter()
    with nullcontext() if context is None else context.propagate_callback_context(estimator):
        if context is not None:
            context.call_on_fit_task_begin(**callback_arguments)
        final_fit.fit(estimator, task.X, task.y, task.fit_params, curve)
    return time.perf_counter() - start

"""Where candidates are measured: in this process, in threads, in worker processes, on a Dask cluster.

Worker processes import this room, so nothing in it imports Optuna.
"""

from joblib.parallel import get_active_backend

from sklearn_autotune._compat.roll import import_roll
from sklearn_autotune.execution._base import NO_LIMITS, ExecutionRequest, Executor, ExecutorBackend, TrialLimits

__all__ = ["BACKENDS", "NO_LIMITS", "ExecutionRequest", "Executor", "ExecutorBackend", "TrialLimits", "make_executor"]

# One line an executor, in the order in which they are asked.
BACKENDS: tuple[type[ExecutorBackend], ...] = import_roll(
    __name__,
    "_dask.DaskExecutor",
    "_in_process.InProcessExecutor",
    "_threads.ThreadExecutor",
    "_processes.ProcessExecutor",
)


def make_executor(request: ExecutionRequest) -> Executor:
    """Make the first executor that accepts the request.

    Parameters
    ----------
    request : ExecutionRequest

    Returns
    -------
    executor : Executor
        On a cluster if the user named one and it is allowed; otherwise in this process for one job, in threads under a
        threading backend of joblib, and else in worker processes.

    Raises
    ------
    ValueError
        If joblib's active backend is not known, or a limit cannot be kept.
    TypeError
        If the user's ``executor`` is none.
    """
    for backend in BACKENDS:
        if backend.accepts(request):
            return backend.from_request(request)
    active, _ = get_active_backend()
    raise ValueError(
        f"OptunaSearchCV cannot run on joblib's {type(active).__name__}. Use joblib.parallel_config(backend='loky'), "
        "'threading' or 'dask'."
    )

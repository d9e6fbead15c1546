"""Where candidates are measured: in this process, in threads, in worker processes, on a Dask cluster.

Worker processes import this folder, so no module in it imports Optuna.
"""

from joblib.parallel import get_active_backend

from sklearn_autotune._compat.roll import import_roll
from sklearn_autotune.execution._base import (
    MIN_MEMORY_LIMIT,
    NO_LIMITS,
    ExecutionRequest,
    Executor,
    ExecutorBackend,
    TrialLimits,
)

__all__ = [
    "BACKENDS",
    "MIN_MEMORY_LIMIT",
    "NO_LIMITS",
    "ExecutionRequest",
    "Executor",
    "ExecutorBackend",
    "TrialLimits",
    "make_executor",
]

# One line for each executor, in the order in which they are asked whether they accept the request.
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
        A cluster if the user gave one and the request allows it; otherwise this process for one job, threads under a
        threading backend of joblib, and worker processes in all other cases.

    Raises
    ------
    ValueError
        If joblib's active backend is not supported, or if the executor cannot enforce a limit on time or memory.
    TypeError
        If the user's ``executor`` is neither a Dask client nor the address of a scheduler.
    """
    for backend in BACKENDS:
        if backend.accepts(request):
            return backend.from_request(request)
    active, _ = get_active_backend()
    raise ValueError(
        f"OptunaSearchCV cannot run on joblib's {type(active).__name__}. Use joblib.parallel_config(backend='loky'), "
        "'threading' or 'dask'."
    )

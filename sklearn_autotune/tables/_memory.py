"""Refuses a table whose models would take more memory than there is, before anything is fitted."""

from typing import Any

import numpy as np
from joblib import effective_n_jobs
from scipy.sparse import issparse

from sklearn_autotune._compat.free_memory import read_available_memory
from sklearn_autotune.inference._column_encoder import MIN_ROUNDED_CELLS

__all__ = ["require_memory"]

# Smaller tables fit wherever Python does.
MIN_CELLS = 1_000_000


def require_memory(X: Any, n_copies: float, *, n_jobs: int | None) -> None:
    """Raise MemoryError if fitting would take more memory than the system can give.

    Otherwise the system would end the process, without a word, when a model has been fitted for some time. Where the
    system does not tell how much there is, as on macOS and Windows, nothing is checked.

    Parameters
    ----------
    X : array-like or DataFrame of shape (n_samples, n_features)
        The raw table. Sparse matrices are not checked.
    n_copies : float
        How many times the size of the encoded table each process takes at least, at the largest moment of a fit.
    n_jobs : int or None
        The number of processes that fit at a time, as joblib reads it.

    Raises
    ------
    MemoryError
        It says how much is needed and how much there is, and how many rows would fit.
    """
    shape: tuple[int, ...] = getattr(X, "shape", ())
    n_cells = int(np.prod(shape))
    if issparse(X) or len(shape) != 2 or n_cells < MIN_CELLS:
        return
    is_single = getattr(X, "dtype", None) == np.float32
    n_bytes = n_cells * (4 if is_single or n_cells >= MIN_ROUNDED_CELLS else 8)
    n_processes = effective_n_jobs(n_jobs)
    needed = n_bytes * (n_copies * n_processes + (not is_single))
    available = read_available_memory()
    if available is None or needed <= available:
        return
    n_fitting = int(0.9 * shape[0] * available / needed)
    unit = 10 ** max(0, len(str(n_fitting)) - 2)  # two digits are enough
    n_rows = n_fitting // unit * unit
    where = "one process" if n_processes == 1 else f"each of {n_processes} processes"
    advice = "" if n_processes == 1 else ", or n_jobs=1"
    raise MemoryError(
        f"X has {shape[0]:,} rows and {shape[1]:,} columns. To fit models on them takes at least "
        f"{needed / 1e6:,.0f} MB of memory, with {where} at {n_copies:g} times the table's size, and "
        f"{available / 1e6:,.0f} MB are available. Pass at most {n_rows:,} rows, drawn at random{advice}, or use a "
        "machine with more memory."
    )

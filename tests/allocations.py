"""How much memory Python and NumPy allocate in a call, which is the same in each run."""

import gc
import tracemalloc


def measure_peak(function):
    """Return the bytes that a call holds at most, in addition to what there is before it."""
    gc.collect()
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

"""Make all clocks of a process return its CPU seconds, so that time limits work on a shared machine too."""

import resource
import time

START = time.time()


def cpu_seconds():
    """Return the CPU seconds of this process and of its child processes that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def read_cpu_time():
    """Replace the clocks that libraries read by CPU seconds. Call this before the libraries are imported."""
    time.time = lambda: START + cpu_seconds()
    time.perf_counter = cpu_seconds
    time.monotonic = cpu_seconds

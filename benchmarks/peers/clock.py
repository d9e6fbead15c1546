"""Let a process read its own CPU seconds wherever it asks for the time: budgets hold on a shared machine too."""

import resource
import time

START = time.time()


def cpu_seconds():
    """CPU seconds of this process and of its children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def read_cpu_time():
    """Put CPU seconds in the place of the clocks that libraries read. To be called before they are imported."""
    time.time = lambda: START + cpu_seconds()
    time.perf_counter = cpu_seconds
    time.monotonic = cpu_seconds

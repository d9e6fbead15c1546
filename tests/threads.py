"""Threads that a test starts."""

import threading


def started_threads(before):
    """List the threads that run and are not in ``before``, which is what ``threading.enumerate()`` gave.

    Threads that other tests started may end at any time, so that their number says nothing.
    """
    return [thread for thread in threading.enumerate() if thread not in before]

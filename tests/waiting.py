"""Waits for what another process does, as long as a machine with other things to do may need."""

import time

__all__ = ["wait_until"]


def wait_until(is_so, seconds=60):
    """Whether it became so in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if is_so():
            return True
        time.sleep(0.02)
    return False

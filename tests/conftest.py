"""What holds for all tests, the documentation's too: figures are drawn into memory and closed, nobody calls home."""

import os
import signal
import sys

import pytest
from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # it leaves a thread behind

# Examples take longer while others run beside them; what Hypothesis sets for continuous integration stays.
settings.register_profile("unhurried", parent=settings(), deadline=None)
settings.load_profile("unhurried")


@pytest.fixture
def calls():
    """What the steps of `tests.prefix_pipelines` have told, of this test alone."""
    from tests.prefix_pipelines import CALLS

    CALLS.clear()
    return CALLS


class ClosedFigures:
    """Closes what a test has drawn: pyplot keeps every figure until it is told otherwise."""

    def pytest_runtest_teardown(self):
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is not None:
            pyplot.close("all")


def pytest_configure(config):
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background, and in what is started there
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.pluginmanager.register(ClosedFigures())  # also for the doctests, which are not in this folder

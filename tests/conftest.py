"""What holds for all tests, the documentation's too: figures are drawn into memory, and closed afterwards."""

import os
import sys

os.environ.setdefault("MPLBACKEND", "Agg")


class ClosedFigures:
    """Closes what a test has drawn: pyplot keeps every figure until it is told otherwise."""

    def pytest_runtest_teardown(self):
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is not None:
            pyplot.close("all")


def pytest_configure(config):
    config.pluginmanager.register(ClosedFigures())  # also for the doctests, which are not in this folder

"""What holds for all tests, the documentation's too: figures are drawn into memory and closed, nobody calls home."""

import os
import sys

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")


def pytest_runtest_teardown():
    """Close what a test has drawn: pyplot keeps every figure until it is told otherwise."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")

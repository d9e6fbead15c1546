"""What holds for all tests, the documentation's too: one thread a process, figures drawn into memory, no calls home."""

import os
import signal
import sys

import pytest
from hypothesis import settings

from tests.faults.nightly import IS_NIGHT, scale_examples

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # it leaves a thread behind

# As many processes as cores run tests: threads inside them would wait for one another. They are set before NumPy is
# imported, and processes that tests start have them too. At night libraries use as many as they like.
if not IS_NIGHT:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")

# Examples take longer while others run beside them; what Hypothesis sets for continuous integration stays.
settings.register_profile("unhurried", parent=settings(), deadline=None, max_examples=scale_examples(100))
settings.load_profile("unhurried")


@pytest.fixture
def calls():
    """What the steps of `tests.prefix_pipelines` have told, of this test alone."""
    from tests.prefix_pipelines import CALLS

    CALLS.clear()
    return CALLS


REQUIREMENTS = []


@pytest.fixture
def requirements_once(monkeypatch):
    """MLflow starts a process for each model to see which packages it imports: here for the first model alone."""
    import mlflow.models

    infer = mlflow.models.infer_pip_requirements

    def infer_once(*args, **kwargs):
        if not REQUIREMENTS:
            REQUIREMENTS.append(infer(*args, **kwargs))
        return REQUIREMENTS[0]

    monkeypatch.setattr(mlflow.models, "infer_pip_requirements", infer_once)


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

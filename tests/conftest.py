"""Settings for all tests and the documentation: one thread per process, figures in memory, no telemetry."""

import os
import signal
import sys

import pytest
from hypothesis import settings

from tests.faults.nightly import IS_NIGHT, scale_examples, skip_similar

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # it leaves a thread behind

# Several processes run tests at the same time, and threads inside them would wait for one another. The limit is set
# before NumPy is imported; processes that tests start have it too. Nightly runs have no limit.
if not IS_NIGHT:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")

# No deadline, because examples take longer while other tests run. Other settings of Hypothesis for CI are kept.
settings.register_profile("unhurried", parent=settings(), deadline=None, max_examples=scale_examples(100))
settings.load_profile("unhurried")


@pytest.fixture
def calls():
    """The calls that the steps of `tests.prefix_pipelines` record in this test."""
    from tests.prefix_pipelines import CALLS

    CALLS.clear()
    return CALLS


REQUIREMENTS = []


@pytest.fixture
def requirements_once(monkeypatch):
    """Let MLflow find the requirements only of the first model, because it starts a process for each one."""
    import mlflow.models

    infer = mlflow.models.infer_pip_requirements

    def infer_once(*args, **kwargs):
        if not REQUIREMENTS:
            REQUIREMENTS.append(infer(*args, **kwargs))
        return REQUIREMENTS[0]

    monkeypatch.setattr(mlflow.models, "infer_pip_requirements", infer_once)


class EqualStart:
    """Lets each test begin in the same way: NumPy's global generator has a seed, and no figure is open.

    Estimators without a `random_state` use the global generator. With another seed in each run, tests of them fail once
    in many runs. Pyplot keeps all figures.
    """

    def pytest_runtest_setup(self):
        import numpy as np

        np.random.seed(0)

    def pytest_runtest_teardown(self):
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is not None:
            pyplot.close("all")


def pytest_configure(config):
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background, and in what is started there
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.pluginmanager.register(EqualStart())  # also for the doctests, which are not in this folder


def pytest_collection_modifyitems(items):
    skip_similar(items)

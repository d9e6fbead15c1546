"""Boosting on a GPU: the same code, and nearly the same result; without a GPU, XGBoost says so and takes the CPU."""

import shutil
import subprocess

import numpy as np
import pytest

from sklearn_autotune import TunedXGBRegressor

RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(400, 4))
Y = X[:, 0] + X[:, 1] ** 2 + 0.3 * RANDOM.normal(size=400)


def has_gpu():
    command = shutil.which("nvidia-smi")
    return command is not None and subprocess.run([command, "-L"], capture_output=True, check=False).returncode == 0


def fit(**params):
    return TunedXGBRegressor(n_trials=3, cv=3, n_estimators=60, random_state=0, **params).fit(X, Y)


@pytest.mark.skipif(not has_gpu(), reason="needs an NVIDIA GPU: nvidia-smi lists none")
def test_on_a_gpu_the_search_is_about_that_on_a_cpu():
    on_gpu, on_cpu = fit(device="cuda"), fit()

    assert on_gpu.best_score_ == pytest.approx(on_cpu.best_score_, rel=0.1)
    assert on_gpu.best_estimator_.get_params()["device"] == "cuda"
    np.testing.assert_allclose(on_gpu.predict(X), on_cpu.predict(X), atol=0.5)
    np.testing.assert_allclose(on_gpu.oof_predictions_.mean(), on_cpu.oof_predictions_.mean(), atol=0.1)


@pytest.mark.skipif(has_gpu(), reason="needs a machine without an NVIDIA GPU")
def test_without_a_gpu_xgboost_warns_and_the_search_is_that_on_a_cpu():
    with pytest.warns(UserWarning, match="No visible GPU is found|couldn't find any available GPU"):
        asked_for = fit(device="cuda")

    on_cpu = fit()
    assert asked_for.best_score_ == on_cpu.best_score_
    np.testing.assert_array_equal(asked_for.predict(X), on_cpu.predict(X))

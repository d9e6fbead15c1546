"""How a selection is written down."""

import pytest
from sklearn.datasets import load_iris

from sklearn_autotune import AutoModelSelector
from sklearn_autotune.proposals._budget import UNLIMITED_TRIALS
from sklearn_autotune.selection import _auto_model_selector
from sklearn_autotune.selection._search_spec import N_TRIALS, SEED_ATTRIBUTE, choose_seed
from sklearn_autotune.storage._study import draw_seed, open_study


class Written(BaseException):
    """Carries a spec out of `fit`, so that nothing is measured."""


@pytest.fixture
def write(monkeypatch):
    """Return what `fit` writes down."""

    def raise_spec(spec, *publish):
        raise Written(spec)

    monkeypatch.setattr(_auto_model_selector, "run_search", raise_spec)

    def write_spec(**params):
        with pytest.raises(Written) as caught:
            AutoModelSelector(families=["logistic", "naive_bayes"], cv=3, **params).fit(*load_iris(return_X_y=True))
        return caught.value.args[0]

    return write_spec


def test_only_a_timeout_makes_candidates_depend_on_time(write):
    assert not write().study.depends_on_time
    assert not write(trial_timeout=60).study.depends_on_time
    assert write(timeout=60).study.depends_on_time


def test_without_a_timeout_there_is_a_number_of_candidates(write):
    assert write().make_budget().n_trials == N_TRIALS
    assert write(n_trials=7).make_budget().n_trials == 7
    assert write(timeout=60).make_budget().n_trials == UNLIMITED_TRIALS


def test_the_seed_of_folds_and_models_is_stored(write):
    spec = write(random_state=3)

    assert spec.study.attributes == {SEED_ATTRIBUTE: draw_seed(3) % 2**31}


def test_the_fingerprint_has_what_measured_values_depend_on(write):
    usual = write(random_state=0).study.compute_fingerprint()
    changes = {
        "estimator": {"random_state": 1},
        "scoring": {"scoring": "accuracy"},
    }

    for part, change in changes.items():
        changed = write(**({"random_state": 0} | change)).study.compute_fingerprint()
        assert usual[part] != changed[part]
    assert write(random_state=0, n_trials=3, n_jobs=2, patience=4).study.compute_fingerprint() == usual


def test_a_resumed_study_gives_its_seed_if_there_is_no_other(tmp_path):
    path = tmp_path / "study.db"
    settings = {"storage": path, "study_name": "mine", "resume": True}
    assert choose_seed(AutoModelSelector(random_state=5, **settings)) == draw_seed(5) % 2**31

    open_study(storage=path, study_name="mine", resume=False, fingerprint={}, attributes={SEED_ATTRIBUTE: 77}).close()

    assert choose_seed(AutoModelSelector(**settings)) == 77
    assert choose_seed(AutoModelSelector(random_state=5, **settings)) == draw_seed(5) % 2**31
    assert choose_seed(AutoModelSelector(**(settings | {"resume": False}))) != 77
    assert choose_seed(AutoModelSelector(**(settings | {"study_name": "other"}))) != 77

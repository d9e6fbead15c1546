"""AutoModelSelector with a storage: what is kept, what is continued, and what is refused."""

import contextlib
import itertools
import pickle
import shutil
import threading
from functools import partial

import numpy as np
import optuna
import pytest
from optuna.artifacts import FileSystemArtifactStore
from optuna.distributions import IntDistribution
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.naive_bayes import GaussianNB

from sklearn_autotune import AutoModelSelector
from sklearn_autotune.exceptions import StudyMismatchError, StudyStorageError
from sklearn_autotune.families import Family
from sklearn_autotune.search import _trial_loop
from sklearn_autotune.selection import _second_layer
from sklearn_autotune.selection._cross_fit import CrossFitEvaluation
from sklearn_autotune.selection._final_fits import FinalFits
from sklearn_autotune.storage._artifacts import FolderStore
from tests.toys import note, read_log

X, Y = make_classification(n_samples=120, n_features=4, flip_y=0.2, random_state=0)
LARGE = make_classification(n_samples=800, n_features=4, flip_y=0.2, random_state=0)


class NotingNB(GaussianNB):
    """Notes each fit in a file."""

    def __init__(self, var_smoothing=1e-9, log=None):
        super().__init__(var_smoothing=var_smoothing)
        self.log = log

    def fit(self, X, y, sample_weight=None):
        note(self.log, rows=len(X), smoothing=self.var_smoothing)
        return super().fit(X, y, sample_weight)


def bayes(log, n=4):
    smoothings = [10.0**-power for power in range(n)]
    return Family(
        "bayes",
        (),
        lambda shape: {"var_smoothing": smoothings},
        partial(_make, NotingNB, log=str(log)),
        first=({"var_smoothing": smoothings[0]},),
        seconds=lambda shape: 0.001,
    )


def _make(kind, shape, **params):
    return kind(**params)


def trees(is_bagged=True, leaves=(1, 3, 9, 27)):
    return Family(
        "trees",
        (),
        lambda shape: {"min_samples_leaf": leaves},
        partial(_make, ExtraTreesClassifier, n_estimators=5),
        first=({"min_samples_leaf": 3},),
        seconds=lambda shape: 0.01,
        is_bagged=is_bagged,
    )


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


@pytest.fixture
def stored(tmp_path, log):
    """Settings of a stored selection."""
    return {
        "families": [bayes(log), trees()],
        "cv": 3,
        "random_state": 0,
        "patience": None,
        "storage": tmp_path / "study.db",
        "resume": True,
    }


def summarize(selector, X=X):
    """What has to be equal to the last bit."""
    return {
        "params": selector.cv_results_["params"],
        "scores": repr(dict(selector.cv_results_)["mean_test_score"].tolist()),
        "blend": selector.blend_weights_,
        "best": (selector.best_score_, selector.best_params_, selector.corrected_interval_),
        "out of fold": selector.oof_predictions_.tolist(),
        "predictions": selector.predict_proba(X).tolist(),
    }


def list_fold_scores(selector):
    """The scores of each candidate on the folds; nan after the fold where it was stopped."""
    results = dict(selector.cv_results_)
    return repr([results[f"split{fold}_test_score"].tolist() for fold in range(3)])


class Cut(BaseException):
    """Ends a search as a kill does: nothing after it runs in the package but what finally blocks do."""


def interrupt_after(number):
    def callback(study, trial):
        if trial.number >= number:
            raise Cut

    return callback


def test_a_selection_that_was_ended_and_resumed_is_the_undisturbed_one(stored, log):
    undisturbed = AutoModelSelector(**(stored | {"storage": None, "resume": False}), n_trials=6).fit(X, Y)
    log.unlink()
    selector = AutoModelSelector(**stored, n_trials=6)
    for number in (1, 3):
        with pytest.raises(Cut):
            clone(selector).set_params(callbacks=[interrupt_after(number)]).fit(X, Y)

    selector.fit(X, Y)

    assert summarize(selector) == summarize(undisturbed)
    fits = [(entry["smoothing"], entry["rows"]) for entry in read_log(log)]
    assert max(fits.count(each) for each in fits if each[1] == 80) <= 3  # one on each fold


# On these tables, racing by the scores that candidates have at the end would stop a candidate that was measured in
# full, or stop one sooner than it was stopped: the temperature, and with it the score of each fold, changes with folds.
@pytest.mark.parametrize("seed", [1, 22])
@pytest.mark.parametrize("cuts", [(20,), (2, 8, 15)], ids=["at the end", "three times"])
def test_racing_decides_about_the_candidates_of_a_resumed_selection_as_it_did_before(stored, seed, cuts):
    X, y = make_classification(n_samples=120, n_features=4, flip_y=0.2, random_state=seed)
    settings = stored | {"families": [trees(leaves=IntDistribution(1, 30))], "n_trials": 14}
    undisturbed = AutoModelSelector(**(settings | {"storage": None, "resume": False})).fit(X, y)
    for number in cuts:
        with contextlib.suppress(Cut):
            AutoModelSelector(**settings, callbacks=[interrupt_after(number)]).fit(X, y)

    resumed = AutoModelSelector(**settings).fit(X, y)

    assert {"complete", "pruned"} <= set(undisturbed.trials_["status"])
    assert list_fold_scores(resumed) == list_fold_scores(undisturbed)
    assert summarize(resumed, X) == summarize(undisturbed, X)


def test_a_selection_that_gets_all_candidates_of_its_space_is_raced_as_one_that_had_them_from_the_beginning(stored):
    X, y = make_classification(n_samples=120, n_features=4, flip_y=0.2, random_state=1)
    settings = stored | {"families": [trees(leaves=list(range(1, 17)))]}
    whole = AutoModelSelector(**(settings | {"storage": None, "resume": False}), n_trials=16).fit(X, y)
    AutoModelSelector(**settings, n_trials=12).fit(X, y)

    for _ in range(2):
        longer = AutoModelSelector(**settings, n_trials=16).fit(X, y)
        assert list_fold_scores(longer) == list_fold_scores(whole)
        assert summarize(longer, X) == summarize(whole, X)


def test_a_finished_selection_is_not_fitted_again(stored, log):
    first = AutoModelSelector(**stored, n_trials=5).fit(X, Y)
    n_fits = len(read_log(log))

    again = AutoModelSelector(**stored, n_trials=5).fit(X, Y)

    assert summarize(again) == summarize(first)
    assert len(read_log(log)) == n_fits  # the family is bagged: its fold models were kept


def test_more_candidates_continue_as_if_there_had_been_so_many(stored):
    whole = AutoModelSelector(**(stored | {"storage": None, "resume": False}), n_trials=8).fit(X, Y)
    AutoModelSelector(**stored, n_trials=3).fit(X, Y)

    longer = AutoModelSelector(**stored, n_trials=8).fit(X, Y)

    assert summarize(longer) == summarize(whole)


def test_without_resume_a_new_study_begins(stored):
    settings = stored | {"resume": False, "n_trials": 2}

    names = [AutoModelSelector(**settings).fit(X, Y).study_.study_name for _ in range(2)]

    assert names == ["sklearn_autotune", "sklearn_autotune-2"]


def test_without_a_seed_that_of_the_stored_study_is_used(stored):
    settings = stored | {"random_state": None, "cv": None}
    first = AutoModelSelector(**settings, n_trials=4).fit(X, Y)

    again = AutoModelSelector(**settings, n_trials=4).fit(X, Y)

    assert summarize(again) == summarize(first)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"cv": 4}, "folds"),
        ({"families": [trees()]}, "space"),
        ({"random_state": 1}, "estimator"),
        ({"scoring": "roc_auc"}, "scoring"),
        ({"limits": {"bytes": ("<=", 10**9)}}, "estimator"),
    ],
)
def test_a_study_of_another_task_is_refused_with_what_differs(stored, log, change, part):
    AutoModelSelector(**stored, n_trials=2).fit(X, Y)
    n_fits = len(read_log(log))

    with pytest.raises(StudyMismatchError, match=part):
        AutoModelSelector(**(stored | change), n_trials=2).fit(X, Y)
    with pytest.raises(StudyMismatchError, match="data"):
        AutoModelSelector(**stored, n_trials=2).fit(X + 1, Y)

    assert len(read_log(log)) == n_fits


def test_with_a_timeout_stored_candidates_are_taken_as_they_are(stored, log):
    settings = stored | {"timeout": 60, "families": [bayes(log)]}
    with pytest.raises(Cut):
        AutoModelSelector(**settings, n_trials=4, callbacks=[interrupt_after(2)]).fit(X, Y)
    n_fits = len(read_log(log))

    selector = AutoModelSelector(**settings, n_trials=4).fit(X, Y)

    assert len(selector.cv_results_["params"]) == 4
    fits = [entry["smoothing"] for entry in read_log(log)[n_fits:] if entry["rows"] == 80]
    assert len(fits) == 3  # of the fourth candidate
    assert selector.score(X, Y) > 0.7
    assert not np.isnan(selector.oof_predictions_).any()


def test_lost_predictions_are_measured_again(stored, log, caplog):
    first = AutoModelSelector(**stored, n_trials=4).fit(X, Y)
    folder = stored["storage"].with_name("study.db.artifacts")
    shutil.rmtree(folder)
    n_fits = len(read_log(log))

    again = AutoModelSelector(**stored, n_trials=4).fit(X, Y)

    assert summarize(again) == summarize(first)
    assert len(read_log(log)) > n_fits
    assert "is lost" in caplog.text
    assert summarize(AutoModelSelector(**stored, n_trials=4).fit(X, Y)) == summarize(first)


def test_of_candidates_that_cannot_enter_the_blend_little_is_kept(stored, tmp_path):
    selector = AutoModelSelector(**(stored | {"families": [trees()]}), n_trials=4).fit(X, Y)

    sizes = sorted(path.stat().st_size for path in (tmp_path / "study.db.artifacts").iterdir())

    assert len(sizes) == len(selector.cv_results_["params"]) == 4
    assert sizes[1] < 1000 < sizes[2] / 10


def test_large_models_are_fitted_again(stored, monkeypatch):
    from sklearn_autotune.storage import _recorder

    monkeypatch.setattr(_recorder, "MAX_ARTIFACT_BYTES", 2000)
    settings = stored | {"families": [trees()]}
    first = AutoModelSelector(**settings, n_trials=3).fit(X, Y)
    refits = []
    fit_folds_again = CrossFitEvaluation.fit_folds_again
    monkeypatch.setattr(CrossFitEvaluation, "fit_folds_again", lambda *args: refits.append(1) or fit_folds_again(*args))

    again = AutoModelSelector(**settings, n_trials=3).fit(X, Y)

    assert summarize(again) == summarize(first)
    assert refits


def test_the_second_layer_and_final_fits_are_continued(stored, monkeypatch, tmp_path):
    settings = stored | {"families": [trees(is_bagged=False), "logistic"], "n_trials": 3}
    undisturbed = AutoModelSelector(**(settings | {"storage": None, "resume": False})).fit(*LARGE)
    measured, fitted = [], []
    measure, fit_on, assemble = _second_layer.measure, FinalFits._fit_on_all_rows, FinalFits.assemble
    monkeypatch.setattr(_second_layer, "measure", lambda *args: measured.append(1) or measure(*args))
    monkeypatch.setattr(FinalFits, "_fit_on_all_rows", lambda *args: fitted.append(1) or fit_on(*args))
    n_assembled = itertools.count(1)

    def assemble_later(*args):
        if next(n_assembled) == 1:
            raise Cut
        return assemble(*args)

    monkeypatch.setattr(FinalFits, "assemble", assemble_later)
    with pytest.raises(Cut):
        AutoModelSelector(**settings).fit(*LARGE)
    n_measured, n_fitted = len(measured), len(fitted)

    resumed = AutoModelSelector(**settings).fit(*LARGE)

    assert summarize(resumed, LARGE[0]) == summarize(undisturbed, LARGE[0])
    assert len(measured) == n_measured > 0
    assert len(fitted) == n_fitted > 0
    kept = list((tmp_path / "study.db.artifacts").iterdir())
    assert len(kept) == len(resumed.cv_results_["params"])  # those of the candidates alone


def test_a_storage_that_is_no_file_needs_an_artifact_store_before_anything_is_fitted(stored, log, tmp_path):
    settings = stored | {"storage": optuna.storages.InMemoryStorage(), "n_trials": 3}
    with pytest.raises(ValueError, match="Give artifact_store"):
        AutoModelSelector(**settings).fit(X, Y)
    assert not log.exists()

    (tmp_path / "store").mkdir()
    for store in (tmp_path / "own", str(tmp_path / "text"), FileSystemArtifactStore(tmp_path / "store")):
        settings["storage"] = optuna.storages.InMemoryStorage()
        first, again = (AutoModelSelector(**settings, artifact_store=store).fit(X, Y) for _ in range(2))
        assert summarize(again) == summarize(first)
    assert all(list((tmp_path / name).iterdir()) for name in ("own", "text", "store"))


def test_a_full_disk_ends_the_search_with_its_results_on_it(stored, monkeypatch):
    from sklearn_autotune.storage import _recorder

    monkeypatch.setattr(_recorder, "RETRY_SECONDS", 0.0)
    write, n_written = FolderStore.write, itertools.count()

    def fail(self, *args):
        if next(n_written) == 3:  # the first one tries whether it can
            raise OSError("No space left on device")
        return write(self, *args)

    monkeypatch.setattr(FolderStore, "write", fail)
    selector = AutoModelSelector(**stored, n_trials=5)
    with pytest.raises(StudyStorageError, match="No space left"):
        selector.fit(X, Y)

    assert len(selector.cv_results_["params"]) >= 2
    whole = AutoModelSelector(**(stored | {"storage": None, "resume": False}), n_trials=5).fit(X, Y)
    assert summarize(AutoModelSelector(**stored, n_trials=5).fit(X, Y)) == summarize(whole)


def test_a_pickle_of_a_fitted_selector_has_neither_storage_nor_artifacts(stored):
    selector = AutoModelSelector(**stored, n_trials=2).fit(X, Y)

    loaded = pickle.loads(pickle.dumps(selector.set_params(families="auto")))

    assert loaded.storage is None
    assert loaded.predict(X).tolist() == selector.predict(X).tolist()


def test_messages_of_other_processes_without_the_artifacts_say_what_to_give():
    assert "artifact_store" in _trial_loop.LOST_BY_OTHERS


def test_clones_share_the_artifact_store_and_pickles_of_fitted_ones_have_none(stored, tmp_path):
    class Locked(FileSystemArtifactStore):
        """Holds what cannot be copied, as clients of services do."""

        def __init__(self):
            super().__init__(tmp_path)
            self.lock = threading.Lock()

    store = Locked()
    selector = clone(AutoModelSelector(**(stored | {"families": ["logistic"]}), n_trials=1, artifact_store=store))

    loaded = pickle.loads(pickle.dumps(selector.fit(X, Y)))

    assert selector.artifact_store is store
    assert loaded.artifact_store is None


def test_an_artifact_store_that_cannot_be_used_is_named_before_anything_is_fitted(stored, log, tmp_path):
    with pytest.raises(StudyStorageError, match=r"artifact_store .*missing/folder.* cannot be used"):
        AutoModelSelector(**stored, n_trials=2, artifact_store=tmp_path / "missing" / "folder").fit(X, Y)

    assert not log.exists()
    AutoModelSelector(**stored, n_trials=2).fit(X, Y)  # the study is not locked

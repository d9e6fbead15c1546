"""A program whose searches are killed repeatedly at random times and resumed, and which reports the results.

``python -m tests.faults.killed FOLDER N_KILLS SEED KIND...`` writes JSON into the folder, for each kind of search. Each
attempt is a separate process, which is forked so that it need not import everything again. The attempts are ended in
turn by SIGKILL, SIGTERM and SIGINT; those that have begun the final fit, by SIGKILL. When a search reaches its end, a
new one starts, until the number of kills is reached.
"""

import json
import os
import random
import signal
import sqlite3
import sys
import time
import traceback
from pathlib import Path

import optuna
from scipy.stats import uniform
from sklearn.datasets import make_classification
from sklearn.ensemble import ExtraTreesClassifier

from sklearn_autotune import AutoModelSelector, OptunaSearchCV, TunedXGBClassifier
from sklearn_autotune._compat.digest import compute_digest
from sklearn_autotune.boosting._fold_boosting import BoosterFit
from sklearn_autotune.families import Family
from sklearn_autotune.storage._outcomes import OUTCOME_ATTRIBUTE
from tests.faults.nightly import IS_NIGHT
from tests.toys import SleepingClassifier, table

SPACE = {"a": uniform(0, 9), "b": [0, 1, 2]}
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
INTERRUPTED, UNSOUND = 130, 7
KINDS = ("one job", "boosters", "selector")
NIGHT_KINDS = ("two jobs", "boosters in a worker", "final fit", "racing", "sampler", "second layer")
SELECTORS = ("selector", "second layer")

# The longest time after which an attempt is killed; 1 second of the others. A worker process takes seconds to start. A
# final fit that has begun is killed within the time that it takes.
MAX_SECONDS = {
    "two jobs": 2.5,
    "boosters in a worker": 5.0 if IS_NIGHT else 2.5,
    "final fit": 0.1,
    "selector": 2.0,
    "second layer": 8.0,
}

# The final model averages those of the folds.
TREES = Family(
    name="trees",
    estimators=("sklearn.ExtraTreesClassifier",),
    space=lambda shape: {"min_samples_leaf": [2, 4, 8, 16], "n_estimators": [20, 30]},
    make=lambda shape: ExtraTreesClassifier(),
    first=({"min_samples_leaf": 4, "n_estimators": 20},),
    seconds=lambda shape: 0.01,
    is_bagged=True,
)


def make_search(kind, storage=None):
    """A search of a second or so."""
    stored = {"storage": storage, "resume": storage is not None, "random_state": 0}
    if kind == "final fit":
        return TunedXGBClassifier(n_trials=4, n_estimators=300, learning_rate=0.02, cv=3, **stored)
    if kind.startswith("boosters"):
        limit = 60 if kind == "boosters in a worker" else None
        return TunedXGBClassifier(n_trials=8, n_estimators=30, cv=3, trial_timeout=limit, **stored)
    if kind in SELECTORS:
        return AutoModelSelector(families=[TREES, "logistic"], n_trials=8, cv=3, patience=None, **stored)
    toy = SleepingClassifier(seconds=0.02)
    if kind == "two jobs":
        return OptunaSearchCV(toy, SPACE, n_trials=16, cv=3, n_jobs=2, look_ahead=3, **stored)
    if kind == "racing":
        return OptunaSearchCV(toy, SPACE, n_trials=30, cv=4, patience=12, **stored)
    sampler = optuna.samplers.NSGAIISampler(population_size=5, seed=3) if kind == "sampler" else None
    return OptunaSearchCV(toy, SPACE, n_trials=20, cv=2, sampler=sampler, **stored)


def data(kind):
    """A small table; one that is large enough for a second layer where that is wanted."""
    n_samples = {"selector": 300, "second layer": 800}.get(kind, 60)
    X, y = make_classification(n_samples=n_samples, n_features=4, flip_y=0.2, random_state=0)
    return X, y


def outcome(search):
    """What has to be the same: the table, the winner, how each trial ended, and what is predicted."""
    rows = zip(search.trials_["number"].tolist(), search.trials_["status"], strict=True)
    found = {"table": table(search), "best": repr(search.best_params_), "trials": [[n, s] for n, s in rows]}
    if isinstance(search, TunedXGBClassifier | AutoModelSelector):
        X, _ = data("selector" if isinstance(search, AutoModelSelector) else "boosters")
        found["predictions"] = [compute_digest(each) for each in (search.predict_proba(X), search.oof_predictions_)]
        found["default"] = getattr(search, "default_score_", None)
        found["blend"] = repr(getattr(search, "blend_weights_", None))
    return found


def announce_final_fit(path):
    """Make the final fit of boosters write a file when it begins."""
    fit = BoosterFit.fit

    def fit_and_tell(*args):
        path.touch()
        return fit(*args)

    BoosterFit.fit = fit_and_tell


def attempt(kind, path, out):
    """Search in a forked process, which ends itself when it is done."""
    pid = os.fork()
    if pid == 0:
        status = UNSOUND
        try:
            if kind == "final fit":
                announce_final_fit(out.with_suffix(".fit"))
            search = make_search(kind, path)
            try:
                found = outcome(search.fit(*data(kind)))
                Path(out).write_text(json.dumps(found))
                status = 0
            except KeyboardInterrupt:
                status = INTERRUPTED if is_sound(search) else UNSOUND
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return pid


def is_sound(search):
    """Whether an interrupted search holds what it was told, as far as it got."""
    states = [trial.state for trial in search.study_.trials] if hasattr(search, "study_") else []
    n_told = sum(status in ("complete", "pruned") for status in getattr(search, "trials_", {}).get("status", ()))
    is_kept = n_told == 0 or hasattr(search, "cv_results_")
    return is_kept and all(state.is_finished() for state in states)


def deal(kind, folder, n_kills, chance):
    """Deal so many kills; return what the searches found in the end."""
    folder.mkdir()
    found, n_landed, n_repeated, n_lost = [], 0, 0, 0
    while n_landed < n_kills:
        path, out = folder / f"{len(found)}.db", folder / f"{len(found)}.json"
        told = []
        while not out.exists():
            pid = attempt(kind, path, out)
            if n_landed < n_kills:
                wait_for_final_fit(kind, pid, out.with_suffix(".fit"))
                time.sleep(chance.uniform(0.0 if kind == "final fit" else 0.02, MAX_SECONDS.get(kind, 1.0)))
                os.kill(pid, signal.SIGKILL if kind == "final fit" else SIGNALS[n_landed % len(SIGNALS)])
            _, status = os.waitpid(pid, 0)
            assert os.waitstatus_to_exitcode(status) != UNSOUND
            n_landed += os.waitstatus_to_exitcode(status) in (-signal.SIGKILL, -signal.SIGTERM, INTERRUPTED)
            before, told = told, stored_numbers(path)
            n_lost += len(set(before) - set(told))
            n_repeated += len(told) - len(set(told))
        found.append(json.loads(out.read_text()))
    return {"found": found, "n_landed": n_landed, "n_repeated": n_repeated, "n_lost": n_lost}


def wait_for_final_fit(kind, pid, path):
    """If it is the final fit that is killed, wait until it has begun, or its process has ended."""
    while kind == "final fit" and not path.exists() and not has_ended(pid):
        time.sleep(0.001)
    path.unlink(missing_ok=True)


def has_ended(pid):
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def stored_numbers(path):
    """The numbers of the trials that are stored; none may be running."""
    if not path.exists():
        return []
    # Read without Optuna: a connection that stays open here would be inherited by the next attempt, and hold it up.
    connection = sqlite3.connect(path, timeout=60)
    try:
        rows = connection.execute(
            "SELECT value_json, state FROM trial_user_attributes JOIN trials USING (trial_id) WHERE key = ?",
            [OUTCOME_ATTRIBUTE],
        ).fetchall()
    except sqlite3.OperationalError:  # killed while the tables were made
        return []
    finally:
        connection.close()
    assert all(state in ("COMPLETE", "PRUNED", "FAIL") for _, state in rows)
    return [json.loads(value)["number"] for value, _ in rows]


def main(folder, n_kills, seed, *kinds):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a program in the background has not
    chance = random.Random(seed)
    # So that what a storage imports is imported once.
    optuna.storages.RDBStorage(f"sqlite:///{folder / 'first.db'}").engine.dispose()
    reports = {kind: deal(kind, folder / kind, n_kills, chance) for kind in kinds}
    (folder / "reports.json").write_text(json.dumps(reports))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])

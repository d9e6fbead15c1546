"""A program that searches a shared study and logs what it measures.

``python -m tests.faults.sharing STORAGE LOG N KIND``; the kind is "search", "boosters" or "selector".

It waits until N processes have started. Otherwise, on a busy machine, one could finish before another starts.
"""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from scipy.stats import uniform
from sklearn.naive_bayes import GaussianNB

from sklearn_autotune import AutoModelSelector, OptunaSearchCV, TunedXGBClassifier
from sklearn_autotune.families import Family
from sklearn_autotune.storage import _claims
from tests.toys import SleepingClassifier, note, table


def make_search(storage, log=None, **changes):
    settings = {"n_trials": 16, "cv": 2, "look_ahead": 4, "random_state": 0, "refit": False, "study_name": "shared"}
    toy = SleepingClassifier(log=log, seconds=0.15)
    return OptunaSearchCV(toy, {"a": uniform(0, 9)}, storage=storage, resume=storage is not None, **settings, **changes)


def make_boosters(storage, log=None):
    """Tuned boosters, two candidates at a time."""
    settings = {"n_trials": 8, "n_estimators": 40, "cv": 2, "look_ahead": 2, "random_state": 0, "study_name": "shared"}
    return TunedXGBClassifier(storage=storage, resume=storage is not None, **settings)


def make_selector(storage, log=None):
    """A selector of toys, whose artifacts are beside the log."""
    toys = Family(
        "toys",
        (),
        lambda shape: {"a": list(range(12))},
        lambda shape: SlowBayes(log=log),
        first=({"a": 3},),
        seconds=lambda shape: 0.01,
    )
    settings = {"n_trials": 8, "cv": 2, "look_ahead": 4, "random_state": 0, "patience": None, "study_name": "shared"}
    stored = {"storage": storage, "resume": True, "artifact_store": f"{log}.artifacts"} if storage is not None else {}
    return AutoModelSelector(families=[toys], **settings, **stored)


class SlowBayes(GaussianNB):
    """Sleeps while it is fitted, notes its fits, and depends on a parameter."""

    def __init__(self, a=0, log=None):
        super().__init__(var_smoothing=0.1 + a)
        self.a = a
        self.log = log

    def fit(self, X, y, sample_weight=None):
        time.sleep(0.15)
        self.var_smoothing = 0.1 + self.a
        if self.log is not None:
            note(self.log, a=self.a, pid=os.getpid())
        return super().fit(X, y, sample_weight)


def open_storage(text):
    return text if "://" in text else JournalStorage(JournalFileBackend(text))


def data():
    X = np.column_stack([np.arange(24.0), np.ones((24, 2))])
    return X, np.arange(24) % 2


def wait_for_others(log, n_processes):
    Path(f"{log}.{os.getpid()}.here").touch()
    while len(list(Path(log).parent.glob("*.here"))) < n_processes:
        time.sleep(0.02)


if __name__ == "__main__":
    _claims.CLAIM_TIMEOUT_SECONDS = float(
        os.environ.get("SKLEARN_AUTOTUNE_TEST_DEAD_SECONDS", _claims.CLAIM_TIMEOUT_SECONDS)
    )
    _claims.HEARTBEAT_SECONDS = 1.0
    wait_for_others(sys.argv[2], int(sys.argv[3]))
    make = {"search": make_search, "boosters": make_boosters, "selector": make_selector}[sys.argv[4]]
    search = make(open_storage(sys.argv[1]), sys.argv[2]).fit(*data())
    found = {"pid": os.getpid(), "table": table(search)}
    if sys.argv[4] != "search":
        found["predictions"] = search.predict_proba(data()[0]).tolist()
    sys.stdout.write(json.dumps(found))

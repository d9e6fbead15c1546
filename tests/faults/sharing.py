"""A program that searches a shared study and logs what it measures: ``python -m tests.faults.sharing STORAGE LOG N``.

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

from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.storage import _claims
from tests.toys import SleepingClassifier, table


def make_search(storage, log=None, **changes):
    settings = {"n_trials": 16, "cv": 2, "look_ahead": 4, "random_state": 0, "refit": False, "study_name": "shared"}
    toy = SleepingClassifier(log=log, seconds=0.15)
    return OptunaSearchCV(toy, {"a": uniform(0, 9)}, storage=storage, resume=storage is not None, **settings, **changes)


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
    search = make_search(open_storage(sys.argv[1]), sys.argv[2]).fit(*data())
    sys.stdout.write(json.dumps({"pid": os.getpid(), "table": table(search)}))

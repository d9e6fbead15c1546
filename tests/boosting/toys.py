"""XGBoost with an objective that ends badly on purpose, and XGBoost that notes where it bins; workers import this."""

import os
import signal
import time
from dataclasses import dataclass

import numpy as np

from sklearn_autotune.boosting._xgboost_library import TunedXGBoost
from tests.toys import note


@dataclass(frozen=True)
class Squared:
    """The squared error. With an ``end``, training hangs, kills its process, asks for much memory, or raises.

    Attributes
    ----------
    end : {"", "hang", "sigkill", "greedy", "error"}
    spared : int
        The id of a process in which it does none of this.
    """

    end: str = ""
    spared: int = 0

    def __call__(self, y_true, y_pred):
        if self.end and os.getpid() != self.spared:
            self.end_badly()
        return y_pred - y_true, np.ones_like(y_true)

    def end_badly(self):
        if self.end == "hang":
            time.sleep(600)
        if self.end == "sigkill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.end == "greedy":
            np.empty(3 * 2**30, dtype=np.uint8)
        raise ValueError("the objective fails on purpose")


@dataclass
class NotingXGBoost(TunedXGBoost):
    """Notes the process in which each fold is binned."""

    log: str

    def bin_fold(self, model, rows):
        note(self.log, pid=os.getpid())
        return super().bin_fold(model, rows)

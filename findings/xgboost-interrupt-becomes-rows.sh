#!/bin/sh
# A Ctrl-C that arrives while XGBoost reads a data iterator is swallowed, and the last batch is taken once more as rows.
#
# Version: XGBoost 3.2.0, CPU.
# Expected: KeyboardInterrupt in the program that makes a DMatrix from an xgboost.DataIter, as with any other exception
# that `next` raises.
# Found: `next` is called by the C library through ctypes. KeyboardInterrupt is no Exception, so the wrapper does not
# keep it; ctypes prints "Exception ignored" and the reading goes on. In a DMatrix of four batches of 100 rows, one
# interrupt in the third gives 500 rows: batch two is there twice. No error, and the program runs on. In the first batch,
# and with QuantileDMatrix, there is an XGBoostError about a failed check, and no KeyboardInterrupt. So it is with the
# arrays that QuantileDMatrix, and with it XGBClassifier.fit, reads: a Ctrl-C in that moment is an XGBoostError.
# Why it matters: iterators are for tables that do not fit into memory, whose reading takes long, so that it is likely
# to be interrupted. Who catches errors of a fit, as searches do, takes the interrupt for a failed candidate.
# What helps: make the matrix in a thread, and wait for it in the main thread, which alone gets signals.
# Source: `_next_wrapper` and `_handle_exception` in xgboost/core.py catch Exception.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet xgboost==3.2.0 numpy==2.4.6

cat > "$folder/check.py" <<'END'
import signal
import sys

import numpy as np
import xgboost


class Batches(xgboost.DataIter):
    """Four batches of 100 rows, numbered; at one of them, one time, the process gets a signal or an error is raised."""

    def __init__(self, at, interrupts):
        super().__init__()
        self.number = 0
        self.at = at
        self.interrupts = interrupts
        self.is_done = False

    def next(self, input_data):
        if self.number == 4:
            return False
        if self.number == self.at and not self.is_done:
            self.is_done = True
            if not self.interrupts:
                raise ValueError("this batch cannot be read")
            signal.raise_signal(signal.SIGINT)
        values = np.full((100, 2), float(self.number))
        input_data(data=values, label=values[:, 0])
        self.number += 1
        return True

    def reset(self):
        self.number = 0


def outcome(kind, at, interrupts=True):
    try:
        matrix = kind(Batches(at, interrupts))
    except (Exception, KeyboardInterrupt) as error:
        return type(error).__name__
    return [int((matrix.get_label() == number).sum()) for number in range(4)]


signal.signal(signal.SIGINT, signal.default_int_handler)
found = {
    "an error, third batch": outcome(xgboost.DMatrix, 2, interrupts=False),
    "Ctrl-C, third batch": outcome(xgboost.DMatrix, 2),
    "Ctrl-C, first batch": outcome(xgboost.DMatrix, 0),
    "Ctrl-C, first batch, QuantileDMatrix": outcome(xgboost.QuantileDMatrix, 0),
}
for case, result in found.items():
    print(f"{case}: {result}")
if list(found.values()) != ["ValueError", [100, 200, 100, 100], "XGBoostError", "XGBoostError"]:
    sys.exit("changed: an interrupt in a data iterator has another effect")
END
cd "$folder"
"$folder/venv/bin/python" check.py

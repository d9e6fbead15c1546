"""Searches that are killed at any time and resumed have the same results as undisturbed ones.

A normal run has a few kills; with ``SKLEARN_AUTOTUNE_NIGHTLY=1``, each kind of search is killed 60 times.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.killed import KINDS, NIGHT_KINDS, data, make_search, outcome
from tests.faults.nightly import IS_NIGHT

ROOT = Path(__file__).parents[2]
N_KILLS = 60 if IS_NIGHT else 3
TESTED_KINDS = (*KINDS, *NIGHT_KINDS) if IS_NIGHT else KINDS


pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")]


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed")
    environ = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}
    command = [sys.executable, "-m", "tests.faults.killed", str(folder), str(N_KILLS), "0", *TESTED_KINDS]
    done = subprocess.run(command, capture_output=True, text=True, env=environ, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "reports.json").read_text())


@pytest.mark.parametrize("kind", TESTED_KINDS)
def test_a_search_that_was_killed_and_resumed_ends_like_one_that_was_not(kind, reports):
    undisturbed = json.loads(json.dumps(outcome(make_search(kind).fit(*data(kind)))))

    report = reports[kind]

    assert report["n_landed"] == N_KILLS
    assert report["n_lost"] == report["n_repeated"] == 0
    assert report["found"] == [undisturbed] * len(report["found"])

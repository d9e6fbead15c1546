"""Every benchmark runs with few rows and candidates, through the code that it measures."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import PAGES, RESUMABLE
from tests.benchmarks.forking import Forker
from tests.faults.nightly import at_night

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"


def contents():
    return {path: path.read_bytes() for path in RESULTS.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def forker():
    if not hasattr(os, "fork"):
        pytest.skip("forks")
    forker = Forker()
    yield forker
    forker.close()


# More than five seconds each; they run at night, and by `python -m benchmarks NAME --quick`.
SLOW = {
    *("anytime", "auto_spaces", "compliance", "defaults", "fits", "honesty", "objectives", "overhead", "prefix"),
    *("samplers", "selection", "selection_budget", "serving", "threshold", "warm_start", "xgboost"),
    *("xgboost_budget", "xgboost_cost", "growth", "iterations", "racing", "tabulated", "durability", "auto_steps"),
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[at_night] if name in SLOW else []) for name in PAGES])
def test_a_benchmark_runs_quickly_and_writes_nothing(name, forker, tmp_path):
    before = contents()

    done = forker.run_module(f"benchmarks.{name}", "--quick", folder=tmp_path)

    assert done.returncode == 0, done.stderr[-3000:]
    assert "|" in done.stdout, "no table"
    assert contents() == before


def test_benchmarks_are_run_by_their_names():
    command = [sys.executable, "-m", "benchmarks", "tabulated", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)

    assert done.returncode == 0, done.stderr[-3000:]
    assert "|" in done.stdout
    assert "-- tabulated: " in done.stderr


def test_resuming_a_smoke_test_is_refused():
    command = [sys.executable, "-m", "benchmarks", "racing", "--quick", "--resume"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)

    assert done.returncode == 2
    assert "nothing to resume" in done.stderr


@pytest.mark.parametrize("name", RESUMABLE)
def test_benchmarks_that_can_be_resumed_say_so(name, forker, tmp_path):
    done = forker.run_module(f"benchmarks.{name}", "--help", folder=tmp_path)

    assert "--resume" in done.stdout

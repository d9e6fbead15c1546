"""Every benchmark runs: with few rows and candidates, on the roads that it measures."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import PAGES

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"


def contents():
    return {path: path.read_bytes() for path in RESULTS.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", PAGES)
def test_a_benchmark_runs_quickly_and_writes_nothing(name):
    before = contents()

    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", name, "--quick"],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},  # of ten rows a core has enough
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert done.returncode == 0, done.stderr[-3000:]
    assert "|" in done.stdout, "no table"
    assert contents() == before

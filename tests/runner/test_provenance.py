"""Where a result came from, and its report."""

import os
import subprocess
import sys

from sklearn_autotune import runner
from sklearn_autotune.runner import _provenance
from tests.runs import SHORT, papers


def test_a_report_that_cannot_be_drawn_does_not_cost_the_run(write, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("no fonts")

    monkeypatch.setattr(_provenance, "write_report", fail)
    folder = runner.run(write(SHORT), folder=tmp_path / "run")

    assert papers(folder)["report"] == {"file": None, "missing_because": "OSError: no fonts"}
    assert (folder / "model.joblib").exists()


def test_without_matplotlib_a_report_is_refused_if_asked_for_and_else_left_out(write, tmp_path):
    code = """
import sys
from importlib.abc import MetaPathFinder
class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "matplotlib":
            raise ModuleNotFoundError(name)
import importlib.util as util
found = util.find_spec
util.find_spec = lambda name, package=None: None if name == "matplotlib" else found(name, package)
sys.meta_path.insert(0, Absent())
from sklearn_autotune.__main__ import main
sys.exit(main(sys.argv[1:]))
"""
    asked = write(SHORT + "output: {report: true}", name="asked.yaml")
    before = sorted(os.listdir(tmp_path))
    done = subprocess.run([sys.executable, "-c", code, "run", str(asked)], capture_output=True, text=True)
    assert done.returncode == 2
    assert "output.report: true needs matplotlib: pip install 'sklearn-autotune[plot]'" in done.stderr
    assert sorted(os.listdir(tmp_path)) == before

    command = ["run", str(write(SHORT)), "--output", str(tmp_path / "run")]
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "no report: matplotlib is not installed" in done.stdout

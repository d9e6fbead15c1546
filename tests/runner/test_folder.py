"""Run folders are written whole or not at all, and only what was written is loaded."""

import os

import pytest
import skops.io
from sklearn.pipeline import make_pipeline

from sklearn_autotune import runner
from sklearn_autotune.__main__ import main
from sklearn_autotune.runner._folder import compute_sha256, write_folder_atomically, write_json
from tests.runs import QUICK, SHORT, papers
from tests.toys import CountingClassifier


def write_half(path):
    with write_folder_atomically(path) as folder:
        (folder / "model.joblib").write_text("half")
        raise OSError("the disk is full")


def test_a_run_that_fails_leaves_nothing(write, tmp_path, capsys):
    def fail(study, trial):
        raise RuntimeError("on purpose")

    path = write(QUICK)
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(RuntimeError, match="on purpose"):
        runner.run(path, folder=tmp_path / "run", callbacks=[fail])
    with pytest.raises(OSError, match="full"):
        write_half(tmp_path / "run")

    assert sorted(os.listdir(tmp_path)) == before


def test_a_model_that_was_changed_is_not_loaded(copied, tmp_path, capsys):
    (copied / "model.joblib").write_bytes(b"something else")

    assert main(["predict", str(copied), str(tmp_path / "data.parquet")]) == 2
    assert "not the file that was written" in capsys.readouterr().err
    assert main(["verify", str(tmp_path)]) == 2
    assert "no run folder" in capsys.readouterr().err


def test_a_skops_file_with_types_of_other_packages_is_refused(write, tmp_path):
    folder = runner.run(write(SHORT + "output: {model: skops}"), folder=tmp_path / "run")
    skops.io.dump(make_pipeline(CountingClassifier()), folder / "model.skops")
    found = papers(folder)
    found["model"]["sha256"] = compute_sha256(folder / "model.skops")
    write_json(folder / "metadata.json", found)

    with pytest.raises(runner.RunFolderError, match=r"not trusted: tests\.toys\.CountingClassifier"):
        runner.load(folder)

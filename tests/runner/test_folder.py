"""Run folders are written whole or not at all, and only what was written is loaded."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_autotune import runner
from sklearn_autotune.__main__ import main
from sklearn_autotune.runner._folder import (
    RunFolderError,
    compute_sha256,
    load_model,
    read_git_commit,
    read_metadata,
    save_model,
    write_folder_atomically,
    write_json,
)
from tests.runs import QUICK, SHORT, load_metadata
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
    found = load_metadata(folder)
    found["model"]["sha256"] = compute_sha256(folder / "model.skops")
    write_json(folder / "metadata.json", found)

    with pytest.raises(runner.RunFolderError, match=r"not trusted: tests\.toys\.CountingClassifier"):
        runner.load(folder)


def test_a_folder_appears_whole_and_with_the_permissions_of_any_other(tmp_path):
    (tmp_path / "plain").mkdir()

    with write_folder_atomically(tmp_path / "runs" / "one") as folder:
        assert not (tmp_path / "runs" / "one").exists()
        (folder / "a.txt").write_text("a")

    assert os.listdir(tmp_path / "runs") == ["one"]
    assert (tmp_path / "runs" / "one").stat().st_mode == (tmp_path / "plain").stat().st_mode
    with pytest.raises(FileExistsError), write_folder_atomically(tmp_path / "plain"):
        raise AssertionError("nothing is to be written here")


def test_a_lone_surrogate_is_written_and_read_again(tmp_path):
    write_json(tmp_path / "file.json", {"\ud800": ["\udcff", "é"]})

    assert json.loads((tmp_path / "file.json").read_text(encoding="utf-8")) == {"\ud800": ["\udcff", "é"]}


def test_metadata_are_standard_json(tmp_path):
    content = {"score": np.float64("nan"), "rows": np.arange(2), 3: ("a", Path("b")), "inf": float("inf")}

    write_json(tmp_path / "metadata.json", content)

    text = (tmp_path / "metadata.json").read_text()
    assert json.loads(text) == {"score": None, "rows": [0, 1], "3": ["a", "b"], "inf": None}
    assert "NaN" not in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no run folder: there is no metadata.json"),
        ("{", "cannot be read"),
        ("[]", "is not of this package"),
        ('{"kind": "comparison"}', "the folder of a comparison, and it holds no model"),
    ],
)
def test_what_is_no_run_folder_is_refused(text, message, tmp_path):
    if text is not None:
        (tmp_path / "metadata.json").write_text(text)

    with pytest.raises(RunFolderError, match=message):
        read_metadata(tmp_path)


@pytest.mark.parametrize("kind", ["joblib", "skops"])
def test_a_model_is_loaded_as_it_was_saved(kind, tmp_path):
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit([[0.0], [1.0], [2.0]], [0, 0, 1])

    entry = save_model(model, tmp_path, kind)

    loaded = load_model(tmp_path, {"model": entry})
    assert loaded.predict_proba([[0.3]]).tolist() == model.predict_proba([[0.3]]).tolist()
    (tmp_path / entry["file"]).unlink()
    with pytest.raises(RunFolderError, match="the model is missing"):
        load_model(tmp_path, {"model": entry})


def test_the_commit_of_a_folder_and_its_changes_are_known(tmp_path):
    assert read_git_commit(tmp_path) is None
    for command in ("init -q", "-c user.name=x -c user.email=x commit -q --allow-empty -m x"):
        subprocess.run(["git", *command.split()], cwd=tmp_path, check=True)

    clean = read_git_commit(tmp_path)
    (tmp_path / "new").touch()

    assert len(clean["commit"]) == 40
    assert not clean["has_changes"]
    assert read_git_commit(tmp_path) == clean | {"has_changes": True}

"""Paths that lead nowhere, and where nothing can be written."""

from pathlib import Path

import pytest

from sklearn_autotune.runner._paths import explain_missing, explain_not_writable


@pytest.mark.parametrize(
    ("name", "expected"),
    [("dta.csv", ": did you mean data.csv?"), ("DATA.CSV", ": did you mean data.csv?"), ("other.txt", "")],
)
def test_the_nearest_name_beside_a_missing_one_is_suggested(name, expected, tmp_path):
    (tmp_path / "data.csv").touch()
    (tmp_path / "dta.csv.d").mkdir()

    assert explain_missing(tmp_path / name, Path.is_file) == expected


def test_a_missing_folder_is_named(tmp_path):
    assert explain_missing(tmp_path / "gone" / "data.csv", Path.is_file) == f": there is no folder {tmp_path / 'gone'}"


def test_a_folder_that_can_be_made_is_writable_and_nothing_is_left_of_the_trial(tmp_path):
    assert explain_not_writable(tmp_path / "runs" / "first") is None
    assert list(tmp_path.iterdir()) == []


def test_a_file_on_the_way_and_a_folder_that_takes_nothing_are_named(tmp_path):
    (tmp_path / "data.csv").touch()

    assert explain_not_writable(tmp_path / "data.csv" / "run") == f"{tmp_path / 'data.csv'} is no folder"
    assert "in /proc nothing can be written" in explain_not_writable(Path("/proc/run"))

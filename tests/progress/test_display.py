"""When there is a bar, and how it is drawn."""

import multiprocessing
import os
import pty

import pytest

from sklearn_autotune.progress._display import format_duration, make_bar
from tests.toys import Terminal


def test_there_is_a_bar_in_a_terminal_and_none_in_a_file(tmp_path):
    bar = make_bar("auto", Terminal(), 1.0, "beside")

    with (tmp_path / "log").open("w") as file:
        assert make_bar("auto", file, 1.0, "beside") is None
    bar.close()


def test_workers_have_no_bar_since_theirs_would_overwrite_each_other(monkeypatch):
    monkeypatch.setattr(multiprocessing.current_process(), "_config", {})
    monkeypatch.setattr(multiprocessing.current_process(), "_name", "LokyProcess-1")

    assert make_bar("auto", Terminal(), 1.0, "beside") is None


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")
def test_a_terminal_that_tells_no_size_has_a_bar_all_the_same(monkeypatch):
    reader, writer = pty.openpty()  # with neither rows nor columns
    with os.fdopen(writer, "w") as stream:
        monkeypatch.setattr("sys.stderr", stream)
        make_bar("auto", None, 1.0, "beside").close()
        written = os.read(reader, 1000).decode()
    os.close(reader)

    assert "0%|" in written
    assert "| beside" in written


def test_durations_are_written_as_people_say_them():
    assert [format_duration(seconds) for seconds in (0.42, 59, 75, 7300)] == [
        "0.4 s",
        "59 s",
        "1 min 15 s",
        "2 h 1 min",
    ]

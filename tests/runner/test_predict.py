"""Predictions with a run's model, whole and in chunks: they are the same, in bounded memory, and name bad rows."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from sklearn_autotune import AutoModelSelector, runner
from sklearn_autotune.__main__ import main
from sklearn_autotune.runner._config import ConfigError
from sklearn_autotune.runner._predict import BLOCK_ROWS, _predict_block
from tests.faults.nightly import at_night
from tests.runs import QUICK


def test_columns_that_are_read_as_other_types_still_predict_the_same(finished, table, tmp_path):
    folder, _ = finished
    table.to_csv(tmp_path / "new.csv", index=False)

    from_csv, from_parquet = (
        runner.predict(folder, tmp_path / "new.csv", trust=True),
        runner.predict(folder, table, trust=True),
    )

    pd.testing.assert_frame_equal(from_csv.table, from_parquet.table)
    assert from_csv.drift == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(columns="city"), "columns are missing: city"),
        (lambda table: table.assign(size="large"), "column 'size' held numbers in training and now holds ['large'"),
        (lambda table: table.assign(day="soon"), "column 'day' held dates in training"),
    ],
)
def test_predict_refuses_what_the_model_cannot_read(change, message, finished, table):
    with pytest.raises(ConfigError) as caught:
        runner.predict(finished[0], change(table))

    assert message in str(caught.value)


def test_a_target_and_predictions_that_are_distributed_otherwise_are_drift(finished, table, capsys, tmp_path):
    folder, _ = finished
    good = table[(table["city"] == "Rome") & (table["size"] > 0.6)]
    new = pd.concat([good] * 20, ignore_index=True)
    new.to_csv(tmp_path / "new.csv", index=False)

    shares = {entry["column"]: entry["shift"] for entry in runner.predict(folder, new, trust=True).drift}

    assert shares["kind"] > 0.4  # the target, which the table has
    assert shares["predicted kind"] > 0.4
    assert shares["city"] > 0.4
    command = ["predict", str(folder), str(tmp_path / "new.csv"), "--trust", "--output", str(tmp_path / "out.csv")]
    assert main([*command, "--max-drift", "0.3"]) == 3
    assert "drift: predicted kind: another distribution than in training (distance 0." in capsys.readouterr().err
    assert not any(entry["shift"] for entry in runner.predict(folder, table, trust=True).drift)


# -- chunks ------------------------------------------------------------------------------------------------------------

N_ROWS = 3 * BLOCK_ROWS + 123


def make_rows(n_rows, seed):
    """Return a table with columns whose types differ between its chunks, and a target."""
    random = np.random.RandomState(seed)
    table = pd.DataFrame(
        {
            "size": random.normal(size=n_rows),
            "count": random.randint(0, 9, n_rows).astype(float),
            "code": random.choice(["01", "1", "20", "x7"], n_rows),
            "color": random.choice(["red", "green", "blue"], n_rows),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(random.randint(0, 90, n_rows), "D"),
        }
    )
    is_good = table["size"] + 0.2 * table["count"] + (table["code"] == "01") + random.normal(size=n_rows) > 1
    return table, np.where(is_good, "good", "bad")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run whose model is a linear one, because the last bit of a matrix product depends on the number of its rows."""
    place = tmp_path_factory.mktemp("chunks")
    table, kind = make_rows(300, 0)
    table.assign(kind=kind).to_parquet(place / "data.parquet")
    (place / "config.yaml").write_text(f"data: data.parquet\ntarget: kind\n{QUICK}")
    return runner.run(place / "config.yaml", folder=place / "run")


@pytest.fixture(scope="module")
def rows():
    """A table whose chunks would be read as other types than the whole: gaps, whole numbers, codes of digits only."""
    table, _ = make_rows(N_ROWS, 1)
    table["count"] = table["count"].where(np.arange(N_ROWS) < 1000)  # whole numbers, and then nothing
    table.loc[:1500, "code"] = "01"
    table.loc[2000:3050, "day"] = pd.NaT
    table.loc[1200:2300, "color"] = None
    table.loc[2999, "color"] = "violet"
    return table


def write_rows(rows, path):
    rows.to_parquet(path) if path.suffix == ".parquet" else rows.to_csv(path, index=False)
    return path


def predict_file(folder, data, output, *arguments):
    return main(["predict", str(folder), str(data), "--trust", "--output", str(output), *arguments])


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_predictions_in_chunks_are_those_of_the_whole_file_byte_for_byte(suffix, folder, rows, tmp_path, capsys):
    data = write_rows(rows, tmp_path / f"new{suffix}")
    assert predict_file(folder, data, tmp_path / "whole.csv", "--chunk-rows", "100000") == 0
    whole_drift = capsys.readouterr().err
    assert "violet" in whole_drift

    for n_rows in ("1", "1000", "1500"):
        assert predict_file(folder, data, tmp_path / "parts.csv", "--chunk-rows", n_rows) == 0
        assert capsys.readouterr().err == whole_drift
        assert (tmp_path / "parts.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert main(["predict", str(folder), str(data), "--trust", "--chunk-rows", "1000"]) == 0
    assert capsys.readouterr().out == (tmp_path / "whole.csv").read_text()


def test_predictions_of_a_file_are_those_of_the_table(folder, rows, tmp_path):
    from_table = runner.predict(folder, rows, trust=True)

    for name in ("new.csv", "new.parquet"):
        from_file = runner.predict(folder, write_rows(rows, tmp_path / name), trust=True)
        pd.testing.assert_frame_equal(from_file.table, from_table.table, check_exact=name == "new.parquet")
        assert [entry["column"] for entry in from_file.drift] == [entry["column"] for entry in from_table.drift]


def test_a_parquet_file_of_predictions_holds_all_chunks(folder, rows, tmp_path):
    data = write_rows(rows, tmp_path / "new.parquet")

    assert predict_file(folder, data, tmp_path / "out.parquet", "--chunk-rows", "1000") == 0

    found = pd.read_parquet(tmp_path / "out.parquet")
    pd.testing.assert_frame_equal(found, runner.predict(folder, rows, trust=True).table, check_dtype=False)


def test_codes_keep_their_leading_zeros_though_all_of_them_are_digits(folder, rows, tmp_path):
    digits = rows.head(5).assign(code="01")

    from_file = runner.predict(folder, write_rows(digits, tmp_path / "new.csv"), trust=True)

    assert not any(entry["column"] == "code" and entry["unseen"] for entry in from_file.drift)
    pd.testing.assert_frame_equal(from_file.table, runner.predict(folder, digits, trust=True).table)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("size", "large", "row 2501: column 'size' held numbers in training and now holds ['large']"),
        ("size", "inf", "row 2501: Input X contains infinity or a value too large"),
        ("day", "soon", "row 2501: column 'day' held dates in training"),
    ],
)
def test_a_row_that_the_model_cannot_read_is_named_and_nothing_is_written(
    column, value, message, folder, rows, tmp_path, capsys
):
    text = rows.astype(object)
    text.loc[2500, column] = value
    text.loc[2600, column] = value
    data = write_rows(text, tmp_path / "new.csv")
    (tmp_path / "out.csv").write_text("what was there before")

    assert predict_file(folder, data, tmp_path / "out.csv", "--chunk-rows", "1000") == 2

    assert f"{data}, {message}" in capsys.readouterr().err
    assert (tmp_path / "out.csv").read_text() == "what was there before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.csv", "out.csv"]


def test_a_file_that_is_broken_in_the_middle_is_named_with_the_rows_before(folder, rows, tmp_path, capsys):
    data = write_rows(rows, tmp_path / "new.csv")
    data.write_text(data.read_text() + "1,2,3,4,5,6,7\n")

    assert predict_file(folder, data, tmp_path / "out.csv", "--chunk-rows", "1000") == 2

    assert f"{data}: cannot be read after row 3000: " in capsys.readouterr().err
    assert not (tmp_path / "out.csv").exists()


def test_predictions_are_not_written_over_the_table_or_a_file_of_the_run(folder, rows, tmp_path, capsys):
    data = write_rows(rows.head(3), tmp_path / "new.csv")
    before = data.read_text()
    (tmp_path / "link.csv").symlink_to(data)
    own = [path for path in folder.iterdir() if path.is_file()]

    for output in (data, tmp_path / "link.csv"):
        assert predict_file(folder, data, output) == 2
        assert "is the table to predict; name another file" in capsys.readouterr().err
    for output in own:
        assert predict_file(folder, data, output) == 2
        assert "is a file of the run; name another file" in capsys.readouterr().err
    assert data.read_text() == before
    assert {path.name for path in own} >= {"config.yaml", "metadata.json", "model.joblib", "trials.csv"}
    for _ in range(2):  # a file of the user in that folder
        assert predict_file(folder, data, folder / "predicted.csv") == 0
    (folder / "predicted.csv").unlink()


def test_a_file_without_rows_is_refused(folder, rows, tmp_path):
    with pytest.raises(ConfigError, match=r"new\.csv: there are no rows in it"):
        runner.predict(folder, write_rows(rows.head(0), tmp_path / "new.csv"), trust=True)


def test_the_labels_of_a_blend_are_those_that_it_predicts():
    table, kind = make_rows(300, 0)
    selector = AutoModelSelector("classification", ["logistic", "naive_bayes"], n_trials=2, cv=2, random_state=0)
    model = selector.fit(table, kind).deployed_model()

    labels, probabilities = _predict_block(model, table)

    assert labels.tolist() == model.predict(table).tolist()
    np.testing.assert_array_equal(probabilities, model.predict_proba(table))


MEASURE = """
import sys
from pathlib import Path
from sklearn_autotune.__main__ import main

assert main(sys.argv[1:]) == 0
status = Path("/proc/self/status").read_text()  # resource.getrusage counts the process that started this one too
print(status.partition("VmHWM:")[2].split()[0])
"""
MAX_GROWTH = 15_000  # kB


def measure_peak(folder, data, chunk_rows):
    """Return the kB that predicting a file takes in a process of its own."""
    output = data.with_name(f"out{data.suffix}")
    command = ["predict", folder, data, "--trust", "--output", output, "--chunk-rows", chunk_rows]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *map(str, command)], check=True, capture_output=True, text=True
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@at_night
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_ten_times_as_large_takes_hardly_more_memory(suffix, folder, tmp_path):
    small, large = (write_rows(make_rows(n_rows, 2)[0], tmp_path / f"{n_rows}{suffix}") for n_rows in (15_000, 150_000))
    before = measure_peak(folder, small, 5000)

    assert measure_peak(folder, large, 5000) - before < MAX_GROWTH
    assert measure_peak(folder, large, 150_000) - before > MAX_GROWTH  # in a single chunk

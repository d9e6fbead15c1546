"""Files that are read in parts: each row is what it is in a table that is read whole."""

import hashlib
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from sklearn_autotune.tables._file_chunks import FileChunks, divide_rows, hash_rows, read_csv_names, read_parquet
from sklearn_autotune.tables._profile import align_to_profile, make_profile

TRAINING = pd.DataFrame(
    {
        "size": [1.5, np.nan, 3.0, 2.0],
        "count": [1, 2, 3, 4],
        "flag": [True, False, True, True],
        "empty": [None, None, None, None],
        "color": ["red", "blue", None, "red"],
        "code": ["01", "1", "10", "x"],
        "grade": pd.Categorical([1, 2, 3, 1]),
        "answer": pd.Categorical([True, False, True, True]),
        "day": pd.to_datetime(["2024-01-01", "2024-01-03", None, "2024-01-02"]),
    }
)
PROFILE = make_profile(TRAINING)

CELLS = {  # columns whose types would be inferred in another way from their parts
    "size": ["1", "2", "3.25", "", "12345678901234567891", "0.5"],
    "count": ["1", "2", "", "", "true", "7"],
    "flag": ["True", "False", "1", "0", "", "TRUE"],
    "empty": ["", "", "2.5", "1", "", ""],
    "color": ["", "", "red", "NA", "7", "blue"],
    "code": ["01", "1", "10.0", "x", "010", ""],
    "grade": ["1", "2.0", "", "3", "4", "word"],
    "answer": ["True", "False", "", "1", "yes", "False"],
    "day": ["2024-05-01", "", "2024-05-02 10:00:00", "", "", "2024-05-03"],
}


def read(path, n_rows):
    parts = [align_to_profile(part, PROFILE)[0] for part in FileChunks(path, PROFILE, n_rows)]
    return [len(part) for part in parts], pd.concat([part.astype(object) for part in parts])


def list_cells(table):
    """Return all cells, with one kind of missing values."""
    return [[None if pd.isna(cell) else cell for cell in row] for row in table.itertuples(index=False)]


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "new.csv"
    pd.DataFrame(CELLS).assign(more="?").to_csv(path, index=False)
    return path


def test_a_csv_file_is_read_as_what_its_columns_held_in_training(csv):
    found = read(csv, 100)[1]

    assert FileChunks(csv, PROFILE, 100).names == [*CELLS, "more"]
    assert list_cells(found[["size"]]) == [[1.0], [2.0], [3.25], [None], [12345678901234567891.0], [0.5]]
    assert list_cells(found[["count"]]) == [[1.0], [2.0], [None], [None], [1.0], [7.0]]
    assert list_cells(found[["flag"]]) == [[1.0], [0.0], [1.0], [0.0], [None], [1.0]]
    assert list_cells(found[["color"]]) == [[None], [None], ["red"], [None], ["7"], ["blue"]]
    assert list_cells(found[["code"]]) == [["01"], ["1"], ["10"], ["x"], ["010"], [None]]
    assert list_cells(found[["answer"]]) == [[True], [False], [None], ["1"], ["yes"], [False]]
    assert found["day"].iloc[2] == pd.Timestamp("2024-05-02 10:00:00")


@pytest.mark.parametrize("n_rows", [1, 2, 4])
def test_a_csv_file_is_the_same_in_any_division(n_rows, csv):
    sizes, found = read(csv, n_rows)

    assert sizes == [n_rows] * (6 // n_rows) + [6 % n_rows] * bool(6 % n_rows)
    assert list_cells(found) == list_cells(read(csv, 100)[1])
    assert found.index.tolist() == list(range(6))


@pytest.mark.parametrize("n_rows", [1, 2, 4])
def test_a_parquet_file_is_the_same_in_any_division(n_rows, tmp_path):
    table = pd.DataFrame(
        {
            "size": pd.array([1, 2**60 + 1, None, 3, 4, None], dtype="Int64"),
            "count": pd.array([1, 2, None, None, 3, 4], dtype="float32"),
            "flag": pd.array([True, None, False, True, None, None], dtype="boolean"),
            "empty": [None] * 6,
            "color": pd.Categorical(["red", None, "blue", "red", "pink", None]),
            "code": pd.array([10, 2**60 + 1, None, 1, None, 1], dtype="Int64"),
            "grade": pd.array([1.0, 2.0, None, None, 3.0, 9.0], dtype="float64"),
            "answer": pd.array([True, False, None, None, True, True], dtype="boolean"),
            "day": pd.to_datetime(["2024-01-01", None, None, None, "2024-01-02", "2025-01-01"]),
        },
        index=pd.Index(list("abcdef"), name="row"),
    )
    path = tmp_path / "new.parquet"
    table.to_parquet(path)
    assert FileChunks(path, PROFILE, 100).names == list(table.columns)

    found = read(path, n_rows)[1]

    assert list_cells(found) == list_cells(read(path, 100)[1])
    assert list_cells(found[["code"]]) == [["10"], [str(2**60 + 1)], [None], ["1"], [None], ["1"]]
    assert found.index.tolist() == list(range(6))


def test_cells_that_are_no_numbers_stay_as_they_are(tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("size\n1\nlarge\n1_000\n")

    (part,) = FileChunks(path, PROFILE, 100)

    assert part["size"].tolist() == [1.0, "large", "1_000"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("size,size\n1,2\n", "more than one column is called 'size'"),
        ("size,count\n1,2,3\n4,5,6\n", "its rows have more fields than the 2 columns"),
        ("size,count\n1,2\n4,5,6\n", "Expected 2 fields in line 3, saw 3"),
    ],
)
def test_a_file_that_is_no_table_is_refused(text, message, tmp_path):
    path = tmp_path / "new.csv"
    path.write_text(text)

    with pytest.raises(ValueError, match=message):
        list(FileChunks(path, PROFILE, 1))


def test_the_names_of_a_csv_file_are_read_without_its_rows(csv):
    assert read_csv_names(csv) == [*CELLS, "more"]


# -- whole tables ------------------------------------------------------------------------------------------------------


def make_table(n_rows=400):
    random = np.random.RandomState(0)
    words = random.choice(["red", "green", None], n_rows)
    days = pd.Series(pd.date_range("2024-01-01", periods=n_rows)).where(random.uniform(size=n_rows) > 0.2)
    return pd.DataFrame(
        {
            "float": np.where(random.uniform(size=n_rows) > 0.2, random.normal(size=n_rows), np.nan),
            "single": random.normal(size=n_rows).astype(np.float32),
            "whole": random.randint(0, 9, n_rows),
            "gappy": pd.array(np.where(words == "red", 1, None), dtype="Int64"),
            "flag": random.uniform(size=n_rows) > 0.5,
            "object": pd.Series(words, dtype=object),
            "str": pd.Series(words, dtype="str"),
            "string": pd.Series(words, dtype="string"),
            "kind": pd.Series(words, dtype="category"),
            "day": days,
            "zoned": days.dt.tz_localize("Europe/Berlin"),
            "mixed": pd.Series([index if index % 3 else None for index in range(n_rows)], dtype=object),
        }
    )


@pytest.mark.parametrize("n_columns", [1, 2, 5, 12])
@pytest.mark.parametrize("index", ["numbered", "named", "moved"])
def test_a_parquet_file_is_read_as_pandas_reads_it(tmp_path, n_columns, index):
    table = make_table().iloc[:, :n_columns]
    if index != "numbered":
        table.index = pd.Index(np.arange(len(table)) + 5, name="row" if index == "named" else None)
    table.to_parquet(tmp_path / "table.parquet", row_group_size=100)

    found = read_parquet(tmp_path / "table.parquet")

    pd.testing.assert_frame_equal(found, pd.read_parquet(tmp_path / "table.parquet"))


def test_a_file_that_is_none_cannot_be_read_as_parquet(tmp_path):
    (tmp_path / "table.parquet").write_bytes(b"a,b\n1,2\n")

    with pytest.raises(ValueError, match="Parquet"):
        read_parquet(tmp_path / "table.parquet")


MEASURE_MEMORY = """
import sys
from pathlib import Path
import pyarrow
from sklearn_autotune.tables._file_chunks import read_parquet

table = read_parquet(Path(sys.argv[1]))
print(pyarrow.default_memory_pool().max_memory() / table.memory_usage().sum())
"""


def test_reading_a_parquet_file_takes_little_memory_beside_the_table(tmp_path):
    table = pd.DataFrame(np.random.RandomState(0).normal(size=(200_000, 10)), columns=list("abcdefghij"))
    table.to_parquet(tmp_path / "table.parquet")

    command = [sys.executable, "-c", MEASURE_MEMORY, str(tmp_path / "table.parquet")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert float(done.stdout) < 1.5  # about 2 if all columns are decoded at once


@pytest.mark.parametrize("n_rows", [1, 400])
def test_divided_rows_are_those_of_the_table(n_rows):
    table = make_table()
    table.index += 3
    parts = [np.arange(n_rows), np.array([7, 3, 3]), np.empty(0, dtype=int)]
    expected = [table.iloc[rows] for rows in parts]

    for found, part in zip(divide_rows(table, parts), expected, strict=True):
        pd.testing.assert_frame_equal(found, part)


def test_many_columns_are_divided_too():
    table = pd.DataFrame(np.arange(500.0).reshape(2, 250))

    (found,) = divide_rows(table, [np.array([1])])

    assert found.to_numpy().tolist() == [list(np.arange(250.0, 500))]


def test_the_hash_of_a_table_is_that_of_all_rows_at_once(monkeypatch):
    table = make_table().drop(columns="mixed")
    monkeypatch.setattr("sklearn_autotune.tables._file_chunks.HASHED_ROWS", 7)
    found, expected = hashlib.sha256(), hashlib.sha256()

    hash_rows(table, found)

    expected.update(pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes())
    assert found.digest() == expected.digest()


def test_cells_with_lists_count_for_the_hash():
    found = []
    for last in ([1, 2], [1, 3], [1, 2]):
        found.append(hashlib.sha256())
        hash_rows(pd.DataFrame({"a": [1.0, 2.0], "pairs": [[0, 0], last]}), found[-1])

    assert found[0].digest() == found[2].digest() != found[1].digest()


def test_columns_without_a_name_have_the_names_that_pandas_gives_them(tmp_path):
    pd.DataFrame({"a": [1], "": [2]}).to_csv(tmp_path / "table.csv")

    assert read_csv_names(tmp_path / "table.csv") == list(pd.read_csv(tmp_path / "table.csv").columns)
    assert read_csv_names(tmp_path / "table.csv") == ["Unnamed: 0", "a", "Unnamed: 2"]

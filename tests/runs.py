"""A table, configurations beside it, and a run of one: what the tests of the runner and of its commands share."""

import json
import sys

import numpy as np
import pandas as pd
import pytest

from sklearn_autotune import runner
from sklearn_autotune.runner._config import read_config
from sklearn_autotune.runner._data import read_run_data

NO_REPORT = "output: {report: false}\n"  # figures take longer than such searches
SHORT = "model_type: logistic\nn_trials: 2\ncv: 2\n"
QUICK = SHORT + NO_REPORT


@pytest.fixture(scope="session")
def table():
    random = np.random.RandomState(0)
    n_rows = 160
    frame = pd.DataFrame(
        {
            "size": random.normal(size=n_rows).round(4),
            "city": random.choice(["Bern", "Paris", "Rome"], n_rows),
            "code": random.choice(["10", "20"], n_rows),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(random.randint(0, 90, n_rows), "D"),
            "shop": random.randint(0, 12, n_rows),
            "street": random.choice([f"street {number}" for number in range(21)], n_rows),
        }
    )
    frame.loc[::11, "size"] = np.nan
    is_good = (frame["city"] == "Rome") | (frame["size"] > 0.6)
    return frame.assign(kind=np.where(is_good, "good", "bad"), price=frame["size"].fillna(0) * 2 + is_good)


@pytest.fixture
def write(table, tmp_path):
    """Writes a configuration beside its table, and returns its path."""
    table.to_parquet(tmp_path / "data.parquet")
    table.to_csv(tmp_path / "data.csv", index=False)

    def config(text, name="config.yaml", target="kind", drop="[price, day]", data="data.parquet"):
        path = tmp_path / name
        path.write_text(f"data: {data}\ntarget: {target}\ndrop: {drop}\n{text}")
        return path

    return config


@pytest.fixture(scope="session")
def finished(table, tmp_path_factory):
    """A run's folder, and the folder of its configuration."""
    folder = tmp_path_factory.mktemp("finished")
    table.to_parquet(folder / "data.parquet")
    path = folder / "config.yaml"
    path.write_text(f"data: data.parquet\ntarget: kind\ndrop: [price]\n{SHORT}")
    return runner.run(path, folder=folder / "run"), path


@pytest.fixture
def copied(finished, tmp_path, table):
    """A run's folder and its data, to be tampered with."""
    folder, _ = finished
    table.to_parquet(tmp_path / "data.parquet")
    target = tmp_path / "run"
    target.mkdir()
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    return target


def hide(monkeypatch, package):
    """See to it that the package cannot be imported, as if it were not installed."""
    for name in list(sys.modules):
        if name.partition(".")[0] == package:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)


def load_metadata(folder):
    return json.loads((folder / "metadata.json").read_text())


def parts_of(path):
    return read_run_data(read_config(path), path.parent)

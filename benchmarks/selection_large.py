"""Large tables for `benchmarks.selection`: 200,000 to 2,000,000 rows, real ones and made ones with known noise."""

from typing import Any

import numpy as np
import pandas as pd

from benchmarks.selection_slices import Slice, cut, rows_of

__all__ = ["LARGE_GROUPS", "LARGE_TABLES"]

# Columns from which the delay on arrival follows, or which say the same as others.
KNOWN_LATER = ("year", "dep_time", "dep_delay", "arr_time", "time_hour", "hour", "minute")


def arrivals() -> Any:
    """Return flights, and how many minutes late they arrived, from what is known before they leave."""
    data = rows_of("nycflights13", "flights", drop=KNOWN_LATER).astype({"flight": str})
    return cut(data, "arr_delay")


def births_by_state() -> Any:
    return cut(rows_of("mosaicData", "Birthdays", drop=("date",)), "births")


def grades() -> Any:
    return cut(rows_of("openintro", "military", drop=("rank",)), "grade")


def bribes() -> Any:
    return cut(rows_of("stevedata", "wvs_justifbribe", drop=("s003", "uid")), "f117")


def waves() -> Any:
    """Return smooth functions of five columns of thirty; the best possible RMSE is 1."""
    random = np.random.default_rng(0)
    table = random.normal(size=(1_500_000, 30))
    signal = 2 * np.sin(2 * table[:, 0]) + table[:, 1] * table[:, 2] + np.abs(table[:, 3]) + 0.5 * table[:, 4]
    return name_columns(table), signal + random.normal(size=len(table)), None


def steps() -> Any:
    """Return sums of steps, each in two of fifty columns; the best possible RMSE is 1."""
    random = np.random.default_rng(1)
    table = random.normal(size=(400_000, 50))
    signal = np.zeros(len(table))
    for first, second in random.integers(0, 50, size=(60, 2)):
        limits = random.normal(size=2)
        signal += random.normal(scale=0.7) * ((table[:, first] > limits[0]) & (table[:, second] > limits[1]))
    return name_columns(table), signal + random.normal(size=len(table)), None


def shops() -> Any:
    """Return sales of two classes, with a column of 2,000 shops, one of 40 kinds, and gaps."""
    random = np.random.default_rng(2)
    n_rows = 600_000
    shop, kind = random.zipf(1.3, size=n_rows) % 2000, random.integers(0, 40, size=n_rows)
    numbers = random.normal(size=(n_rows, 10))
    of_shop, of_kind = random.normal(size=2000), random.normal(size=(40, 3))
    signal = of_shop[shop] + (of_kind[kind] * numbers[:, :3]).sum(axis=1) + numbers[:, 3] * (numbers[:, 4] > 0)
    y = (random.random(n_rows) < 1 / (1 + np.exp(1.5 - signal))).astype(int)
    numbers[random.random(numbers.shape) < 0.05] = np.nan
    frame = name_columns(numbers)
    frame["shop"], frame["kind"] = (pd.Series(codes).map("{} x".format) for codes in (shop, kind))
    return frame, y, None


def rare() -> Any:
    """Return two classes, about 1 % of the rows in one of them, of which ten columns tell something."""
    random = np.random.default_rng(3)
    table = random.normal(size=(2_000_000, 12))
    signal = (
        np.tanh(table[:, 0] * table[:, 1])
        + 0.8 * table[:, 2]
        + np.cos(2 * table[:, 3])
        + 0.3 * table[:, 4:10].sum(axis=1)
    )
    return name_columns(table), (random.random(len(table)) < 1 / (1 + np.exp(5.5 - signal))).astype(int), None


def name_columns(table: np.ndarray) -> Any:
    return pd.DataFrame(table, columns=[f"number {place}" for place in range(table.shape[1])])


LARGE_TABLES = {
    "arrivals": Slice(arrivals, is_regression=True),
    "births by state": Slice(births_by_state, is_regression=True),
    "grades": Slice(grades),
    "bribes": Slice(bribes, is_regression=True),
    "made waves": Slice(waves, is_regression=True),
    "made steps": Slice(steps, is_regression=True),
    "made shops": Slice(shops),
    "made rare cases": Slice(rare),
}
names = tuple(LARGE_TABLES)
LARGE_GROUPS = {
    "Real tables of more than 200,000 training rows": names[:4],
    "Made tables of 280,000 to 1,400,000 training rows": names[4:],
}

#!/bin/sh
# feature-engine's CyclicalFeatures gives hour 23 and hour 0 the same values, and Sunday (6) those of Monday (0).
#
# Versions: feature-engine 1.9.4 with pandas 3.1.1.
# Expected: hours 0 to 23 are 24 different points on the circle, as 24 hours are its length.
# Found: the length of the circle is the largest value of the column, 23, so that 23 falls on 0. Hours that are counted
# from 1, and months, are right. In cross-validation the length is that of the training rows.
# Why it matters: the transformer is made for hours and weekdays, and the last one and the first one, such as a closed Sunday
# and a Monday, cannot be told apart by any model behind it. Nothing warns.
# Source: fit stores X[variables].max(), and transform divides by it. max_values={"hour": 24, "weekday": 7} is right.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet feature-engine==1.9.4 pandas==3.1.1 scikit-learn==1.9.1 numpy==2.4.6

cat > "$folder/check.py" <<'END'
import sys

import numpy as np
import pandas as pd
from feature_engine.creation import CyclicalFeatures
from sklearn.tree import DecisionTreeRegressor

rows = 24 * 7 * 10
table = pd.DataFrame({"hour": np.arange(rows) % 24, "weekday": np.arange(rows) // 24 % 7})

by_largest = CyclicalFeatures().fit_transform(table)
by_length = CyclicalFeatures(max_values={"hour": 24, "weekday": 7}).fit_transform(table)


def distance(made, column, first, second):
    points = [
        made.loc[table[column] == value, [f"{column}_sin", f"{column}_cos"]].iloc[0] for value in (first, second)
    ]
    return float(np.hypot(*(points[0] - points[1])))


hours, days = distance(by_largest, "hour", 0, 23), distance(by_largest, "weekday", 0, 6)
print(f"distance of 23:00 from 0:00 {hours:.3f}, of Sunday from Monday {days:.3f}")
print(f"with max_values {distance(by_length, 'hour', 0, 23):.3f} and {distance(by_length, 'weekday', 0, 6):.3f}")

sales = np.where(table["weekday"] == 6, 0.0, 100.0)  # closed on Sundays
scores = []
for made in (by_largest, by_length):
    circle = made.drop(columns=["hour", "weekday"]).round(9)
    scores.append(DecisionTreeRegressor(random_state=0).fit(circle, sales).score(circle, sales))
print(f"r2 of a tree for a shop that is closed on Sundays: {scores[0]:.2f}, with max_values {scores[1]:.2f}")

if not (hours < 1e-9 and days < 1e-9 and scores[0] < 0.7 and scores[1] > 0.99):
    sys.exit("changed: the ends of the circle are different points")
END
cd "$folder"
"$folder/venv/bin/python" check.py

#!/bin/sh
# scikit-learn takes a frame of `narwhals.stable.v2` as a frame, and a frame of `narwhals` as something unknown.
#
# Versions: scikit-learn 1.9.1 with narwhals 2.29.0, pandas 3.1.1 and polars 2.1.0.
# Expected: scikit-learn 1.9 requires narwhals and indexes frames through it, so a frame made by `narwhals.from_native` is
# split and its column names are read, or it is refused in words.
# Found: a frame of `narwhals.stable.v2` works everywhere. A frame of `narwhals` fits a model without its column names, so
# that columns in another order are taken silently, and `train_test_split` and `cross_val_score` end in an error about
# Ellipsis. Output, where "reordered" is the accuracy on the same rows with reversed columns:
# stable.v2 of pandas: reordered ValueError: The feature names should match those that were passed during fit.; split works
# stable.v2 of polars: reordered ValueError: The feature names should match those that were passed during fit.; split works
# main of pandas: reordered 0.327; split AssertionError: Expected code to be unreachable, but got: Ellipsis.
# main of polars: reordered 0.327; split TypeError: cannot select columns using key of type 'ellipsis': Ellipsis
# Why it matters: both frames print the same. An accuracy of 0.97 becomes 0.33 without a warning where a pandas frame, and a
# frame of `narwhals.stable.v2`, raise an error. The message of the split sends its reader to the bug tracker of narwhals.
# `frame.to_native()` before the call helps.
# Source: sklearn/utils/_indexing.py and validation.py ask `is_into_dataframe` of `narwhals.stable.v2`, which knows frames of
# its own version only; what it does not know and what has a shape is indexed as an array, `X[key, ...]`.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet scikit-learn==1.9.1 narwhals==2.29.0 pandas==3.1.1 polars==2.1.0

cat > "$folder/check.py" <<'END'
import sys

import narwhals as main
import narwhals.stable.v2 as stable
import polars
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score, train_test_split

X, y = load_iris(return_X_y=True, as_frame=True)
y = y.to_numpy()
natives = {"pandas": X, "polars": polars.DataFrame({name: X[name].to_numpy() for name in X})}


def fit_and_reorder(api, native):
    model = LogisticRegression(max_iter=1000).fit(api.from_native(native), y)
    return round(float(model.score(api.from_native(native[list(X)[::-1]]), y)), 3)


def split(api, native):
    train_test_split(api.from_native(native), y)
    cross_val_score(LogisticRegression(max_iter=1000), api.from_native(native), y, error_score="raise")
    return "works"


def attempt(action, *args):
    try:
        return action(*args)
    except (AssertionError, TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}".splitlines()[0]


found = {}
for kind, api in {"stable.v2": stable, "main": main}.items():
    for name, native in natives.items():
        found[kind, name] = score, outcome = attempt(fit_and_reorder, api, native), attempt(split, api, native)
        print(f"{kind} of {name}: reordered {score}; split {outcome}")

known = all("names should match" in str(found["stable.v2", name][0]) for name in natives)
works = all(found["stable.v2", name][1] == "works" for name in natives)
unknown = all(isinstance(found["main", name][0], float) and "llipsis" in found["main", name][1] for name in natives)
if not (known and works and unknown):
    sys.exit("changed: scikit-learn treats the two kinds of narwhals frames otherwise")
END
cd "$folder"
"$folder/venv/bin/python" check.py

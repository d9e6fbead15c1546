#!/bin/sh
# SMOTE cuts its new rows to whole numbers when the column is of an integer type, always towards zero.
#
# Versions: imbalanced-learn 0.14.2 with scikit-learn 1.9.1.
# Expected: new points between two old ones, so fractions, or numbers rounded to the nearest.
# Found: the result keeps the integer type and the fractions are cut off. 0/1 columns with 31 % ones in the
# minority class get 19 % ones in the new rows. The same numbers as floats have a mean of 0.29 there.
# Why it matters: whether a flag is stored as int or float moves the new rows, and with them every score of
# a tuned pipeline that oversamples.
# Source: `X_new.astype(X.dtype)` in imblearn/over_sampling/_smote/base.py, and for data frames
# `ret.astype(props["dtypes"])` in imblearn/utils/_validation.py.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet imbalanced-learn==0.14.2 scikit-learn==1.9.1 numpy==2.4.6 pandas==3.1.1

cat > "$folder/check.py" <<'END'
import sys

import numpy as np
import pandas as pd
from imblearn.over_sampling import SMOTE

random = np.random.RandomState(0)
y = (np.arange(400) < 80).astype(int)
flags = (random.rand(400, 12) < 0.3).astype(int)


def new_rows(X):
    resampled, _ = SMOTE(random_state=0).fit_resample(X, y)
    return np.asarray(resampled)[len(y) :]


old = flags[y == 1].mean()
floats = new_rows(flags.astype(float))
integers = new_rows(flags)
frame = new_rows(pd.DataFrame(flags))
print(f"mean in the minority class {old:.2f}; new rows: as float {floats.mean():.2f}, as int {integers.mean():.2f}")

cut = all((whole == np.trunc(parts)).all() for whole, parts in ((integers, floats), (frame, floats)))
negative = (new_rows(-flags) == np.trunc(new_rows(-flags.astype(float)))).all()
if not (cut and negative and abs(floats.mean() - old) < 0.05 and integers.mean() < 0.8 * floats.mean()):
    sys.exit("changed: SMOTE treats integer columns in another way")
END
cd "$folder"
"$folder/venv/bin/python" check.py

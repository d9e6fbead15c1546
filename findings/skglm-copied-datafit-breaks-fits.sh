#!/bin/sh
# A copy of a skglm datafit, which is what a search or `clone` makes, breaks every later fit with that kind of datafit.
#
# Versions: skglm 0.5 with scikit-learn 1.9.1 and numba 0.68.0, the newest of today.
# Expected: `copy.deepcopy(Quadratic())` leaves other estimators alone; `Lasso` makes a datafit of its own.
# Found: after the copy, `Lasso(0.1).fit(X, y)` raises `TypeError: class members are not yet supported: __slotnames__` for
# the rest of the process. Before it, the same fit works.
# Why it matters: the cause and the error are far apart. A search over `penalty` or `datafit` objects copies them, and then
# an unrelated Lasso fails.
# Source: `copy` and `pickle` of an object without `__reduce__` call copyreg, which caches the attribute `__slotnames__` on
# its class (Lib/copyreg.py, _slotnames). skglm compiles the class with numba's `jitclass` at the first fit, and jitclass
# refuses classes with an attribute that is neither a method nor a property.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet skglm==0.5 scikit-learn==1.9.1 numba==0.68.0

cat > "$folder/check.py" <<'END'
import copy
import sys

from sklearn.datasets import load_diabetes
from skglm import Lasso
from skglm.datafits import Quadratic

X, y = load_diabetes(return_X_y=True)
if "copy" in sys.argv:
    copy.deepcopy(Quadratic())
try:
    Lasso(0.1).fit(X, y)
    print("fitted")
except TypeError as error:
    print("TypeError:", error)
END
cd "$folder"
plain=$("$folder/venv/bin/python" -W ignore check.py)
copied=$("$folder/venv/bin/python" -W ignore check.py copy)
echo "without a copy before: $plain"
echo "with a copy before: $copied"
[ "$plain" = "fitted" ] && [ "$copied" = "TypeError: class members are not yet supported: __slotnames__" ] ||
    { echo "changed: a copied datafit leaves later fits alone" >&2; exit 1; }

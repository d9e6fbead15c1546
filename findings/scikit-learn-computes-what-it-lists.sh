#!/bin/sh
# In scikit-learn 1.9, listing the attributes of a model computes its properties: dir(model), name completion, display.
#
# Version: scikit-learn 1.9.1.
# Expected: dir(model) returns names. A property that takes long, such as feature_importances_ of a large forest, is
# computed when somebody reads it.
# Found: `dir` reads every attribute once, to leave out those that raise AttributeError. Displaying a fitted model in a
# notebook reads each of them twice, for the table of fitted attributes, whether or not the table is opened. Output:
# {'fit': 0, 'dir': 1, 'repr': 0, 'notebook': 2}
# Why it matters: a class with a property that takes a minute blocks a notebook for a minute when a name is completed, and
# for longer each time a cell ends with the model. A property that warns or writes does so without being asked for.
# Source: `BaseEstimator.__dir__` and `_get_fitted_attr_html` in sklearn/base.py.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet scikit-learn==1.9.1 numpy==2.4.6

cat > "$folder/check.py" <<'END'
import sys

from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

reads = []


class CountingForest(RandomForestClassifier):
    """A forest that counts how often its importances are computed."""

    @property
    def feature_importances_(self):
        reads.append("computed")
        return super().feature_importances_


model = CountingForest(n_estimators=5, random_state=0).fit(*load_iris(return_X_y=True))
found = {"fit": len(reads)}
for name, action in {"dir": lambda: dir(model), "repr": lambda: repr(model), "notebook": model._repr_html_}.items():
    reads.clear()
    action()
    found[name] = len(reads)
print(found)

if found["fit"] or found["repr"] or not found["dir"] or found["notebook"] <= found["dir"]:
    sys.exit("changed: listing attributes computes properties in another way")
END
cd "$folder"
"$folder/venv/bin/python" check.py

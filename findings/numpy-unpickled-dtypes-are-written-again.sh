#!/bin/sh
# A model that was fitted on data that have been pickled, as in a worker process, has a larger pickle than the same model.
#
# Version: NumPy 2.4.6, scikit-learn 1.9.1.
# Expected: the same tree, fitted on equal arrays, has a pickle of the same length, so that the size of a model does not
# depend on the process in which it was fitted.
# Found: the data type of an array that was unpickled is equal to NumPy's own, but another object. A model keeps it, and
# a pickle writes each object once: the data type is in it a second time. Output:
# {'same tree': True, 'equal types': True, 'one object': False, 'bytes here': 1574, 'bytes after pickling': 1608}
# Why it matters: joblib and Dask pickle the data for their workers. The size of a model by the length of its pickle then
# differs with n_jobs, and so does everything that is chosen by it. A digest of the pickle differs too.
# Source: a data type is pickled as the call `numpy.dtype('i8', False, True)`, whose last argument asks for a copy
# (pickletools.dis shows it).
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet scikit-learn==1.9.1 numpy==2.4.6

cat > "$folder/check.py" <<'END'
import pickle
import sys

import numpy as np
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

X, y = load_iris(return_X_y=True)
sent_X, sent_y = pickle.loads(pickle.dumps((X, y)))
here, there = (DecisionTreeClassifier(max_depth=2, random_state=0).fit(*data) for data in ((X, y), (sent_X, sent_y)))
sizes = [len(pickle.dumps(model, protocol=5)) for model in (here, there)]
found = {
    "same tree": bool(np.array_equal(here.tree_.threshold, there.tree_.threshold)),
    "equal types": sent_y.dtype == y.dtype,
    "one object": sent_y.dtype is y.dtype,
    "bytes here": sizes[0],
    "bytes after pickling": sizes[1],
}
print(found)

if not found["same tree"] or not found["equal types"] or found["one object"] or not sizes[0] < sizes[1]:
    sys.exit("changed: unpickled data types no longer make the pickle of a model larger")
END
cd "$folder"
"$folder/venv/bin/python" check.py

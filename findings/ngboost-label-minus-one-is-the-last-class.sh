#!/bin/sh
# NGBClassifier takes the label -1 for the last class: with labels -1 and 1 all rows are of one class, without an error.
#
# Versions: ngboost 0.5.11 with scikit-learn 1.9.1.
# Expected: labels -1 and 1 are two classes, or are refused. Labels 1 and 2, and strings, are refused with an IndexError.
# Found: the fit works, and predict returns 1 for all rows, with probabilities close to 1. The same rows with the labels 0 and
# 1 give an accuracy of more than 0.9.
# Why it matters: -1 and 1 are the labels of many data sets (LIBSVM, OpenML) and of scikit-learn's outlier detectors, and
# scikit-learn's own classifiers take them. A search measures candidates that all predict one class.
# Source: the score reads the probability of a row with its label as the index, and -1 is NumPy's last one.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet ngboost==0.5.11 scikit-learn==1.9.1 numpy==2.4.6

cat > "$folder/check.py" <<'END'
import sys

import numpy as np
from ngboost import NGBClassifier
from sklearn.metrics import accuracy_score

random = np.random.RandomState(0)
X = random.normal(size=(300, 3))
is_positive = X[:, 0] > 0

accuracies = {}
for labels in ((0, 1), (-1, 1)):
    y = np.array(labels)[is_positive.astype(int)]
    model = NGBClassifier(n_estimators=100, learning_rate=0.1, random_state=0, verbose=False).fit(X, y)
    predicted = model.predict(X)
    accuracies[labels] = accuracy_score(y, predicted)
    smallest = model.predict_proba(X)[:, 1].min()
    print(f"labels {labels}: predicts {np.unique(predicted).tolist()}, accuracy {accuracies[labels]:.2f}, "
          f"smallest probability of the second class {smallest:.3f}")

if not (accuracies[0, 1] > 0.9 and accuracies[-1, 1] < 0.6 and np.unique(predicted).tolist() == [1]):
    sys.exit("changed: the label -1 is a class of its own, or is refused")
END
cd "$folder"
"$folder/venv/bin/python" check.py

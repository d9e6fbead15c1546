#!/bin/sh
# VotingClassifier, StackingClassifier and BaggingClassifier apply the class_weight of an inner model to other labels.
#
# Versions: scikit-learn 1.9.1.
# Expected: a LogisticRegression(class_weight={1: 50}) favours the label 1, alone and inside an ensemble.
# Found: with the labels 1 and 2 the ensemble fits its members on 0 and 1. The weight of label 1 goes to
# label 2 (encoded as 1), without a warning. With the labels "no" and "yes" the same model raises a ValueError.
# Why it matters: a class_weight that was tuned for a model alone works on another class once the tuned
# model becomes a member of an ensemble.
# Source: `fit` of the ensembles encodes y before it fits the members (sklearn/ensemble/_voting.py,
# _stacking.py and _bagging.py). The docstring of VotingClassifier says that the members are fitted on
# encoded labels. It does not name class_weight.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1

cat > "$folder/check.py" <<'END'
import sys

import numpy as np
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression

random = np.random.RandomState(0)
X = random.normal(size=(300, 2))
y = np.where(X[:, 0] + random.normal(size=300) > 0, 2, 1)


def share_of_label_1(model):
    return float((model.fit(X, y).predict(X) == 1).mean())


weighted = LogisticRegression(class_weight={1: 50})
alone = share_of_label_1(weighted)
voting = share_of_label_1(VotingClassifier([("member", weighted)]))
bagging = share_of_label_1(BaggingClassifier(weighted, random_state=0))
stacking = StackingClassifier([("member", weighted)]).fit(X, y)
member = float((stacking.named_estimators_["member"].predict(X) == 0).mean())
print(f"rows given to label 1: alone {alone:.2f}, voting {voting:.2f}, bagging {bagging:.2f}, in stacking {member:.2f}")

named = LogisticRegression(class_weight={"no": 1, "yes": 5})
names = np.where(y == 2, "yes", "no")
named.fit(X, names)
try:
    VotingClassifier([("member", named)]).fit(X, names)
    message = "no error"
except ValueError as error:
    message = str(error)
print(f"names as labels, voting: {message}")

if not (alone > 0.9 and max(voting, bagging, member) < 0.1 and "not in class_weight" in message):
    sys.exit("changed: the ensembles treat class_weight in another way")
END
cd "$folder"
"$folder/venv/bin/python" check.py

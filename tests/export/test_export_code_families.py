"""The scripts of all families of models predict what the search predicts."""

import numpy as np
import pytest
from sklearn.datasets import make_classification, make_regression

from sklearn_autotune import AutoModelSelector
from sklearn_autotune._compat.sklearn import limit_to_one_thread
from sklearn_autotune.export import export_code
from sklearn_autotune.families import FAMILIES, get_exclusion_reason

X, Y = make_classification(120, 6, n_informative=3, flip_y=0.1, random_state=1)
X_VALUES, VALUES = make_regression(120, 6, noise=5, random_state=1)
DATA = {"classification": (X, np.array(["no", "yes"])[Y]), "regression": (X_VALUES, VALUES)}
FAMILIES_OF_TASK = {
    task: [family for family in FAMILIES if family.make is not None and get_exclusion_reason(family, task) is None]
    for task in DATA
}
# All families, and those with early stopping for both tasks.
PAIRS = [("classification", family) for family in FAMILIES_OF_TASK["classification"]] + [
    ("regression", family)
    for family in FAMILIES_OF_TASK["regression"]
    if family.rounds is not None or "classification" not in family.tasks
]


def name(value):
    return value if isinstance(value, str) else value.name


@pytest.mark.few_by_day(8)
@pytest.mark.parametrize(("task", "family"), PAIRS, ids=name)
def test_the_script_of_a_selector_predicts_the_same(task, family):
    X, y = DATA[task]
    selector = AutoModelSelector(task, [family], n_trials=1, cv=2, random_state=0).fit(X, y)

    with limit_to_one_thread():
        export_code(selector, check=(X, y))

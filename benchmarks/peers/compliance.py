"""How one search or AutoML class behaves as a scikit-learn estimator, in an environment that has it.

``python compliance.py METHOD`` prints one line of JSON. From this repository it needs only ``searches.py``, except if
the method is ours.
"""

import json
import os
import pickle
import sys
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import sklearn
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import check_estimator

C = loguniform(1e-3, 1e2)


def model():
    return LogisticRegression(max_iter=50)


def peer(name, n_candidates=3, **params):
    """Return what makes that search, small, given ``n_jobs``."""

    def make(n_jobs):
        from benchmarks.peers.searches import SEARCHES

        return SEARCHES[name](model(), {"C": C}, n_candidates, 0, cv=2, n_jobs=n_jobs, **params)

    return make


def ours_selector(n_jobs):
    from sklearn_autotune import AutoModelSelector

    families = ["logistic", "naive_bayes"]
    return AutoModelSelector(families=families, n_trials=3, n_jobs=n_jobs, random_state=0)


def ours_xgboost(n_jobs):
    from sklearn_autotune import TunedXGBClassifier

    return TunedXGBClassifier(n_trials=2, n_estimators=20, n_jobs=n_jobs, random_state=0)


def flaml(n_jobs):
    from flaml import AutoML

    return AutoML(
        task="classification",
        time_budget=1,
        max_iter=2,
        n_jobs=n_jobs,
        seed=0,
        verbose=0,
        estimator_list=["lgbm"],
        log_file_name="",
    )


def tpot(n_jobs):
    from tpot import TPOTClassifier

    return TPOTClassifier(cv=2, max_time_mins=0.05, n_jobs=n_jobs, random_state=0, verbose=0)


METHODS = {
    "GridSearchCV": (peer("GridSearchCV"), "scikit-learn"),
    "RandomizedSearchCV": (peer("RandomizedSearchCV"), "scikit-learn"),
    "HalvingRandomSearchCV": (peer("HalvingRandomSearchCV", "exhaust"), "scikit-learn"),
    "OptunaSearchCV": (peer("OptunaSearchCV"), "sklearn-autotune"),
    "AutoModelSelector": (ours_selector, "sklearn-autotune"),
    "TunedXGBClassifier": (ours_xgboost, "sklearn-autotune"),
    "optuna-integration's OptunaSearchCV": (peer("optuna-integration"), "optuna-integration"),
    "BayesSearchCV": (peer("BayesSearchCV"), "scikit-optimize"),
    "GASearchCV": (peer("GASearchCV", population_size=3), "sklearn-genetic-opt"),
    "FLAML's AutoML": (flaml, "flaml"),
    "TPOTClassifier": (tpot, "tpot"),
}
# A fit of theirs takes seconds at least, and the checks fit some hundred times.
UNCHECKED = ("TPOTClassifier",)


def checks(estimator):
    """Run scikit-learn's checks; return how many passed and failed."""
    try:
        done = check_estimator(estimator, on_fail=None, on_skip=None)
    except Exception as error:  # before the first check
        return {"passed": "", "failed": "", "failed_names": [f"none could be run: {type(error).__name__}: {error}"]}
    statuses = [check["status"] for check in done]
    names = sorted({check["check_name"] for check in done if check["status"] == "failed"})
    return {"passed": statuses.count("passed"), "failed": statuses.count("failed"), "failed_names": names}


def attempt(call):
    """Say "yes" or "no", or what was raised."""
    try:
        return "yes" if call() else "no"
    except Exception as error:
        return type(error).__name__


def main():
    name = sys.argv[1]
    make, package = METHODS[name]
    warnings.simplefilter("ignore")
    X, y = load_breast_cancer(return_X_y=True)
    X = (X[:200] - X.mean(axis=0)) / X.std(axis=0)
    y = np.where(y[:200] == 1, "benign", "malignant")

    def keeps_global_state():
        np.random.seed(0)
        before = np.random.get_state()[1].copy()
        make(1).fit(X, y)
        return (np.random.get_state()[1] == before).all()

    def is_same_for_any_n_jobs():
        one, two = (np.asarray(make(n_jobs).fit(X, y).predict_proba(X)) for n_jobs in (1, 2))
        return np.array_equal(one, two)

    def can_be_cloned():
        fitted = make(1).fit(X, y)
        again = clone(fitted)
        return not [key for key in vars(again) if key.endswith("_") and not key.startswith("_")]

    row = {
        "method": name,
        "version": f"{package} {installed(package)}",
        "scikit-learn": sklearn.__version__,
        "clone": attempt(can_be_cloned),
        "pickle": attempt(
            lambda: (pickle.loads(pickle.dumps(make(1).fit(X, y))).predict(X) == make(1).fit(X, y).predict(X)).all()
        ),
        "nested cross-validation": attempt(
            lambda: np.isfinite(cross_val_score(make(1), X, y, cv=2, error_score="raise")).all()
        ),
        "same for n_jobs 1 and 2": attempt(is_same_for_any_n_jobs),
        "leaves NumPy's global state": attempt(keeps_global_state),
    }
    row |= {"passed": "", "failed": "", "failed_names": []} if name in UNCHECKED else checks(make(1))
    print(json.dumps(row), flush=True)


def installed(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return "(this checkout)"


if __name__ == "__main__":
    sys.path.insert(0, os.environ.get("REPOSITORY", str(Path(__file__).parents[2])))
    main()

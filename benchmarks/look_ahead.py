"""How looking ahead changes the result of the sampler: the best score found for several values of ``look_ahead``.

``python -m benchmarks.look_ahead``: the default sampler searches with fast models on real tables. Each seed gives one
pair with ``look_ahead=1``. t is the mean difference in standard errors; below -2, a value is measurably worse.
"""

import argparse

import numpy as np
from scipy.stats import loguniform, randint, uniform
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeRegressor

from benchmarks._measure import RESULTS, environment, markdown_table, t_of
from sklearn_autotune import OptunaSearchCV

TREE = {
    "max_depth": randint(1, 20),
    "min_samples_leaf": randint(1, 60),
    "max_features": uniform(0.1, 0.9),
    "min_samples_split": randint(2, 60),
}


def problems():
    """Yield name, estimator, space, X, y and scoring."""
    X, y = load_breast_cancer(return_X_y=True)
    wide = loguniform(1e-6, 10)
    svc = make_pipeline(StandardScaler(), SVC())
    yield "SVC, 2 parameters", svc, {"svc__C": loguniform(1e-3, 1e3), "svc__gamma": wide}, X[:300], y[:300], "roc_auc"
    X, y = load_diabetes(return_X_y=True)
    svr = make_pipeline(StandardScaler(), SVR())
    space = {"svr__C": loguniform(1e-3, 1e4), "svr__gamma": wide, "svr__epsilon": loguniform(1e-3, 100)}
    yield "SVR, 3 parameters", svr, space, X, y, "r2"
    tree = DecisionTreeRegressor(random_state=0)
    yield "tree, 5 parameters", tree, TREE | {"ccp_alpha": loguniform(1e-3, 1e3)}, X, y, "r2"
    forest = ExtraTreesRegressor(n_estimators=10, random_state=0)
    yield "extra trees, 4 parameters", forest, TREE, X, y, "r2"


def best_scores(problem, n_trials, look_ahead, n_seeds):
    """Return the best score of each seed."""
    _, estimator, space, X, y, scoring = problem
    fixed = {"n_trials": n_trials, "look_ahead": look_ahead, "scoring": scoring, "refit": False, "pruner": None}
    return np.array(
        [OptunaSearchCV(estimator, space, random_state=seed, **fixed).fit(X, y).best_score_ for seed in range(n_seeds)]
    )


def compare(values, base):
    """Return the mean as text, with its difference to ``look_ahead=1``."""
    return f"{values.mean():.4f} (t {t_of(values - base):+.1f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    quick = parser.parse_args().quick
    n_seeds, sizes, ahead = (2, (6,), (1, 4)) if quick else (12, (50, 100), (1, 4, 8, 16))
    lines = []
    for n_trials in sizes:
        for problem in problems():
            found = [best_scores(problem, n_trials, look_ahead, n_seeds) for look_ahead in ahead]
            lines.append([problem[0], n_trials, *(compare(values, found[0]) for values in found)])
    table = markdown_table(["problem", "candidates", *(f"look_ahead={n}" for n in ahead)], lines)
    text = f"# Looking ahead\n\n{environment()}\n\nMean best CV score of {n_seeds} seeds.\n\n{table}\n"
    print(text)
    if not quick:
        (RESULTS / "look_ahead.md").write_text(text)


if __name__ == "__main__":
    main()

"""The score that searches report if the labels are noise, so that no model can be better than chance.

``python -m benchmarks.honesty``: the data are 300 rows of normal noise, and labels that are independent of them, half
of them positive, or only 8. On new rows, the area under the ROC curve of any model is 0.5. The table shows what each
search reports. Results are written after each seed; ``--keep`` continues with the missing seeds.
"""

import argparse
import warnings

import numpy as np
import optuna
from joblib import Parallel, delayed
from scipy.stats import loguniform, randint
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_score
from sklearn.tree import DecisionTreeClassifier

from benchmarks._measure import RESULTS, environment, markdown_table, picture, read_rows, write_rows
from sklearn_autotune import AutoModelSelector, OptunaSearchCV, TunedXGBClassifier

PICTURE = picture("honesty", "Reported area under the ROC curve on noise, by method")
N_ROWS, N_COLUMNS = 300, 10
N_CANDIDATES = 50
POSITIVES = (150, 8)
SCORING = "roc_auc"

GRID = {"max_depth": [1, 2, 4, 8, None], "min_samples_leaf": [1, 3, 10, 30, 100], "criterion": ["gini", "entropy"]}
SPACE = {
    "max_depth": randint(1, 12),
    "min_samples_leaf": randint(1, 100),
    "min_impurity_decrease": loguniform(1e-5, 0.1),
}


def tree(seed):
    return DecisionTreeClassifier(random_state=seed)


def grid(seed):
    return GridSearchCV(tree(seed), GRID, scoring=SCORING)


def randomized(seed):
    return RandomizedSearchCV(tree(seed), SPACE, n_iter=N_CANDIDATES, scoring=SCORING, random_state=seed)


def ours(seed):
    return OptunaSearchCV(tree(seed), SPACE, n_trials=N_CANDIDATES, scoring=SCORING, random_state=seed)


def integration(seed):
    from optuna.distributions import FloatDistribution, IntDistribution
    from optuna_integration import OptunaSearchCV as IntegrationSearchCV

    space = {
        "max_depth": IntDistribution(1, 11),
        "min_samples_leaf": IntDistribution(1, 99),
        "min_impurity_decrease": FloatDistribution(1e-5, 0.1, log=True),
    }
    return IntegrationSearchCV(tree(seed), space, n_trials=N_CANDIDATES, scoring=SCORING, random_state=seed)


def boosted(seed):
    return TunedXGBClassifier(n_trials=N_CANDIDATES // 2, scoring=SCORING, random_state=seed)


def selector(seed):
    return AutoModelSelector(n_trials=20, scoring=SCORING, random_state=seed)


METHODS = {
    "GridSearchCV": grid,
    "RandomizedSearchCV": randomized,
    "optuna-integration's OptunaSearchCV": integration,
    "OptunaSearchCV": ours,
    "TunedXGBClassifier": boosted,
    "AutoModelSelector": selector,
}
# The selector's score without its correction: the best score of its candidates.
UNCORRECTED = "best line of AutoModelSelector's leaderboard"
# The method that our documentation recommends for an honest estimate.
NESTED = "OptunaSearchCV in cross_val_score"


def noise(n_positive, seed):
    random = np.random.RandomState(seed)
    y = np.zeros(N_ROWS, dtype=int)
    y[random.permutation(N_ROWS)[:n_positive]] = 1
    return random.normal(size=(N_ROWS, N_COLUMNS)), y


def measure(seed, names):
    """Return what each method reports on the data of one seed."""
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return [row for n_positive in POSITIVES for name in names for row in reported(name, n_positive, seed)]


def reported(name, n_positive, seed):
    X, y = noise(n_positive, seed)
    if name == NESTED:
        scores = {name: cross_val_score(ours(seed), X, y, scoring=SCORING, cv=3).mean()}
    else:
        search = METHODS[name](seed).fit(X, y)
        scores = {name: search.best_score_}
        if name == "AutoModelSelector":
            scores[UNCORRECTED] = search.leaderboard_["mean_score"][0]  # the best stands first
    for method, score in scores.items():
        yield {"positives": n_positive, "seed": seed, "method": method, "reported": float(score)}


def report(rows):
    names = list(dict.fromkeys(row["method"] for row in rows))
    lines = []
    for name in names:
        cells = []
        for n_positive in POSITIVES:
            found = np.array(
                [row["reported"] for row in rows if (row["method"], row["positives"]) == (name, n_positive)]
            )
            error = found.std(ddof=1) / np.sqrt(len(found)) if len(found) > 1 else np.nan
            cells.append(f"{found.mean():.3f} ± {2 * error:.3f}" if len(found) else "")
        lines.append([name, *cells])
    header = ["reported area under the ROC curve", *(f"{n} of {N_ROWS} positive" for n in POSITIVES)]
    n_seeds = len({row["seed"] for row in rows})
    return (
        f"# Noise labels\n\n{PICTURE}\n\n{environment()}\n\n"
        f"The mean of the reported scores over {n_seeds} tables, with two standard errors; the true value is 0.5. "
        f"Searches try {N_CANDIDATES} trees, TunedXGBClassifier {N_CANDIDATES // 2} candidates, AutoModelSelector 20. "
        "The score that AutoModelSelector reports is cross-fitted: for each fold, the winner is chosen without this "
        "fold. The line below it is the best score of its candidates, without that correction.\n\n"
        f"{markdown_table(header, lines)}\n"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(20)))
    parser.add_argument("--keep", action="store_true", help="keep earlier results, and measure only the missing seeds")
    parser.add_argument(
        "--jobs", type=int, default=1, help="number of processes; the results are the same for any number"
    )
    args = parser.parse_args()
    names = ["GridSearchCV", "OptunaSearchCV"] if args.quick else [*METHODS, NESTED]
    rows = read_rows("honesty") if args.keep else []
    seeds = [0] if args.quick else sorted(set(args.seeds) - {row["seed"] for row in rows})
    for found in Parallel(args.jobs, return_as="generator")(delayed(measure)(seed, names) for seed in seeds):
        rows += found
        print(*found, sep="\n", flush=True)
        if not args.quick:
            write_rows("honesty", rows)  # after each seed, so that an interrupted run keeps what it has measured
    text = report(rows)
    print(text)
    if not args.quick:
        (RESULTS / "honesty.md").write_text(text)


if __name__ == "__main__":
    main()

"""The score that searches report if the labels are noise, and how well ``corrected_score_`` predicts new rows.

``python -m benchmarks.honesty`` measures four parts; ``--reported``, ``--noise``, ``--real`` and ``--cost`` choose.
In the first, the data are 300 rows of normal noise, and labels that are independent of them, half of them positive, or
only 8. On new rows, the area under the ROC curve of any model is 0.5. The table shows what each search reports. The
second part shows ``corrected_score_`` on other tables of noise (`benchmarks.honesty_noise`), the third on real tables
with held-out rows (`benchmarks.honesty_real`), the last what it costs (`benchmarks.honesty_cost`).

Results are written after each table. ``--keep`` continues with the missing ones; ``--report`` writes the page from the
results and measures nothing.
"""

import argparse
import warnings

import optuna
from joblib import Parallel, delayed
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_score
from sklearn.tree import DecisionTreeClassifier

from benchmarks._measure import RESULTS, environment_of, markdown_table, picture, read_rows, write_rows
from benchmarks.honesty_cost import cost_section, measure_costs
from benchmarks.honesty_noise import N_CANDIDATES, N_ROWS, SPACE, draw_labels, measure_noise, noise_section, summarize
from benchmarks.honesty_real import measure_real, real_section
from sklearn_autotune import AutoModelSelector, OptunaSearchCV, TunedXGBClassifier

PICTURE = picture("honesty", "Reported area under the ROC curve on noise, by method")
POSITIVES = (150, 8)
SCORING = "roc_auc"

GRID = {"max_depth": [1, 2, 4, 8, None], "min_samples_leaf": [1, 3, 10, 30, 100], "criterion": ["gini", "entropy"]}


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
# The rows of `benchmarks.honesty_noise` that stand in the table of reported scores, by the model.
CORRECTED = {
    "trees": "OptunaSearchCV, corrected_score_",
    "TunedXGBClassifier": "TunedXGBClassifier, corrected_score_",
    "AutoModelSelector": "AutoModelSelector of four quick families, corrected_score_",
}
PARTS = {
    "reported": "what several searches report on noise",
    "noise": "the corrected score on noise",
    "real": "the corrected score on real tables",
    "cost": "what the corrected score costs",
}
FILES = ("honesty", "honesty_noise", "honesty_real", "honesty_cost")


def measure(seed, names):
    """Return what each method reports on the data of one seed."""
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return [row for n_positive in POSITIVES for name in names for row in reported(name, n_positive, seed)]


def reported(name, n_positive, seed):
    X, y = draw_labels(n_positive, seed)
    if name == NESTED:
        scores = {name: cross_val_score(ours(seed), X, y, scoring=SCORING, cv=3).mean()}
    else:
        search = METHODS[name](seed).fit(X, y)
        scores = {name: search.best_score_}
        if name == "AutoModelSelector":
            scores[UNCORRECTED] = search.leaderboard_["mean_score"][0]  # the best stands first
    for method, score in scores.items():
        yield {"positives": n_positive, "seed": seed, "method": method, "reported": float(score)}


def reported_section(rows, corrected_rows):
    """Write the table of reported scores; those with a correction come from the rows of another part."""
    names = list(dict.fromkeys(row["method"] for row in rows))
    cells = {
        name: [[row["reported"] for row in rows if (row["method"], row["positives"]) == (name, n)] for n in POSITIVES]
        for name in names
    }
    for model, name in CORRECTED.items():
        cells[name] = [
            [row["corrected"] for row in corrected_rows if row["problem"] == f"AUC, {model}, {n} positive"]
            for n in POSITIVES
        ]
    lines = [
        [name, len(found[0]), *(summarize(values) if values else "" for values in found)]
        for name, found in cells.items()
        if any(found)
    ]
    header = ["reported area under the ROC curve", "tables", *(f"{n} of {N_ROWS} positive" for n in POSITIVES)]
    return (
        f"Mean of what is reported, with two standard errors; the truth is 0.5. The searches measure {N_CANDIDATES} "
        f"trees, TunedXGBClassifier {N_CANDIDATES // 2} candidates, AutoModelSelector 20. What AutoModelSelector "
        "reports is cross-fitted: its winner is chosen anew without each fold. The row below it is the best of its "
        "candidates, without that correction. The rows with `corrected_score_` are from other tables, those of the "
        "next section.\n\n"
        f"{markdown_table(header, lines)}\n"
    )


def write_page():
    """Write the page from the CSV files that exist."""
    found = {name: read_rows(name) if (RESULTS / f"{name}.csv").exists() else [] for name in FILES}
    reported, noise, real, costs = found.values()
    sections = [
        f"# Noise labels\n\n{PICTURE}\n\n{environment_of('honesty')}\n",
        reported_section(reported, noise),
        noise_section(noise) if noise else "",
        real_section(real) if real else "",
        cost_section(costs) if costs else "",
    ]
    (RESULTS / "honesty.md").write_text("\n".join(filter(None, sections)), encoding="utf-8")


def measure_reported(args):
    names = ["GridSearchCV", "OptunaSearchCV"] if args.quick else [*METHODS, NESTED]
    rows = read_rows("honesty") if args.keep and not args.quick else []
    seeds = [0] if args.quick else sorted(set(args.seeds) - {row["seed"] for row in rows})
    for found in Parallel(args.jobs, return_as="generator")(delayed(measure)(seed, names) for seed in seeds):
        rows += found
        print(*found, sep="\n", flush=True)
        if not args.quick:
            write_rows("honesty", rows)  # after each seed, so that an interrupted run keeps what it has measured
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    parser.add_argument("--report", action="store_true", help="write the page from the CSV files, and measure nothing")
    for part, shows in PARTS.items():
        parser.add_argument(f"--{part}", action="append_const", dest="parts", const=part, help=f"measure {shows}")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(20)), help="of --reported")
    parser.add_argument("--keep", action="store_true", help="keep earlier results, and measure only what is missing")
    parser.add_argument(
        "--jobs", type=int, default=1, help="number of processes; the results are the same for any number"
    )
    args = parser.parse_args()
    parts = [] if args.report else args.parts or list(PARTS)
    measures = {
        "reported": (lambda: measure_reported(args), lambda rows: reported_section(rows, [])),
        "noise": (lambda: measure_noise(args.keep, args.quick, args.jobs), noise_section),
        "real": (lambda: measure_real(args.keep, args.quick, args.jobs), real_section),
        "cost": (lambda: measure_costs(args.keep, args.quick), cost_section),
    }
    for part in parts:
        measure_part, make_section = measures[part]
        print(make_section(measure_part()))
    if not args.quick:
        write_page()


if __name__ == "__main__":
    main()

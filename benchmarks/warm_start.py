"""What earlier searches on other tables save: `warm_start_from`, with one table left out at a time.

``python -m benchmarks.warm_start``: on each table of `benchmarks.shared_spaces.REPORTED`, a search begins with the best
candidates of the searches on all other tables, with the same model and space. A second one is misled: it gets the same
searches with their scores reversed. Both are compared with the default search, which knows nothing of other tables. The
rules were chosen on other tables (`TUNED`). The results do not depend on time.
"""

import argparse
import warnings
from functools import cache, partial
from typing import Any

import numpy as np
import optuna

from benchmarks._measure import RESULTS, environment, markdown_table, measure_missing, t_of
from benchmarks.counting import best_after, noted
from benchmarks.shared_spaces import MODELS, REPORTED
from benchmarks.tabulated import FOLDS, N_FOLDS, SHARED, Tabulated, X, Y, path_of, surrogate
from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.proposals._first_candidates import make_first_candidates
from sklearn_autotune.space._space import read_space

N_TRIALS = 50
SOURCE_SEED = 100  # of the searches on the other tables
LEVELS = (25, 50, 100)  # fits of the default search: the scores after them are to be reached
METHODS = ("default", "warm start", "three sources", "misled")


class Reversed:
    """A fitted search, as far as it is read, with reversed scores."""

    def __init__(self, search: OptunaSearchCV) -> None:
        results = dict(search.cv_results_)  # a plain copy does not warn of stopped candidates
        self.cv_results_ = {"params": results["params"], "mean_test_score": -np.asarray(results["mean_test_score"])}


@cache
def first_candidates(name: str) -> list[dict[str, Any]]:
    """Return what the default search measures first, with the names of `Tabulated`."""
    problem, made = SHARED[name], surrogate(name)
    rows, _, y, _ = problem.split(0)
    found = make_first_candidates(
        problem.make(0),
        read_space(problem.space),
        n_rows=round(len(y) * (1 - 1 / N_FOLDS)),
        n_columns=rows.shape[1],
        max_candidates=5,
    )
    return [
        {
            own: repr(candidate[given]) if isinstance(made.space[own], list) else candidate[given]
            for own, given in zip(made.space, problem.space, strict=True)
        }
        for candidate in found
    ]


def search(name: str, seed: int, n_trials: int, **params: Any) -> tuple[OptunaSearchCV, np.ndarray]:
    """Search on a table; return the search, and its best score so far after each fit."""
    with noted() as fits:
        fitted = OptunaSearchCV(
            Tabulated(name, **first_candidates(name)[0]),
            surrogate(name).space,
            n_trials=n_trials,
            cv=FOLDS,
            refit=False,
            random_state=seed,
            **params,
        ).fit(X, Y)
        scores, _ = best_after(fits, N_FOLDS)
    return fitted, scores


@cache
def earlier(name: str, n_trials: int) -> OptunaSearchCV:
    """Return a search as it was done on another table."""
    return search(name, SOURCE_SEED, n_trials, enqueue=first_candidates(name))[0]


def searches(problem: str, seed: int, n_trials: int) -> list[dict[str, Any]]:
    """Run all methods on one problem and seed; this may run in a worker process."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    others = [earlier(name, n_trials) for name in names(problem.rpartition(", ")[2]) if name != problem]
    drawn = [others[place] for place in np.random.RandomState(seed).permutation(len(others))[:3]]
    arguments: dict[str, dict[str, Any]] = {
        "default": {"enqueue": first_candidates(problem)},
        "warm start": {"warm_start_from": others},
        "three sources": {"warm_start_from": drawn},
        "misled": {"warm_start_from": [Reversed(other) for other in others]},
    }
    made = surrogate(problem)
    curves = {method: search(problem, seed, n_trials, **arguments[method])[1] for method in METHODS}
    rows = []
    for method, curve in curves.items():
        row = {"problem": problem, "seed": seed, "method": method, "fits": len(curve)}
        for level in LEVELS:
            target = curves["default"][min(level, len(curves["default"])) - 1]
            is_reached = curve >= target
            row[f"fits_to_{level}"] = int(np.argmax(is_reached)) + 1 if is_reached.any() else len(curve)
            row[f"missed_{level}"] = int(not is_reached.any())
            row[f"regret_{level}"] = round(regret(curve[min(level, len(curve)) - 1], made), 5)
        row["regret_end"] = round(regret(curve[-1], made), 5)
        rows.append(row)
    return rows


def regret(score: float, made: Any) -> float:
    """Return how far a score is from the best one, in units of the distance to the median; at most 3."""
    return 3.0 if np.isnan(score) else min(3.0, float((made.best - score) / (made.best - made.typical)))


def names(model: str) -> list[str]:
    """Return the measured problems of a model whose results are reported."""
    wanted = [f"{table} shared, {model}" for table in REPORTED]
    return [name for name in wanted if path_of(name).exists()]


def report(rows: list[dict[str, Any]]) -> str:
    """Return one table with the gains and one with the regrets."""
    gains, regrets = [], []
    for model in (*MODELS, "all"):
        of_model = [row for row in rows if model in ("all", row["problem"].rpartition(", ")[2])]
        base = {(row["problem"], row["seed"]): row for row in of_model if row["method"] == "default"}
        for method in METHODS:
            own = [row for row in of_model if row["method"] == method]
            cells = []
            for level in LEVELS:
                name = f"fits_to_{level}"
                by_problem: dict[str, list[float]] = {}
                for row in own:
                    ratio = np.log(base[row["problem"], row["seed"]][name] / row[name])
                    by_problem.setdefault(row["problem"], []).append(float(ratio))
                means = [float(np.mean(ratios)) for ratios in by_problem.values()]
                n_missed = sum(row[f"missed_{level}"] for row in own)
                cells.append(f"{np.exp(np.mean(means)):.2f} × (t {t_of(means):+.1f}; {n_missed} of {len(own)} missed)")
            if method != "default":
                gains.append([model, method, *cells])
            columns = [*(f"regret_{level}" for level in LEVELS), "regret_end"]
            regrets.append([model, method, *(f"{np.mean([row[column] for row in own]):.3f}" for column in columns)])
    levels = [f"after {level} fits" for level in LEVELS]
    return (
        markdown_table(["model", "method", *(f"the default's score {level}" for level in levels)], gains)
        + "\n\n"
        + markdown_table(["model", "method", *(f"regret {level}" for level in levels), "at the end"], regrets)
    )


EXPLAINED = """\
The first table says how many times fewer fits a method needs to reach the score that the default search has after so
many fits: geometric means over the tables, t over the tables. A score that is not reached counts with all fits of the
search. Below 1, a method is slower. The second table shows mean regrets: 0 is the best score on the table, 1 the median
of the random candidates.

The default search begins with the estimator's own parameters and the known good settings of `enqueue="auto"`. A warm
start begins with the own parameters and up to ten candidates of the searches on all other tables, or on three of them.
"Misled" gets the searches on all other tables with reversed scores."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    parser.add_argument("--seeds", type=int, default=2, help="number of seeds")
    parser.add_argument("--jobs", type=int, default=1, help="number of processes; the results are the same")
    parser.add_argument("--resume", action="store_true", help="keep the rows of the last run, and measure the rest")
    args = parser.parse_args()
    problems = [name for model in MODELS for name in names(model)]
    n_trials = 6 if args.quick else N_TRIALS
    if args.quick:
        problems, args.seeds = names("SVC")[:1], 1
    rows = measure_missing(
        "warm_start",
        partial(searches, n_trials=n_trials),
        [(problem, seed) for seed in range(args.seeds) for problem in problems],
        jobs=args.jobs,
        is_resumed=args.resume,
        is_quick=args.quick,
    )
    if args.quick:
        print(markdown_table(list(rows[0]), [list(row.values()) for row in rows]))
        return
    text = (
        f"# Warm start\n\n{environment()}\n\n{len(problems)} problems, {args.seeds} seeds, {N_TRIALS} trials.\n\n"
        f"{report(rows)}\n\n{EXPLAINED}\n"
    )
    print(text)
    (RESULTS / "warm_start.md").write_text(text)


if __name__ == "__main__":
    main()

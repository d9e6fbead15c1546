"""How looking ahead changes the result of the sampler: regret for several values of ``look_ahead``.

``python -m benchmarks.look_ahead``: the default search, with racing, on all problems of `benchmarks.tabulated`. Each
value of ``look_ahead`` gets the same number of candidates, problems, seeds and folds.
"""

import argparse
from functools import partial
from typing import Any

import numpy as np
import optuna

from benchmarks._measure import RESULTS, environment, markdown_table, mean_and_error, measure_missing, paired
from benchmarks.tabulated import FOLDS, Tabulated, X, Y, names, surrogate
from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.proposals._look_ahead import read_look_ahead

BUDGETS = (25, 50, 100)
BASE = "2"
VALUES = ("auto", BASE, "1", "4", "8", "16")


def search(problem: str, seed: int, look_ahead: str, budgets: tuple[int, ...]) -> dict[str, Any]:
    """Search once; return the regret after each number of candidates, and the number of fits."""
    found = surrogate(problem)
    fitted = OptunaSearchCV(
        Tabulated(problem),
        found.space,
        n_trials=max(budgets),
        cv=FOLDS,
        refit=False,
        measure_default=False,
        random_state=seed,
        look_ahead=look_ahead if look_ahead == "auto" else int(look_ahead),
    ).fit(X, Y)
    best = np.fmax.accumulate(dict(fitted.cv_results_)["mean_test_score"])
    regrets = (found.best - best) / (found.best - found.typical)
    return {
        "problem": problem,
        "seed": seed,
        "look_ahead": look_ahead,
        **{f"regret_{budget}": round(float(regrets[budget - 1]), 5) for budget in budgets},
        "fits": int(fitted.trials_["n_folds"].sum()),
    }


def searches(problem: str, seed: int, budgets: tuple[int, ...]) -> list[dict[str, Any]]:
    """Search with all values on one problem and seed; this may run in a worker process."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return [search(problem, seed, value, budgets) for value in VALUES]


def report(rows: list[dict[str, Any]], budgets: tuple[int, ...]) -> str:
    """Return a table of the regret, and of the differences to `BASE`."""
    lines, base = [], [row for row in rows if str(row["look_ahead"]) == BASE]
    for value in VALUES:
        own = [row for row in rows if str(row["look_ahead"]) == value]
        problems = [row["problem"] for row in own]
        columns = [([row[f"regret_{n}"] for row in own], [row[f"regret_{n}"] for row in base]) for n in budgets]
        under_way = np.mean([read_look_ahead(value if value == "auto" else int(value))(k) for k in range(max(budgets))])
        lines.append(
            [
                value,
                f"{under_way:.0f}",
                *(mean_and_error(regret) for regret, _ in columns),
                *("" if value == BASE else paired(regret, other, problems) for regret, other in columns),
                f"{np.mean([row['fits'] for row in own]):.0f}",
            ]
        )
    after = [f"after {n}" for n in budgets]
    header = ["look_ahead", "at most under way, mean", *after, *(f"less {BASE}'s, {each}" for each in after), "fits"]
    return markdown_table(header, lines)


EXPLAINED = f"""\
Regret compares the best candidate that is measured on all folds to the best score that exists: 0 is the score of the
best of the problem's measured candidates, 1 is their median. Means ± standard errors over problems and seeds. The
differences are to `look_ahead={BASE}` with the same seed; above 0, a value is worse. The second t is over the means of
the problems, which are independent.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    parser.add_argument("--seeds", type=int, default=4, help="number of seeds")
    parser.add_argument("--problems", nargs="+", default=names(), choices=names(), metavar="PROBLEM")
    parser.add_argument("--jobs", type=int, default=1, help="number of processes; the results are the same")
    parser.add_argument("--resume", action="store_true", help="keep the rows of the last run")
    args = parser.parse_args()
    budgets = (5, 10) if args.quick else BUDGETS
    if args.quick:
        args.seeds, args.problems = 1, args.problems[:2]
    rows = measure_missing(
        "look_ahead",
        partial(searches, budgets=budgets),
        [(problem, seed) for seed in range(args.seeds) for problem in args.problems],
        jobs=args.jobs,
        is_resumed=args.resume,
        is_quick=args.quick,
    )
    n_problems, n_searches = len({row["problem"] for row in rows}), len(rows) // len(VALUES)
    text = (
        f"# Looking ahead\n\n{environment()}\n\n{n_problems} problems, {n_searches} searches of {max(budgets)} "
        f"candidates for each value.\n\n{report(rows, budgets)}\n\n{EXPLAINED}"
    )
    print(text)
    if not args.quick:
        (RESULTS / "look_ahead.md").write_text(text)


if __name__ == "__main__":
    main()

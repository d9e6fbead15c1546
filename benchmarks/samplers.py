"""Which sampler finds the better candidates: TPE, TPE in Rust, or a random forest.

``python -m benchmarks.samplers``: each sampler proposes 100 candidates on all problems of `benchmarks.tabulated`, which
need no fits, and on those problems whose fits take milliseconds, with fits. All other settings of the search are the
defaults. The results do not depend on time.
"""

import argparse
import warnings
from functools import partial
from typing import Any

import numpy as np
import optuna
from sklearn.model_selection import KFold, StratifiedKFold

from benchmarks._measure import RESULTS, environment, markdown_table, mean_and_error, measure_missing, paired
from benchmarks.conditional_problems import CONDITIONAL_PROBLEMS
from benchmarks.small_problems import SMALL_PROBLEMS
from benchmarks.tabulated import FOLDS, N_FOLDS, Tabulated, X, Y, names, surrogate
from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.samplers import ForestSampler, RustTPESampler

BUDGETS = (25, 50, 100)  # candidates
DEFAULT = "TPE"
SAMPLERS: dict[str, Any] = {
    DEFAULT: None,
    "RustTPESampler": RustTPESampler,
    "ForestSampler": ForestSampler,
    "random": optuna.samplers.RandomSampler,
}

# The constants of ForestSampler were chosen on the tabulated scores of these problems, with seeds 0 to 2.
TUNED = frozenset(names()[::2])
WITH_FITS = {f"{problem.name}, with fits": problem for problem in (*SMALL_PROBLEMS, *CONDITIONAL_PROBLEMS)}
GROUPS = (
    "tabulated, constants chosen on them",
    "tabulated, other problems",
    "with fits, constants chosen on the same tables",
    "with fits, other problems",
)


def group_of(problem: str) -> str:
    name = problem.removesuffix(", with fits")
    return GROUPS[2 * (name != problem) + (name not in TUNED)]


def load(problem: str, seed: int) -> tuple[Any, Any, Any, Any, Any]:
    """Return estimator, space, data and further parameters of the search."""
    if problem not in WITH_FITS:
        return Tabulated(problem), surrogate(problem).space, X, Y, {"cv": FOLDS}
    real = WITH_FITS[problem]
    rows, _, target, _ = real.split(seed)
    folds = (StratifiedKFold if real.is_classification else KFold)(N_FOLDS, shuffle=True, random_state=seed)
    return real.make(seed), real.space, rows, target, {"cv": folds, "scoring": real.scoring}


def search(problem: str, seed: int, name: str, budgets: tuple[int, ...]) -> dict[str, Any]:
    """Let a sampler propose candidates; return the best score after each budget."""
    make = SAMPLERS[name]
    estimator, space, rows, target, params = load(problem, seed)
    fitted = OptunaSearchCV(
        estimator,
        space,
        n_trials=max(budgets),
        sampler=None if make is None else make(seed=seed),
        random_state=seed,
        refit=False,
        measure_default=False,
        **params,
    ).fit(rows, target)
    means = fitted.cv_results_["mean_test_score"]
    best = np.fmax.accumulate(means)
    return {
        "problem": problem,
        "seed": seed,
        "sampler": name,
        **{f"score_{budget}": float(best[min(budget, len(best)) - 1]) for budget in budgets},
        "fits": int(np.sum(fitted.trials_["n_folds"])),
    }


def searches(problem: str, seed: int, samplers: list[str], budgets: tuple[int, ...]) -> list[dict[str, Any]]:
    """Run all samplers on one problem and seed; this may run in a worker process."""
    warnings.simplefilter("ignore")  # of models that do not converge with some candidates
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    rows = [search(problem, seed, name, budgets) for name in samplers]
    print(f"{problem}, seed {seed}", flush=True)
    return rows


def add_regrets(rows: list[dict[str, Any]], budgets: tuple[int, ...]) -> None:
    """Add regrets: with fits, against the best score of any sampler on this table and seed."""
    for row in rows:
        made = surrogate(row["problem"].removesuffix(", with fits"))
        best = made.best
        if row["problem"] in WITH_FITS:
            same = [other for other in rows if (other["problem"], other["seed"]) == (row["problem"], row["seed"])]
            best = max(other[f"score_{max(budgets)}"] for other in same)
        for budget in budgets:
            row[f"regret_{budget}"] = round((best - row[f"score_{budget}"]) / (made.best - made.typical), 5)


def report(rows: list[dict[str, Any]], budgets: tuple[int, ...]) -> str:
    """Return tables that compare the samplers, for each group of problems."""
    tables = []
    after = [f"after {budget}" for budget in budgets]
    for group in GROUPS:
        inside = [row for row in rows if group_of(row["problem"]) == group]
        if not inside:
            continue
        regrets, against = [], []
        base = [row for row in inside if row["sampler"] == DEFAULT]
        for name in dict.fromkeys(row["sampler"] for row in inside):
            own = [row for row in inside if row["sampler"] == name]
            columns = [f"regret_{budget}" for budget in budgets]
            cells = [mean_and_error([row[column] for row in own]) for column in columns]
            regrets.append([name, *cells, f"{np.mean([row['fits'] for row in own]):.0f}"])
            problems = [row["problem"] for row in own]
            if name != DEFAULT:
                pairs = [([row[c] for row in own], [row[c] for row in base]) for c in columns]
                against.append([name, *(paired(values, others, problems) for values, others in pairs)])
        n_problems = len({row["problem"] for row in inside})
        tables += [
            f"## {group[0].upper()}{group[1:]}\n\n{n_problems} problems, {len(base)} searches of each sampler.",
            markdown_table(["regret", *after, "fits"], regrets),
            markdown_table([f"regret less {DEFAULT}'s", *after], against),
        ]
    return "\n\n".join(tables)


EXPLAINED = """\
Regret compares the best candidate that is complete after so many candidates to the best score that is known: that of
the tabulated candidates or, with fits, of all samplers on the same table and seed. 1 is the distance from the best of
the tabulated candidates to their median. Cells of the first tables are means ± standard errors over problems and seeds;
`fits` are those of all 100 candidates, of which racing stops many early. The second tables show differences on the same
problem with the same seed; below 0, a sampler is better than TPE as the search uses it. The first t is over all pairs.
The second t is over the means of the problems, which are fewer but independent. A t between -2 and 2 may be chance.

The tabulated scores are those of a forest (`benchmarks/tabulated.py`), which may favour a sampler with a forest. So the
problems whose fits take milliseconds are searched with fits too."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    parser.add_argument("--seeds", type=int, nargs="+", default=[3, 4, 5, 6, 7])
    choices = [*names(), *WITH_FITS]
    parser.add_argument("--problems", nargs="+", default=choices, choices=choices, metavar="PROBLEM")
    parser.add_argument("--samplers", nargs="+", default=list(SAMPLERS), choices=list(SAMPLERS), metavar="SAMPLER")
    parser.add_argument(
        "--jobs", type=int, default=1, help="number of processes; the results are the same for any number"
    )
    parser.add_argument(
        "--resume", action="store_true", help="keep the rows of the last run, and measure only what is missing"
    )
    args = parser.parse_args()
    args.samplers = list(dict.fromkeys([DEFAULT, *args.samplers]))  # the others are compared to it
    budgets = (6, 14) if args.quick else BUDGETS
    if args.quick:
        args.seeds, args.problems = [0], ["concrete, tree", "miles per gallon, four kernels, with fits"]
    rows = measure_missing(
        "samplers",
        partial(searches, samplers=args.samplers, budgets=budgets),
        [(problem, seed) for seed in args.seeds for problem in args.problems],
        jobs=args.jobs,
        is_resumed=args.resume,
        is_quick=args.quick,
        add=partial(add_regrets, budgets=budgets),
    )
    text = f"# Samplers\n\n{environment()}\n\n{report(rows, budgets)}\n\n{EXPLAINED}\n"
    print(text)
    if not args.quick:
        (RESULTS / "samplers.md").write_text(text)


if __name__ == "__main__":
    main()

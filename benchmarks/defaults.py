"""Evidence for the defaults of OptunaSearchCV: sampler, start-up trials, look-ahead and racing rule, one at a time.

``python -m benchmarks.defaults``: each setting searches on all problems of `benchmarks.tabulated` with the same number
of fits. So the fits that racing saves are used for more candidates. The results do not depend on time.
"""

import argparse
import warnings
from functools import partial
from typing import Any

import numpy as np
import optuna
from optuna.samplers import QMCSampler, RandomSampler, TPESampler

from benchmarks._measure import (
    RESULTS,
    environment,
    markdown_table,
    mean_and_error,
    measure_missing,
    paired,
    picture,
)
from benchmarks.counting import best_after, noted
from benchmarks.tabulated import FOLDS, N_FOLDS, Tabulated, X, Y, names, surrogate
from sklearn_autotune import FoldRacing, OptunaSearchCV
from sklearn_autotune.samplers import RustTPESampler

PICTURE = picture("defaults", "Regret after so many fits, by setting")
BUDGETS = (25, 50, 100)  # the fits of this number of candidates on all folds
DEFAULT = "as it comes"
TPE = partial(TPESampler, multivariate=True)  # the default sampler of the search

# For each factor and setting, the parameters that differ from the defaults. Samplers are called with the seed.
SETTINGS: dict[tuple[str, str], dict[str, Any]] = {
    ("", DEFAULT): {},
    ("sampler", "random"): {"sampler": RandomSampler},
    ("sampler", "quasi-random (Sobol)"): {
        "sampler": partial(QMCSampler, scramble=True, warn_independent_sampling=False)
    },
    ("sampler", "RustTPESampler"): {"sampler": RustTPESampler},
    **{("start-up", f"{n} trials"): {"sampler": partial(TPE, n_startup_trials=n)} for n in (5, 20, 40)},
    **{("look_ahead", f"look_ahead={n}"): {"look_ahead": n} for n in (1, 4, 8, 16)},
    ("pruner", "None"): {"pruner": None},
    ("pruner", "MedianPruner"): {"pruner": optuna.pruners.MedianPruner()},
    **{("pruner", f"error_rate={rate:g}"): {"pruner": FoldRacing(error_rate=rate)} for rate in (0.01, 0.1, 0.2)},
    **{("pruner", f"n_startup_trials={n}"): {"pruner": FoldRacing(n_startup_trials=n)} for n in (6, 12)},
}


def search(problem: str, seed: int, setting: tuple[str, str], budgets: tuple[int, ...]) -> dict[str, Any]:
    """Search until all fits are used; return the regret after each budget."""
    made = surrogate(problem)
    params = {"sampler": TPE} | SETTINGS[setting]
    with noted() as fits:

        def stop(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
            if len(fits) >= max(budgets) * N_FOLDS:
                study.stop()

        OptunaSearchCV(
            Tabulated(problem),
            made.space,
            n_trials=max(budgets) * N_FOLDS,
            cv=FOLDS,
            refit=False,
            measure_default=False,
            callbacks=[stop],
            **params | {"sampler": params["sampler"](seed=seed)},
        ).fit(X, Y)
        scores, _ = best_after(fits, N_FOLDS)
        n_candidates = len({fit.candidate for fit in fits[: max(budgets) * N_FOLDS]})
    regrets = (made.best - scores) / (made.best - made.typical)
    return {
        "problem": problem,
        "seed": seed,
        "factor": setting[0],
        "setting": setting[1],
        **{f"regret_{budget}": round(float(regrets[budget * N_FOLDS - 1]), 5) for budget in budgets},
        "candidates": n_candidates,
    }


def searches(problem: str, seed: int, budgets: tuple[int, ...]) -> list[dict[str, Any]]:
    """Run all settings on one problem and seed; this may run in a worker process."""
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return [search(problem, seed, setting, budgets) for setting in SETTINGS]


def report(rows: list[dict[str, Any]], budgets: tuple[int, ...]) -> str:
    """Return tables that compare each setting to the defaults."""
    regrets, against = [], []
    base = [row for row in rows if row["setting"] == DEFAULT]
    for factor, name in SETTINGS:
        own = [row for row in rows if (row["factor"], row["setting"]) == (factor, name)]
        column = {budget: [row[f"regret_{budget}"] for row in own] for budget in budgets}
        cells = [mean_and_error(column[budget]) for budget in budgets]
        regrets.append([factor, name, *cells, f"{np.mean([row['candidates'] for row in own]):.0f}"])
        if name != DEFAULT:
            cells = []
            for budget in budgets:
                default = [row[f"regret_{budget}"] for row in base]
                cells.append(paired(column[budget], default, [row["problem"] for row in own]))
            against.append([factor, name, *cells])
    after = [f"after {budget * N_FOLDS} fits" for budget in budgets]
    return (
        markdown_table(["factor", "setting", *after, "candidates"], regrets)
        + "\n\n"
        + markdown_table(["factor", "regret less the default's", *after], against)
    )


EXPLAINED = """\
Regret compares the best candidate that a search has measured on all five folds to the best mean score that exists. A
regret of 0 is the score of the best of the problem's measured candidates, and 1 is their median. The first table shows
means ± standard errors over problems and seeds; `candidates` is the number of candidates within the last budget. The
second table shows differences on the same problem with the same seed; below 0, a setting is better than the defaults.
The first t is over all pairs. The second t is over the means of the problems, which are fewer but independent.

"As it comes" means the defaults: Optuna's multivariate TPE with 10 start-up trials, `look_ahead="auto"` and
`FoldRacing()`, which has `error_rate=0.05` and `n_startup_trials=3`. CMA-ES and Gaussian processes need packages that
are not core dependencies (cmaes, torch), so they cannot be defaults and are not compared here.

The scores come from a surrogate (`benchmarks/tabulated.py`), which is smoother than the real scores between measured
candidates. [racing](racing.md) shows what racing loses on real fold scores, and [look_ahead](look_ahead.md) what
looking ahead costs on real fits.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds")
    parser.add_argument("--problems", nargs="+", default=names(), choices=names(), metavar="PROBLEM")
    parser.add_argument(
        "--jobs", type=int, default=1, help="number of processes; the results are the same for any number"
    )
    parser.add_argument(
        "--resume", action="store_true", help="keep the rows of the last run, and measure only what is missing"
    )
    args = parser.parse_args()
    budgets = (5, 10) if args.quick else BUDGETS
    if args.quick:
        args.seeds, args.problems = 2, args.problems[:2]
    rows = measure_missing(
        "defaults",
        partial(searches, budgets=budgets),
        [(problem, seed) for seed in range(args.seeds) for problem in args.problems],
        jobs=args.jobs,
        is_resumed=args.resume,
        is_quick=args.quick,
    )
    n_problems, n_searches = len({row["problem"] for row in rows}), len(rows) // len(SETTINGS)
    text = (
        f"# Defaults\n\n{PICTURE}\n\n{environment()}\n\n"
        f"{n_problems} real problems, {n_searches} searches of each setting.\n\n"
        f"{report(rows, budgets)}\n\n{EXPLAINED}\n"
    )
    print(text)
    if not args.quick:
        (RESULTS / "defaults.md").write_text(text)


if __name__ == "__main__":
    main()

"""Quality of several searches after the same number of fits.

``python -m benchmarks.fits``: on small real tables, all methods search the same space on the same training rows and the
same five folds, with a model that counts its fits and their rows. After the fits of 25, 50 and 100 candidates (125, 250
and 500 fits), the result of a method is the best candidate that it has measured on all folds. A fit on a part of a
fold's training rows counts as that part. The results do not depend on time.

The CSV file is written after each run of a method. ``--resume`` measures only what is not in it. ``--again
OptunaSearchCV`` also measures this method anew, which is enough after a change of this package. ``--report`` writes the
page from the file and measures nothing. sklearn-genetic-opt 0.13 and later ask for Python 3.12; version 0.14 also works
with Python 3.11, where ``pip install --no-deps --ignore-requires-python sklearn-genetic-opt`` installs it.
"""

import argparse
import logging
import random
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from itertools import groupby
from typing import Any

import numpy as np
import optuna
from sklearn.base import clone
from sklearn.metrics import get_scorer
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import Pipeline

from benchmarks._measure import (
    RESULTS,
    environment,
    environment_of,
    markdown_table,
    mean_and_error,
    measure_missing,
    paired,
    picture,
    read_rows,
)
from benchmarks.counting import CountsFits, Fit, best_after, costs_of, noted
from benchmarks.fresh_problems import SMALL_FRESH_PROBLEMS
from benchmarks.peers.searches import SEARCHES, halving_rungs
from benchmarks.problems import Problem
from benchmarks.small_problems import SMALL_PROBLEMS

# Problems that are slower than the others, or similar to one of them.
LEFT_OUT = ("Boston, gradient boosting", "breast cancer, SVC", "colleges, neighbours", "digits, polynomial SVC")
CHOSEN = {problem.name: problem for problem in (*SMALL_PROBLEMS, *SMALL_FRESH_PROBLEMS) if problem.name not in LEFT_OUT}
SEEN = {problem.name for problem in SMALL_PROBLEMS}
PICTURE = picture("fits", "Regret after so many fits, by method")
BUDGETS = (25, 50, 100)  # the fits of this number of candidates on all folds
N_FOLDS = 5
MOST_TIMES = 20  # as many candidates as the budget has, for searches that are stopped when their fits are used

OURS, RANDOM = "OptunaSearchCV", "RandomizedSearchCV"

# A proposal of its Gaussian process takes most of a second, so it has fewer seeds.
SEEDS = {"BayesSearchCV": 2}

# Methods whose first candidates depend on the budget run once for each budget.
BY_BUDGET = ("GridSearchCV", "HalvingRandomSearchCV", "SMAC")

COLUMNS = (
    *("problem", "seed", "method", "candidates", "fits", "cost", "share_of_rows", "cv_score", "held_out", "typical"),
    *("regret", "held_out_gain", "rank"),
)


def counted(model: Pipeline, problem: Problem, folds: list[tuple[np.ndarray, np.ndarray]], X: np.ndarray) -> Any:
    """Return a version of the model that records its fits, and scores with the problem's metric."""
    scorer = get_scorer(problem.scoring)
    fold_of = {X[test].tobytes(): fold for fold, (_, test) in enumerate(folds)}
    n_rows = rows_of_a_fit(folds)

    class Counted(CountsFits, Pipeline):
        def fit(self, X, y):
            params = self.get_params()
            self.note_fit(tuple(params[name] for name in problem.space), len(X))
            return super().fit(X, y)

        def score(self, X, y):
            fold = fold_of.get(X.tobytes()) if self.fit_.n_rows >= n_rows else None
            return self.note_score(fold, scorer(self, X, y))

    return Counted(model.steps)


def rows_of_a_fit(folds: list[tuple[np.ndarray, np.ndarray]]) -> int:
    """Return the number of training rows of the smallest fold; a fit on fewer rows is one on a part."""
    return min(len(train) for train, _ in folds)


@dataclass(frozen=True)
class Run:
    """The arguments of one method; ``fits`` is the list of all fits so far."""

    model: Any
    space: dict[str, Any]
    n_candidates: int
    seed: int
    X: np.ndarray
    y: np.ndarray
    cv: list[tuple[np.ndarray, np.ndarray]]
    fits: list[Fit]

    @property
    def is_spent(self) -> bool:
        """Whether the fits of all candidates are used."""
        return bool(costs_of(self.fits, rows_of_a_fit(self.cv)).sum() >= self.n_candidates * N_FOLDS)

    def build(self, name: str, n_candidates: int | None = None, **params: Any) -> Any:
        """Build a search by its name."""
        n_candidates = n_candidates or self.n_candidates
        return SEARCHES[name](self.model, self.space, n_candidates, self.seed, cv=self.cv, refit=False, **params)

    def fit(self, name: str, n_candidates: int | None = None, **params: Any) -> Any:
        """Build a search by its name, and fit it."""
        return self.build(name, n_candidates, **params).fit(self.X, self.y)


def run_ours(run: Run, **params: Any) -> None:
    """Run OptunaSearchCV until all fits are used; with racing, these are more candidates."""

    def stop(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        if run.is_spent:
            study.stop()

    run.fit(OURS, run.n_candidates * MOST_TIMES, callbacks=[stop], **params)


def run_halving(run: Run) -> None:
    """Run halving up to all rows, and measure its winner on the folds that all methods have, for the same cost."""
    first, n_rungs = halving_rungs(run.n_candidates - 1)
    search = run.fit("HalvingRandomSearchCV", first, min_resources=len(run.X) // 3 ** (n_rungs - 1))
    cross_val_score(clone(run.model).set_params(**search.best_params_), run.X, run.y, cv=run.cv)


def run_genetic(run: Run) -> None:
    """Run GASearchCV until all fits are used: it does not fit a candidate again that it has measured before."""
    from sklearn_genetic.callbacks.base import BaseCallback

    class Stop(BaseCallback):
        def on_step(self, record=None, logbook=None, estimator=None):
            return run.is_spent

    random.seed(run.seed)
    np.random.seed(run.seed)
    search = run.build("GASearchCV", run.n_candidates * MOST_TIMES)
    search.fit(run.X, run.y, callbacks=[Stop()])


METHODS: dict[str, Callable[[Run], Any]] = {
    OURS: run_ours,
    "OptunaSearchCV, pruner=None": partial(run_ours, pruner=None),
    **{name: partial(Run.fit, name=name) for name in SEARCHES if name != OURS},
    "HalvingRandomSearchCV": run_halving,
    "GASearchCV": run_genetic,
}

PACKAGE_OF = {
    "optuna-integration": "optuna_integration",
    "BayesSearchCV": "skopt",
    "hyperopt": "hyperopt",
    "GASearchCV": "sklearn_genetic",
    "SMAC": "smac",
}


def measure(problem: Problem, seed: int, method: str, budgets: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    """Run one method on one problem and seed; yield a row for each budget."""
    X, X_held_out, y, y_held_out = problem.split(seed)
    splitter = StratifiedKFold if problem.is_classification else KFold
    folds = list(splitter(N_FOLDS, shuffle=True, random_state=seed).split(X, y))
    plain = problem.make(seed)
    model = counted(plain, problem, folds, X)
    scorer = get_scorer(problem.scoring)
    for n_candidates in budgets if method in BY_BUDGET else budgets[-1:]:
        with noted() as fits:
            METHODS[method](Run(model, problem.space, n_candidates, seed, X, y, folds, fits))
            scores, candidates = best_after(fits, N_FOLDS)
            costs = costs_of(fits, rows_of_a_fit(folds)).cumsum()
            typical = middle(fits)
        for budget in [n_candidates] if method in BY_BUDGET else budgets:
            n_fits = int((costs <= budget * N_FOLDS + 1e-6).sum())
            best = dict(zip(problem.space, candidates[n_fits - 1], strict=True))
            yield {
                "problem": problem.name,
                "seed": seed,
                "method": method,
                "candidates": budget,
                "fits": n_fits,
                "cost": float(costs[n_fits - 1]),
                "share_of_rows": float(costs[n_fits - 1] / n_fits),
                "cv_score": float(scores[n_fits - 1]),
                "held_out": float(scorer(clone(plain).set_params(**best).fit(X, y), X_held_out, y_held_out)),
                "typical": typical,
            }


def measured(problem: str, seed: int, method: str, budgets: tuple[int, ...]) -> list[dict[str, Any]]:
    """Measure one method on one problem and seed; this may run in a worker process."""
    warnings.simplefilter("ignore")  # of models that do not converge with some candidates
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    logging.getLogger("hyperopt").setLevel(logging.ERROR)
    rows = list(measure(CHOSEN[problem], seed, method, budgets))
    print(f"{problem}, seed {seed}, {method}", flush=True)
    return rows


def middle(fits: list[Fit]) -> float:
    """Return the median of the candidates' mean scores."""
    folds: dict[tuple[Any, ...], list[float]] = {}
    for fit in fits:
        folds.setdefault(fit.candidate, []).append(fit.score)
    return float(np.median([np.mean(scores) for scores in folds.values() if len(scores) == N_FOLDS]))


def add_regrets(rows: list[dict[str, Any]]) -> None:
    """Add to each row its regret and its held-out score minus ours, in units of best minus median candidate.

    They stay empty while the random search or ours is not measured.
    """
    rows.sort(key=lambda row: (row["seed"], row["problem"], list(METHODS).index(row["method"]), row["candidates"]))
    for (_, _), found in groupby(rows, key=lambda row: (row["seed"], row["problem"])):
        same = list(found)
        best = max(row["cv_score"] for row in same)
        typical = next((row["typical"] for row in same if row["method"] == RANDOM), None)
        ours = {row["candidates"]: row["held_out"] for row in same if row["method"] == OURS}
        for row in same:
            row |= {"regret": "", "held_out_gain": "", "rank": ""}
            if typical is None or not ours:
                continue
            row["regret"] = (best - row["cv_score"]) / (best - typical)
            row["held_out_gain"] = (row["held_out"] - ours[row["candidates"]]) / (best - typical)
            rivals = [other["cv_score"] for other in same if other["candidates"] == row["candidates"]]
            row["rank"] = 1 + sum(score > row["cv_score"] for score in rivals)


def regrets_of(rows: list[dict[str, Any]]) -> list[float]:
    return [row["regret"] for row in rows]


def against_ours(own: list[dict[str, Any]], base: list[dict[str, Any]]) -> str:
    return paired(regrets_of(own), regrets_of(base), [row["problem"] for row in own]) if own else ""


def report(rows: list[dict[str, Any]], budgets: tuple[int, ...]) -> str:
    """Return tables that compare the methods, where ours and the random search are measured."""
    rows = [row for row in rows if row["regret"] != ""]
    at = {(row["method"], row["candidates"], row["problem"], row["seed"]): row for row in rows}
    regrets, against = [], []
    for name in dict.fromkeys(row["method"] for row in rows):
        cells = []
        pairs = []
        for budget in budgets:
            own = [row for row in rows if (row["method"], row["candidates"]) == (name, budget)]
            base = [at[OURS, budget, row["problem"], row["seed"]] for row in own]
            pairs.append((own, base))
            cells.append(mean_and_error(regrets_of(own)) if own else "")
        own, base = next(pair for pair in reversed(pairs) if pair[0])
        rank = f"{np.mean([row['rank'] for row in own]):.1f}" if base[0]["candidates"] == budgets[-1] else ""
        regrets.append([name, len(own), *cells, rank, f"{np.mean([row['share_of_rows'] for row in own]):.0%}"])
        if name != OURS:
            held_out = [row["held_out_gain"] for row in own]
            against.append(
                [
                    name,
                    *(against_ours(*pair) for pair in pairs),
                    paired(held_out, np.zeros(len(own)), [row["problem"] for row in own]),
                ]
            )
    after = [f"after {budget}" for budget in budgets]
    return (
        markdown_table(["regret", "searches", *after, "mean rank", "rows of a fit"], regrets)
        + "\n\n"
        + markdown_table(["regret less ours", *after, "held-out score less ours, at its end"], against)
    )


EXPLAINED = """\
The first table shows regret: how far the best CV score that a method has measured on all five folds is from the best
one that any method found on this table and seed, after the fits of so many candidates (five fits each). A regret of 0
is that best score, and 1 is the median of the random candidates. The cells are means ± standard errors over tables and
seeds; the rank is among all methods with the last budget. The second table shows differences on the same table, folds
and seed: above 0, OptunaSearchCV found a better candidate, below 0 the other method did. Held-out scores are those of
the best candidate at a method's last budget, fitted on all training rows, in the same units; higher is better. The
first t is over all pairs. The second t is over the means of the tables, which are fewer but independent. A t between
-2 and 2 may be chance.

A fit counts as the share of a fold's training rows that it has; `rows of a fit` is the average of a method's fits. All
methods have their own defaults, with these exceptions. `OptunaSearchCV` and `GASearchCV` continue until all fits are
used: racing stops candidates early, and `GASearchCV` does not fit a candidate again. `GridSearchCV` has a grid for each
budget: the parameter with the fewest levels has one more, in the order of the space, as long as the product allows it;
levels are the middles of parts of equal probability. `HalvingRandomSearchCV` has three rungs, the first with a ninth of
the rows, and as many first candidates as cost, with those of all rungs and its winner on all folds, what the budget
allows. `GASearchCV` has a population of 10 (with its default of 50, 100 candidates would be one generation). `SMAC` is
its facade for hyperparameters over `cross_val_score`, once for each budget, because a quarter of the budget is its
first design. `hyperopt` is `fmin` with TPE over `cross_val_score`. `BayesSearchCV` takes most of a second for a
proposal, so it has fewer seeds. Defaults of `OptunaSearchCV` were chosen on tables of the problems marked *, with other
folds; the other tables were opened for the benchmarks."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--problems", nargs="+", default=list(CHOSEN), choices=list(CHOSEN), metavar="PROBLEM")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS), metavar="METHOD")
    parser.add_argument(
        "--jobs", type=int, default=1, help="number of processes; the results are the same for any number"
    )
    parser.add_argument("--name", default="fits", help="name of the files to write")
    parser.add_argument("--resume", action="store_true", help="measure only what is not in the CSV file")
    parser.add_argument(
        "--again",
        nargs="+",
        default=[],
        choices=list(METHODS),
        metavar="METHOD",
        help="as --resume, but measure these anew",
    )
    parser.add_argument("--report", action="store_true", help="write the page from the CSV file, and measure nothing")
    args = parser.parse_args()
    args.methods = list(dict.fromkeys([OURS, RANDOM, *args.methods]))  # the others are compared to these
    budgets = (4, 8) if args.quick else BUDGETS
    if args.quick:
        args.seeds, args.problems = [0], ["concrete, tree"]
        missing = [name for name, package in PACKAGE_OF.items() if find_spec(package) is None]
        print("".join(f"{name} is left out: {PACKAGE_OF[name]} is not installed.\n" for name in missing))
        args.methods = [name for name in args.methods if name not in missing]
    if args.report:
        rows = read_rows(args.name)
    else:
        rows = measure_missing(
            args.name,
            partial(measured, budgets=budgets),
            [
                (problem, seed, method)
                for seed in args.seeds
                for problem in args.problems
                for method in args.methods
                if seed < SEEDS.get(method, seed + 1)
            ],
            jobs=args.jobs,
            is_resumed=args.resume or bool(args.again),
            is_quick=args.quick,
            add=add_regrets,
            columns=COLUMNS,
            keys=("problem", "seed", "method"),
            is_kept=lambda row: row["method"] not in args.again,
        )
    packages = ("scikit-optimize", "hyperopt", "sklearn-genetic-opt", "smac")
    about = environment_of(args.name) if args.report else environment(*packages)
    n_pairs = len({(row["problem"], row["seed"]) for row in rows})
    problems = sorted({f"{row['problem']}{' *' if row['problem'] in SEEN else ''}" for row in rows})
    text = (
        f"# Quality against the number of fits\n\n{PICTURE}\n\n{about}\n\n{len(problems)} real tables, {n_pairs} "
        f"pairs of a table and a seed: {'; '.join(problems)}.\n\n{report(rows, budgets)}\n\n{EXPLAINED}\n"
    )
    print(text)
    if not args.quick:
        (RESULTS / f"{args.name}.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

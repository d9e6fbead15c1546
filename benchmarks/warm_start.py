"""What earlier searches on other tables save: `warm_start_from`, with one table left out at a time.

``python -m benchmarks.warm_start``: on each table of `benchmarks.shared_spaces.REPORTED`, a search begins with the best
candidates of the searches on all other tables, with the same model and space. A second one is misled: it gets the same
searches with their scores reversed. They are compared with searches that know nothing of other tables. The rules were
chosen on other tables (`TUNED`). The results do not depend on time.
"""

import argparse
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

import numpy as np
import optuna

from benchmarks._measure import RESULTS, environment, markdown_table, measure_missing, paired
from benchmarks.counting import best_after, noted
from benchmarks.shared_spaces import MODELS, REPORTED
from benchmarks.tabulated import FOLDS, N_FOLDS, SHARED, Tabulated, X, Y, path_of, surrogate
from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.proposals import _plan
from sklearn_autotune.proposals._first_candidates import make_first_candidates
from sklearn_autotune.space._space import read_space

N_TRIALS = 50
SOURCE_SEED = 100  # of the searches on the other tables
GRID = list(range(5, 255, 5))  # numbers of fits after which regrets are noted
LEVELS = (25, 50, 100, 150, 200)  # those that are reported
METHODS = ("no first candidates", "default", "warm start", "three sources", "misled")


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
            measure_default=False,
            random_state=seed,
            **params,
        ).fit(X, Y)
        scores, _ = best_after(fits, N_FOLDS)
    return fitted, scores


@cache
def earlier(name: str, n_trials: int) -> OptunaSearchCV:
    """Return a search as it was done on another table."""
    with known_candidates(name):
        return search(name, SOURCE_SEED, n_trials)[0]


def searches(problem: str, seed: int, n_trials: int) -> list[dict[str, Any]]:
    """Run all methods on one problem and seed; this may run in a worker process."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    others = [earlier(name, n_trials) for name in names(problem.rpartition(", ")[2]) if name != problem]
    drawn = [others[place] for place in np.random.RandomState(seed).permutation(len(others))[:3]]
    arguments: dict[str, dict[str, Any]] = {
        "no first candidates": {"enqueue": None},
        "default": {},
        "warm start": {"warm_start_from": others},
        "three sources": {"warm_start_from": drawn},
        "misled": {"warm_start_from": [Reversed(other) for other in others]},
    }
    made = surrogate(problem)
    rows = []
    for method in METHODS:
        with known_candidates(problem):
            _, curve = search(problem, seed, n_trials, **arguments[method])
        regrets = {f"after_{n}": round(regret(curve[min(n, len(curve)) - 1], made), 5) for n in GRID}
        rows.append({"problem": problem, "seed": seed, "method": method, "fits": len(curve), **regrets})
    return rows


@contextmanager
def known_candidates(name: str) -> Iterator[None]:
    """Let the catalogue know `Tabulated` as the model of a problem: its own and known settings."""
    made = _plan.make_first_candidates
    _plan.make_first_candidates = lambda *_args, **_params: first_candidates(name)  # type: ignore[assignment]
    try:
        yield
    finally:
        _plan.make_first_candidates = made


def regret(score: float, made: Any) -> float:
    """Return how far a score is from the best one, in units of the distance to the median; at most 3."""
    return 3.0 if np.isnan(score) else min(3.0, float((made.best - score) / (made.best - made.typical)))


def names(model: str) -> list[str]:
    """Return the measured problems of a model whose results are reported."""
    wanted = [f"{table} shared, {model}" for table in REPORTED]
    return [name for name in wanted if path_of(name).exists()]


def report(rows: list[dict[str, Any]]) -> str:
    """Return a table of mean regrets, one of differences, and one of the fits that mean regrets take."""
    regrets, differences, sooner = [], [], []
    for model in (*MODELS, "all"):
        of_model = [row for row in rows if model in ("all", row["problem"].rpartition(", ")[2])]
        by_method = {method: [row for row in of_model if row["method"] == method] for method in METHODS}
        curves = {
            method: np.mean([[row[f"after_{n}"] for n in GRID] for row in by_method[method]], 0) for method in METHODS
        }
        for method, own in by_method.items():
            column = {n: [row[f"after_{n}"] for row in own] for n in LEVELS}
            regrets.append([model, method, *(f"{np.mean(column[n]):.3f}" for n in LEVELS)])
            base = by_method["no first candidates"]
            if own is not base:
                problems = [row["problem"] for row in own]
                cells = [paired(column[n], [row[f"after_{n}"] for row in base], problems) for n in LEVELS]
                differences.append([model, method, *cells])
                cells = [f"{n / fits_until(curves[method], target):.2f}" for n, target in targets(curves)]
                sooner.append([model, method, *cells])
    after = [f"after {n} fits" for n in LEVELS]
    return "\n\n".join(
        (
            markdown_table(["model", "regret", *after], regrets),
            markdown_table(["model", "regret less that without first candidates", *after], differences),
            markdown_table(["model", "times as soon at the mean regret without first candidates", *after], sooner),
        )
    )


def targets(curves: dict[str, np.ndarray]) -> list[tuple[int, float]]:
    """Return the mean regrets to be reached: those of the search without first candidates."""
    return [(n, float(curves["no first candidates"][GRID.index(n)])) for n in LEVELS]


def fits_until(curve: np.ndarray, target: float) -> float:
    """Return after how many fits a mean regret is reached; twice the last number if it is not."""
    reached = np.flatnonzero(curve <= target)
    return float(GRID[reached[0]]) if len(reached) else 2.0 * GRID[-1]


EXPLAINED = """\
Regret is 0 at the best score on a table, and 1 at the median of the random candidates; means over tables and seeds. The
second table compares pairs of a table and a seed; below 0, a method is better. The third table says how many times
fewer fits a method needs for the mean regret that the search without first candidates has after so many fits.

"No first candidates" is `enqueue=None`. The default begins with the estimator's own parameters and the known good
settings of `enqueue="auto"`; there are none for a single tree. A warm start proposes up to ten candidates of the
searches on all other tables, or on three of them, in turn with these. "Misled" gets the searches on all other tables
with reversed scores."""


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

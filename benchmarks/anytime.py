"""Time until a search reaches the CV score that RandomizedSearchCV has after 100 candidates.

``python -m benchmarks.anytime``: for each problem and seed, all methods search on the same training rows and folds, one
after the other and in one process. The target is the best mean CV score of RandomizedSearchCV. The time of a method is
the time when a candidate that is measured on all folds reaches the target. If a method does not reach it, its whole
time counts. OptunaSearchCV measures at least 100 candidates; if it has not reached the final scores of the random
search and of optuna-integration by then, it goes on, up to 400. optuna-integration measures 100. Held-out scores are
those of the best candidate (for OptunaSearchCV, of the first 100), fitted on all training rows.

The CSV file is written after each problem and seed. ``--resume`` measures only what is not in it, ``--report`` writes
the page from it and measures nothing.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import optuna
from scipy.stats import randint
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.metrics import get_scorer
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

from benchmarks._measure import (
    RESULTS,
    environment,
    environment_of,
    measure_missing,
    picture,
    read_rows,
    seconds_of,
)
from benchmarks.anytime_report import OURS, RANDOM, RIVAL, report
from benchmarks.fresh_problems import FRESH_PROBLEMS
from benchmarks.peers.searches import SEARCHES
from benchmarks.problems import PROBLEMS, Problem
from sklearn_autotune.space._space import read_space

PICTURE = picture("anytime", "Times as fast as RandomizedSearchCV to its score, by method")
N_CANDIDATES = 100
MAX_CANDIDATES = 400
N_FOLDS = 5
CLOCK = time.perf_counter

# With the same seed as RandomizedSearchCV, other searches would draw the candidates of which the best is the target.
OTHER_SEED = 1000

# Problems on whose tables defaults of OptunaSearchCV were chosen, with other folds and candidates.
SEEN = (
    "credit, XGBoost",
    "churn, SVC",
    "cells, SVC",
    "digits, MLP",
    "Default, gradient boosting",
    "breast cancer, MLP",
)
BY_NAME = {problem.name: problem for problem in (*PROBLEMS, *FRESH_PROBLEMS)}
CHOSEN = (*SEEN, *(problem.name for problem in FRESH_PROBLEMS))

COLUMNS = (
    *("problem", "seed", "method", "target", "reached", "seconds", "own_best_after", "whole_seconds"),
    *("rival_target", "rival_reached", "rival_seconds", "candidates", "fit_ms", "cv_score", "held_out"),
)


@dataclass
class Trace:
    """The time and the score of each candidate of a search.

    ``seconds`` and ``scores`` have one entry per candidate. The score is NaN if it was not measured on all folds.
    ``fit_ms`` is the mean time of fitting and scoring a fold; only RandomizedSearchCV, which fits all folds, tells it.
    """

    seconds: list[float]
    scores: list[float]
    best_params: dict[str, Any]
    fit_ms: float | str = ""

    @property
    def best(self) -> float:
        """The best score of all candidates that are measured on all folds."""
        return max(score for score in self.scores if score == score)

    def reached(self, target: float) -> float | None:
        """Return the seconds until the target was reached; None if it was not."""
        for seconds, score in zip(self.seconds, self.scores, strict=True):
            if score >= target - 1e-12:
                return seconds
        return None

    def seconds_to(self, target: float) -> float:
        """Return the seconds until the target was reached; all seconds if it was not."""
        reached = self.reached(target)
        return self.seconds[-1] if reached is None else reached


@dataclass(frozen=True)
class Setting:
    """What all methods search: the model, the problem, the training rows and the folds."""

    model: Any
    problem: Problem
    X: Any
    y: Any
    cv: Any
    seed: int

    def search(self, name: str, seed: int | None = None, n_candidates: int | None = None, **params: Any) -> Any:
        """Build a search by its name; its default seed differs from that of the random search."""
        build = SEARCHES[name]
        seed = self.seed + OTHER_SEED if seed is None else seed
        shared = {"scoring": self.problem.scoring, "cv": self.cv, "refit": False}
        return build(self.model, self.problem.space, n_candidates or N_CANDIDATES, seed, **shared, **params)


def randomized(setting: Setting) -> Trace:
    """Run scikit-learn's random search with all its candidates."""
    search = setting.search(RANDOM, seed=setting.seed)
    seconds = seconds_of(lambda: search.fit(setting.X, setting.y), CLOCK)
    results = search.cv_results_
    spent = np.cumsum((results["mean_fit_time"] + results["mean_score_time"]) * N_FOLDS)
    scores = results["mean_test_score"]
    fit_ms = round(1000 * seconds / (N_FOLDS * len(scores)), 3)
    return Trace(list(spent / spent[-1] * seconds), list(scores), results["params"][int(np.argmax(scores))], fit_ms)


def ours(setting: Setting, target: float, n_candidates: int | None = None, **params: Any) -> Trace:
    """Run OptunaSearchCV with its defaults until it has measured 100 candidates and reached the target.

    It may measure so many that it would search a small space in full, in the order of a grid. As this is not what it
    does with 100 candidates, it measures one candidate fewer than the space has.
    """
    n_most = min(n_candidates or MAX_CANDIDATES, (read_space(setting.problem.space).size or np.inf) - 1)
    n_least = N_CANDIDATES if not params else 1
    stamps: list[float] = []
    best = -np.inf
    start = CLOCK()

    def stamp(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        nonlocal best
        stamps.append(CLOCK() - start)
        if trial.state == optuna.trial.TrialState.COMPLETE:
            best = max(best, trial.value)
        if best >= target and len(stamps) >= n_least:
            study.stop()

    search = setting.search(OURS, seed=setting.seed, n_candidates=int(n_most), callbacks=[stamp], **params).fit(
        setting.X, setting.y
    )
    scores = dict(search.cv_results_)["mean_test_score"]
    first = int(np.nanargmax(scores[:N_CANDIDATES]))
    return Trace(stamps, list(scores[: len(stamps)]), search.cv_results_["params"][first])


def ours_in_full(setting: Setting, target: float) -> Trace:
    """Run OptunaSearchCV without racing, so that all candidates are measured in full."""
    return ours(setting, target, N_CANDIDATES, pruner=None)


def integration(setting: Setting, target: float) -> Trace:
    """Run optuna-integration's class with all its candidates."""
    stamps: list[float] = []
    start = CLOCK()

    def stamp(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        stamps.append(CLOCK() - start)

    search = setting.search(RIVAL, callbacks=[stamp]).fit(setting.X, setting.y)
    scores = [np.nan if trial.value is None else trial.value for trial in search.study_.trials]
    best = search.study_.trials[int(np.nanargmax(scores))]
    return Trace(stamps, scores, best.params)


def halving(setting: Setting, target: float) -> Trace:
    """Run scikit-learn's successive halving; afterwards its winner is measured on all folds, which is not timed."""
    search = setting.search("HalvingRandomSearchCV")
    seconds = seconds_of(lambda: search.fit(setting.X, setting.y), CLOCK)
    chosen = clone(setting.model).set_params(**search.best_params_)
    score = cross_val_score(chosen, setting.X, setting.y, cv=setting.cv, scoring=setting.problem.scoring).mean()
    return Trace([seconds], [score], search.best_params_)


def bayes(setting: Setting, target: float) -> Trace:
    """Run scikit-optimize's Gaussian process, until it has reached the target or measured 100 candidates."""
    stamps: list[float] = []
    start = CLOCK()

    def stamp(result: Any) -> bool:
        stamps.append(CLOCK() - start)
        return -result.fun >= target

    search = setting.search("BayesSearchCV")
    search.fit(setting.X, setting.y, callback=stamp)
    return Trace(stamps, list(search.cv_results_["mean_test_score"])[: len(stamps)], dict(search.best_params_))


METHODS: dict[str, Callable[[Setting, float], Trace]] = {
    OURS: ours,
    "OptunaSearchCV, pruner=None": ours_in_full,
    RIVAL: integration,
    "HalvingRandomSearchCV": halving,
    "BayesSearchCV": bayes,
}

# Methods that take long or that are of less interest, and the number of seeds on which they are compared.
SEEDS = {"OptunaSearchCV, pruner=None": 1, "HalvingRandomSearchCV": 2, "BayesSearchCV": 1}
USUAL = tuple(name for name in METHODS if name != "BayesSearchCV")


def warm_up(methods: tuple[str, ...]) -> None:
    """Run each search once on a few rows, so that no method is charged for what it imports."""
    X, y = load_iris(return_X_y=True)
    problem = Problem("iris", lambda: (X, y), DecisionTreeClassifier, {"max_depth": randint(1, 9)}, "accuracy")
    setting = Setting(DecisionTreeClassifier(), problem, X, y, StratifiedKFold(3, shuffle=True, random_state=0), 0)
    for name in (RANDOM, *methods):
        setting.search(name.partition(",")[0], n_candidates=3).fit(X, y)


def measured(problem: str, seed: int, methods: tuple[str, ...], *, is_cpu: bool) -> list[dict[str, Any]]:
    """Measure one problem and seed with one thread; this may run in a worker process."""
    global CLOCK
    CLOCK = time.process_time if is_cpu else time.perf_counter
    warnings.simplefilter("ignore")  # of models that do not converge with some candidates
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with threadpool_limits(1):
        warm_up(methods)
        return measure(problem, seed, methods)


def measure(problem: str, seed: int, methods: tuple[str, ...]) -> list[dict[str, Any]]:
    """Run all methods on one problem and seed; return one row each."""
    own = BY_NAME[problem]
    X, X_held_out, y, y_held_out = own.split(seed)
    folds = StratifiedKFold if own.is_classification else KFold
    setting = Setting(own.make(seed), own, X, y, folds(N_FOLDS, shuffle=True, random_state=seed), seed)
    scorer = get_scorer(own.scoring)
    base = randomized(setting)
    target = base.best
    traces = {RANDOM: base}
    if RIVAL in methods:
        traces[RIVAL] = integration(setting, target)
    rival = traces.get(RIVAL)
    for name in methods:
        if name in traces or seed >= SEEDS.get(name, seed + 1):
            continue
        if name == "BayesSearchCV" and any(isinstance(values, list) for values in own.space.values()):
            continue  # it has no categories of tuples
        both = max(target, rival.best) if name == OURS and rival is not None else target
        traces[name] = METHODS[name](setting, both)
    rows = []
    for name, trace in traces.items():
        model = clone(setting.model).set_params(**trace.best_params).fit(X, y)
        row = {
            "problem": problem,
            "seed": seed,
            "method": name,
            "target": target,
            "reached": trace.reached(target) is not None,
            "seconds": base.seconds[-1] if trace is base else trace.seconds_to(target),
            "own_best_after": trace.seconds_to(trace.best),
            "whole_seconds": trace.seconds[-1],
            "rival_target": "" if rival is None else rival.best,
            "rival_reached": "" if rival is None else trace.reached(rival.best) is not None,
            "rival_seconds": "" if rival is None else trace.seconds_to(rival.best),
            "candidates": len(trace.seconds),
            "fit_ms": trace.fit_ms,
            "cv_score": max(score for score in trace.scores[:N_CANDIDATES] if score == score),
            "held_out": scorer(model, X_held_out, y_held_out),
        }
        rows.append({key: value.item() if isinstance(value, np.generic) else value for key, value in row.items()})
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--problems", nargs="+", default=list(CHOSEN), choices=list(BY_NAME), metavar="PROBLEM")
    parser.add_argument(
        "--methods",
        nargs="+",
        default=list(USUAL),
        choices=list(METHODS),
        metavar="METHOD",
        help=f"beside {RANDOM}; all but BayesSearchCV by default",
    )
    parser.add_argument("--name", default="anytime", help="name of the files to write")
    parser.add_argument("--resume", action="store_true", help="measure only the problems and seeds not in the CSV file")
    parser.add_argument("--report", action="store_true", help="write the page from the CSV file, and measure nothing")
    parser.add_argument("--jobs", type=int, default=1, help="problems and seeds at a time, at most one a core")
    parser.add_argument("--cpu", action="store_true", help="CPU seconds instead of seconds, on a machine that is busy")
    args = parser.parse_args()
    global N_CANDIDATES, MAX_CANDIDATES
    if args.quick:
        N_CANDIDATES, MAX_CANDIDATES = 8, 12
        args.seeds, args.problems = [0], ["diabetes, SVR"]
    if args.report:
        rows = read_rows(args.name)
    else:
        rows = measure_missing(
            args.name,
            partial(measured, methods=tuple(args.methods), is_cpu=args.cpu),
            [(problem, seed) for seed in args.seeds for problem in args.problems],
            jobs=1 if args.quick else args.jobs,
            is_resumed=args.resume,
            is_quick=args.quick,
            columns=COLUMNS,
        )
    measured_with = f"; {args.jobs} at a time" * (args.jobs > 1) + "; CPU seconds" * args.cpu
    about = environment_of(args.name) if args.report else environment() + measured_with
    text = f"# Time to the score of a random search\n\n{PICTURE}\n\n{about}\n\n{report(rows, SEEN, list(METHODS))}\n"
    print(text)
    if not args.quick:
        (RESULTS / f"{args.name}.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

"""Seconds until a search reaches the CV score that RandomizedSearchCV has after 100 candidates.

``python -m benchmarks.anytime``: for each problem and seed, all methods search on the same training rows and folds, in
turn and in one process. The target is the best mean CV score of RandomizedSearchCV. The time of a method is the time
when a candidate that is measured on all folds reaches the target. If a method does not reach it, its whole time counts.
OptunaSearchCV measures at least 100 candidates, and up to 400 if it has not reached the target; the others stop at the
target or after 100. Held-out scores are those of the best candidate so far (for OptunaSearchCV, of the first 100),
fitted on all training rows.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from sklearn.base import clone
from sklearn.metrics import get_scorer
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score

from benchmarks._measure import RESULTS, environment, markdown_table, picture, seconds_of, t_of, write_rows
from benchmarks.peers.searches import SEARCHES
from benchmarks.problems import PROBLEMS, Problem

PICTURE = picture("anytime", "Times as fast as RandomizedSearchCV to its score, by method")
N_CANDIDATES = 100
MAX_CANDIDATES = 400
N_FOLDS = 5

# With the same seed as RandomizedSearchCV, other searches would draw the candidates of which the best is the target.
OTHER_SEED = 1000

# Problems whose fits take 20 to 130 ms: long enough to matter, and short enough to run this benchmark.
CHOSEN = (
    "credit, XGBoost",
    "churn, SVC",
    "cells, SVC",
    "digits, MLP",
    "Default, gradient boosting",
    "breast cancer, MLP",
)


@dataclass
class Trace:
    """The time and the score of each candidate of a search.

    ``seconds`` and ``scores`` have one entry per candidate. The score is NaN if it was not measured on all folds.
    """

    seconds: list[float]
    scores: list[float]
    best_params: dict[str, Any]

    def reached(self, target: float) -> float | None:
        """Return the seconds until the target was reached; None if it was not."""
        for seconds, score in zip(self.seconds, self.scores, strict=True):
            if score >= target - 1e-12:
                return seconds
        return None


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


def randomized(setting: Setting, target: float) -> Trace:
    """Run scikit-learn's random search with all its candidates."""
    search = setting.search("RandomizedSearchCV", seed=setting.seed)
    seconds = seconds_of(lambda: search.fit(setting.X, setting.y), time.perf_counter)
    results = search.cv_results_
    spent = np.cumsum((results["mean_fit_time"] + results["mean_score_time"]) * N_FOLDS)
    scores = results["mean_test_score"]
    return Trace(list(spent / spent[-1] * seconds), list(scores), results["params"][int(np.argmax(scores))])


def ours(setting: Setting, target: float, n_candidates: int | None = None, **params: Any) -> Trace:
    """Run OptunaSearchCV with its defaults."""
    n_least = N_CANDIDATES if not params else 1
    stamps: list[float] = []
    best = -np.inf
    start = time.perf_counter()

    def stamp(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        nonlocal best
        stamps.append(time.perf_counter() - start)
        if trial.state == optuna.trial.TrialState.COMPLETE:
            best = max(best, trial.value)
        if best >= target and len(stamps) >= n_least:
            study.stop()

    search = setting.search(
        "OptunaSearchCV", seed=setting.seed, n_candidates=n_candidates or MAX_CANDIDATES, callbacks=[stamp], **params
    ).fit(setting.X, setting.y)
    scores = dict(search.cv_results_)["mean_test_score"]
    first = int(np.nanargmax(scores[:N_CANDIDATES]))
    return Trace(stamps, list(scores[: len(stamps)]), search.cv_results_["params"][first])


def ours_in_full(setting: Setting, target: float) -> Trace:
    """Run OptunaSearchCV without racing, so that all candidates are measured in full."""
    return ours(setting, target, N_CANDIDATES, pruner=None)


def integration(setting: Setting, target: float) -> Trace:
    """Run optuna-integration's class, until it has reached the target or measured 100 candidates."""
    stamps: list[float] = []
    start = time.perf_counter()

    def stamp(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        stamps.append(time.perf_counter() - start)
        if trial.state == optuna.trial.TrialState.COMPLETE and trial.value >= target:
            study.stop()

    search = setting.search("optuna-integration", callbacks=[stamp]).fit(setting.X, setting.y)
    scores = [np.nan if trial.value is None else trial.value for trial in search.study_.trials]
    best = search.study_.trials[int(np.nanargmax(scores))]
    return Trace(stamps, scores, best.params)


def halving(setting: Setting, target: float) -> Trace:
    """Run scikit-learn's successive halving; afterwards its winner is measured on all folds, which is not timed."""
    search = setting.search("HalvingRandomSearchCV")
    seconds = seconds_of(lambda: search.fit(setting.X, setting.y), time.perf_counter)
    chosen = clone(setting.model).set_params(**search.best_params_)
    score = cross_val_score(chosen, setting.X, setting.y, cv=setting.cv, scoring=setting.problem.scoring).mean()
    return Trace([seconds], [score], search.best_params_)


def bayes(setting: Setting, target: float) -> Trace:
    """Run scikit-optimize's Gaussian process, until it has reached the target or measured 100 candidates."""
    stamps: list[float] = []
    start = time.perf_counter()

    def stamp(result: Any) -> bool:
        stamps.append(time.perf_counter() - start)
        return -result.fun >= target

    search = setting.search("BayesSearchCV")
    search.fit(setting.X, setting.y, callback=stamp)
    return Trace(stamps, list(search.cv_results_["mean_test_score"])[: len(stamps)], dict(search.best_params_))


EXPLAINED = (
    "The target is the best score of `RandomizedSearchCV` with 100 candidates. The table shows how many times faster a "
    "method reaches it than the whole random search takes: the geometric mean over the seeds, and the range of two "
    "standard errors. Slow methods have only one or two seeds. One job and one thread, fits of 20 to 130 ms; the "
    "methods took turns. `optuna-integration` cannot prune here, because its pruning needs `partial_fit` outside of a "
    "Pipeline."
)

# Methods that take long, and the number of seeds on which they are compared.
SLOW = {"OptunaSearchCV, pruner=None": 2, "BayesSearchCV": 1}

METHODS: dict[str, Callable[[Setting, float], Trace]] = {
    "OptunaSearchCV": ours,
    "OptunaSearchCV, pruner=None": ours_in_full,
    "optuna-integration": integration,
    "HalvingRandomSearchCV": halving,
    "BayesSearchCV": bayes,
}


def measure(problem: Problem, seed: int, methods: tuple[str, ...]) -> list[dict[str, Any]]:
    """Run all methods on one problem and seed; return one row each."""
    X, X_held_out, y, y_held_out = problem.split(seed)
    folds = StratifiedKFold if problem.is_classification else KFold
    setting = Setting(problem.make(seed), problem, X, y, folds(N_FOLDS, shuffle=True, random_state=seed), seed)
    scorer = get_scorer(problem.scoring)
    base = randomized(setting, np.inf)
    target = max(base.scores)
    traces = {"RandomizedSearchCV": base}
    for name in methods:
        if seed >= SLOW.get(name, seed + 1):
            continue
        if name == "BayesSearchCV" and any(isinstance(values, list) for values in problem.space.values()):
            continue  # it has no categories of tuples
        traces[name] = METHODS[name](setting, target)
    rows = []
    for name, trace in traces.items():
        model = clone(setting.model).set_params(**trace.best_params).fit(X, y)
        reached = trace.reached(target)
        rows.append(
            {
                "problem": problem.name,
                "seed": seed,
                "method": name,
                "target": target,
                "reached": reached is not None,
                "seconds": base.seconds[-1] if trace is base else reached or trace.seconds[-1],
                "own_best_after": base.reached(target) if trace is base else "",
                "candidates": len(trace.seconds),
                "cv_score": max(score for score in trace.scores[:N_CANDIDATES] if score == score),
                "held_out": scorer(model, X_held_out, y_held_out),
            }
        )
        print(rows[-1], flush=True)
    return rows


def interval(logs: np.ndarray) -> str:
    """Return the geometric mean of ratios as text, with the range of two standard errors of their logarithms."""
    error = 2 * logs.std(ddof=1) / np.sqrt(len(logs)) if len(logs) > 1 else 0.0
    low, middle, high = np.exp([logs.mean() - error, logs.mean(), logs.mean() + error])
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def report(rows: list[dict[str, Any]]) -> str:
    """Return a table that compares the methods."""
    methods = [name for name in METHODS if any(row["method"] == name for row in rows)]
    problems = list(dict.fromkeys(row["problem"] for row in rows))
    at = {(row["problem"], row["seed"], row["method"]): row for row in rows}

    def pairs(method: str, problem: str | None = None) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        return [
            (at[key[0], key[1], "RandomizedSearchCV"], row)
            for key, row in at.items()
            if key[2] == method and problem in (None, key[0])
        ]

    def speed(method: str, problem: str | None = None) -> str:
        found = pairs(method, problem)
        if not found:
            return ""
        return interval(np.log([base["seconds"] / row["seconds"] for base, row in found]))

    lines = [[problem, *(speed(method, problem) for method in methods)] for problem in problems]
    lines.append(["**all**", *(speed(method) for method in methods)])
    lines.append(["reached the target", *(share(pairs(method)) for method in methods)])
    lines.append(["held-out, t of the paired difference", *(held_out(pairs(method)) for method in methods)])
    own = np.log([row["seconds"] / row["own_best_after"] for row in rows if row["method"] == "RandomizedSearchCV"])
    return (
        markdown_table(["times as fast as RandomizedSearchCV", *methods], lines)
        + f"\n\nRandomizedSearchCV itself had its best candidate after 1/{interval(own)} of its seconds: to know that"
        " it was the best took all of them."
    )


def share(found: list[tuple[dict[str, Any], dict[str, Any]]]) -> str:
    return f"{sum(row['reached'] for _, row in found)} of {len(found)}"


def held_out(found: list[tuple[dict[str, Any], dict[str, Any]]]) -> str:
    """Compare held-out scores in units of their spread within each problem."""
    scaled: list[float] = []
    for problem in dict.fromkeys(row["problem"] for _, row in found):
        differences = np.array([row["held_out"] - base["held_out"] for base, row in found if row["problem"] == problem])
        scaled += list(differences / max(np.sqrt(np.mean(differences**2)), 1e-12))
    values = np.array(scaled)
    better = sum(row["held_out"] > base["held_out"] for base, row in found)
    worse = sum(row["held_out"] < base["held_out"] for base, row in found)
    return f"{t_of(values):+.1f} ({better} better, {worse} worse)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--problems", nargs="+", default=list(CHOSEN))
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--name", default="anytime", help="name of the files to write")
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # of models that do not converge with some candidates
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if args.quick:
        global N_CANDIDATES, MAX_CANDIDATES
        N_CANDIDATES, MAX_CANDIDATES = 8, 12
        args.seeds, args.problems = [0], ["diabetes, SVR"]
    rows = []
    for problem in PROBLEMS:
        if problem.name in args.problems:
            for seed in args.seeds:
                rows += measure(problem, seed, tuple(args.methods))
    text = (
        f"# Seconds to the score of a random search\n\n{PICTURE}\n\n{environment()}\n\n{EXPLAINED}\n\n{report(rows)}\n"
    )
    print(text)
    if not args.quick:
        write_rows(args.name, rows)
        (RESULTS / f"{args.name}.md").write_text(text)


if __name__ == "__main__":
    main()

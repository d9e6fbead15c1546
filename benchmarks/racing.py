"""What racing saves and loses, compared to a search that measures every candidate in full.

``python -m benchmarks.racing``: for several draws, random candidates are measured once on all folds. Then many searches
are replayed on these scores. Each search has its own selection and order of the candidates and its own order of the
folds, because all orders are equally arbitrary. A replayed search is a real one, whose estimator looks its scores up.
The true winner is the candidate with the best mean score. It is lost if racing stopped it and the search ended with a
worse one.
The same is done with simulated normal scores, for which the true error rate is known.

The cost of a fit is the share of a fold's training rows that it has. The CSV file is written after each table and draw.
``--resume`` measures only what is not in it, ``--report`` writes the page from it and measures nothing. With ``--keep
FOLDER`` a later run, with another rule, reads the scores of the candidates from the folder and fits nothing.
"""

import argparse
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from joblib import Parallel, delayed, dump, load
from sklearn.base import clone
from sklearn.metrics import get_scorer
from sklearn.model_selection import KFold, StratifiedKFold

from benchmarks._measure import (
    RESULTS,
    environment,
    environment_of,
    markdown_table,
    measure_missing,
    picture,
    read_rows,
)
from benchmarks.fresh_problems import FRESH_PROBLEMS
from benchmarks.lookup import Table, find_subsamples, replay
from benchmarks.problems import PROBLEMS, Problem
from sklearn_autotune import FoldRacing, OptunaSearchCV

Row = dict[str, Any]

PICTURE = picture("racing", "Cost that racing saves, by table")
N_CANDIDATES = 100  # of a search
N_MEASURED = 130  # from which they are selected
N_SEARCHES = 50  # for each draw of candidates and folds
N_SIMULATED = 300
N_FOLDS = 5

# Seeds of the draws. FIRST_DRAWS were looked at when the part of the error rate that belongs to the first fold was
# chosen from three values; no constant was chosen on FRESH_DRAWS.
FIRST_DRAWS = (1000, 1001, 1002, 1003)
FRESH_DRAWS = (2000, 2001, 2002, 2003)

TOO_SLOW = ("ames, XGBoost", "ames, histogram boosting", "deliveries, histogram boosting")
TABLES = {problem.name: problem for problem in PROBLEMS if problem.name not in TOO_SLOW}
REGRESSION = {
    problem.name: problem
    for problem in FRESH_PROBLEMS
    if not problem.is_classification and problem.name not in TOO_SLOW
}
BY_NAME = TABLES | REGRESSION

SIMULATED = {
    f"normal, spread {spread:g}, {n_folds} folds": (spread, n_folds) for n_folds in (5, 10) for spread in (0.5, 1, 2, 4)
}
COLUMNS = ("problem", "seed", "n_folds", "cost_saved", "fits_saved", "seconds_saved", "lost", "regret")


def measure_table(name: str, seed: int, n_folds: int, n_jobs: int, kept_in: Path | None = None) -> Table:
    """Measure random candidates on all folds, and on the subsample of each fold.

    With ``kept_in``, what is measured is written to this folder, and read from it if it is there. After a change of the
    subsamples only these are measured again.
    """
    problem = BY_NAME[name]
    X, _, y, _ = problem.split(0)
    splitter = (StratifiedKFold if problem.is_classification else KFold)(n_folds, shuffle=True, random_state=seed)
    folds = list(splitter.split(X, y))
    path = None if kept_in is None else kept_in / f"{name}, {seed}, {n_folds} folds, {N_MEASURED}.joblib"
    kept = load(path) if path is not None and path.exists() else {}
    if not kept:
        results = measure_folds(problem, X, y, folds, seed, n_jobs)
        kept["params"] = results["params"]
        kept["scores"] = np.column_stack([results[f"split{fold}_test_score"] for fold in range(n_folds)])
        kept["seconds"] = results["mean_fit_time"] + results["mean_score_time"]
    subsamples = find_subsamples(y, folds, is_classification=problem.is_classification)
    if not is_same(kept.get("subsamples"), subsamples):
        model, scorer = problem.make(0), get_scorer(problem.scoring)
        calls = (
            delayed(score_subsamples)(clone(model).set_params(**params), scorer, X, y, folds, subsamples)
            for params in kept["params"]
        )
        kept |= {"subsamples": subsamples, "subsample_scores": np.array(Parallel(n_jobs)(calls))}
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        dump(kept, path)
    scores = (kept["scores"], kept["seconds"], kept["subsamples"], kept["subsample_scores"])
    return Table(name, y, folds, *scores, problem.is_classification)


def is_same(old: list[np.ndarray] | None, new: list[np.ndarray]) -> bool:
    return old is not None and all(np.array_equal(rows, others) for rows, others in zip(old, new, strict=True))


def measure_folds(problem: Problem, X: Any, y: np.ndarray, folds: list[Any], seed: int, n_jobs: int) -> Any:
    """Measure random candidates on all folds; return `cv_results_`."""
    search = OptunaSearchCV(
        problem.make(0),
        problem.space,
        n_trials=N_MEASURED,
        scoring=problem.scoring,
        cv=folds,
        sampler=optuna.samplers.RandomSampler(seed=seed),
        pruner=None,
        random_state=0,
        refit=False,
        measure_default=False,
        n_jobs=n_jobs,
    )
    return search.fit(X, y).cv_results_


def score_subsamples(
    model: Any, scorer: Any, X: Any, y: np.ndarray, folds: list[Any], subsamples: list[np.ndarray]
) -> list[float]:
    """Return the score on the test rows of each fold after a fit on its subsample; NaN if there is none or it fails."""
    warnings.simplefilter("ignore")  # of models that do not converge with some candidates

    def take(rows: np.ndarray) -> Any:
        return X.iloc[rows] if hasattr(X, "iloc") else X[rows]

    scores = []
    for rows, (_, test) in zip(subsamples, folds, strict=True):
        try:
            fitted = clone(model).fit(take(rows), y[rows]) if len(rows) else None
            scores.append(np.nan if fitted is None else float(scorer(fitted, take(test), y[test])))
        except ValueError:  # such as more neighbours than rows
            scores.append(np.nan)
    return scores


def simulate_tables(name: str, seed: int) -> Iterator[Table]:
    """Yield simulated scores. The true means vary with ``spread`` times the standard deviation of a fold's noise."""
    spread, n_folds = SIMULATED[name]
    random = np.random.RandomState(seed)
    rows = np.arange(2 * n_folds)
    folds = [(np.setdiff1d(rows, test), test) for test in rows.reshape(n_folds, 2)]
    for _ in range(N_SIMULATED):
        means = random.normal(scale=spread, size=(N_CANDIDATES, 1))
        scores = means + random.normal(size=(N_CANDIDATES, n_folds)) + 3 * random.normal(size=n_folds)
        yield Table(name, rows.astype(float), folds, scores, np.ones(N_CANDIDATES), [], scores, False)


def replay_searches(table: Table, seed: int, n_searches: int, random_state: int) -> Iterator[Row]:
    """Replay searches; yield a row for each, with the saved shares, whether the winner was lost, and the regret."""
    random = np.random.RandomState(random_state)
    n_folds = table.scores.shape[1]
    for _ in range(n_searches):
        chosen = random.permutation(len(table.scores))[:N_CANDIDATES]
        found = replay(table, chosen, random.permutation(n_folds))
        means, seconds = table.scores[chosen].mean(axis=1), table.seconds[chosen]
        best = means[found.n_folds == n_folds].max()
        saved = {
            "cost_saved": 1 - found.cost.mean() / n_folds,
            "fits_saved": 1 - found.n_fits.mean() / n_folds,
            "seconds_saved": 1 - found.cost @ seconds / (n_folds * seconds.sum()),
            # In units of the spread of the better half, because very bad candidates would make any regret look small.
            "regret": (means.max() - best) / np.sort(means)[len(means) // 2 :].std(),
        }
        row = {"problem": table.problem, "seed": seed, "n_folds": n_folds, "lost": bool(best < means.max()), **saved}
        yield {name: round(float(row[name]), 4) if name in saved else row[name] for name in COLUMNS}


def measured(name: str, seed: int, n_folds: int, n_jobs: int, kept_in: Path | None) -> list[Row]:
    """Return the rows of all searches on one draw of a table, or on simulated scores."""
    warnings.simplefilter("ignore")  # of models that do not converge with some candidates
    if name in SIMULATED:
        return [row for table in simulate_tables(name, seed) for row in replay_searches(table, seed, 1, 0)]
    table = measure_table(name, seed, n_folds, n_jobs, kept_in)
    rows = list(replay_searches(table, seed, N_SEARCHES, seed % 1000))
    print(line(f"{name}, draw {seed}", rows), flush=True)
    return rows


def line(name: str, rows: list[Row]) -> list[Any]:
    """Return a line of the table of the page."""
    column = {key: np.array([row[key] for row in rows], dtype=float) for key in COLUMNS[3:]}
    low, high = column["cost_saved"].min(), column["cost_saved"].max()
    return [
        name,
        len(rows),
        f"{column['cost_saved'].mean():.0%} ({low:.0%} to {high:.0%})",
        f"{column['fits_saved'].mean():.0%}",
        f"{column['seconds_saved'].mean():.0%}",
        f"{column['lost'].mean():.1%}",
        f"{column['regret'].mean():.4f} ({column['regret'].max():.2f})",
    ]


def mean_of(rows: list[Row], key: str) -> float:
    return float(np.mean([row[key] for row in rows]))


def report(rows: list[Row]) -> str:
    """Return the table of the page, and name the worst tables."""
    names = [name for name in (*BY_NAME, *SIMULATED) if any(row["problem"] == name for row in rows)]
    of = {name: [row for row in rows if row["problem"] == name] for name in names}
    real = [row for row in rows if row["problem"] in BY_NAME]
    groups = {
        f"first draws, {FIRST_DRAWS[0]} to {FIRST_DRAWS[-1]}": [row for row in real if row["seed"] in FIRST_DRAWS],
        f"fresh draws, {FRESH_DRAWS[0]} to {FRESH_DRAWS[-1]}": [row for row in real if row["seed"] in FRESH_DRAWS],
        "regression tables that were opened for this page": [row for row in real if row["problem"] in REGRESSION],
        "**all tables**": real,
    }
    lines = [line(name, of[name]) for name in names if name in BY_NAME]
    lines += [line(name, own) for name, own in groups.items() if own]
    lines += [line(name, of[name]) for name in names if name in SIMULATED]
    header = ["table", "searches", "cost saved", "fits saved", "seconds saved", "winner lost", "regret, mean (largest)"]
    text = markdown_table(header, lines)
    if real:
        tables = [name for name in names if name in BY_NAME]
        lost = max(tables, key=lambda name: mean_of(of[name], "lost"))
        least = min(tables, key=lambda name: mean_of(of[name], "cost_saved"))
        text += (
            f"\n\nMost winners are lost on {lost} ({mean_of(of[lost], 'lost'):.1%}); least is saved on {least} "
            f"({mean_of(of[least], 'cost_saved'):.0%} of the cost)."
        )
    return text


EXPLAINED = (
    "{racing}, {n} random candidates a search. A line of a table has the searches of all its draws of candidates and "
    "folds. The cost of a fit is the share of a fold's training rows that it has; seconds are those of the candidates, "
    "in proportion to the cost. Cost saved: mean (range of single searches). Regret is the best mean score minus that "
    "of the winner, in standard deviations of the means of the better half of the candidates. Searches on one draw "
    "share its candidates and its folds, so the share of lost winners is known to about half a percent.\n\n"
    "The constants of the rule were chosen with other candidates and other folds of the same tables, except for the "
    "part of the error rate that belongs to the first fold (0.35): it was chosen from three values after looking at "
    "the first draws. The regression tables were opened for this page."
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    parser.add_argument("--folds", type=int, default=N_FOLDS)
    parser.add_argument("--problems", nargs="+", default=list(BY_NAME), choices=list(BY_NAME), metavar="PROBLEM")
    parser.add_argument(
        "--draws", type=int, nargs="+", help="seeds of the draws; of regression tables only the fresh ones by default"
    )
    parser.add_argument("--jobs", type=int, default=2, help="number of processes that fit; it changes only the seconds")
    parser.add_argument("--name", default="racing", help="name of the files to write")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep what is measured, for another rule")
    parser.add_argument("--resume", action="store_true", help="measure only the tables and draws not in the CSV file")
    parser.add_argument("--report", action="store_true", help="write the page from the CSV file, and measure nothing")
    args = parser.parse_args()
    global N_CANDIDATES, N_MEASURED, N_SEARCHES, N_SIMULATED
    if args.quick:
        N_CANDIDATES, N_MEASURED, N_SEARCHES, N_SIMULATED = 12, 15, 2, 2
        args.problems, args.draws, args.jobs = ["diabetes, SVR"], [FIRST_DRAWS[0]], 1
    wanted = [(name, FIRST_DRAWS[0]) for name in SIMULATED]
    for seed in args.draws or (*FRESH_DRAWS, *FIRST_DRAWS):
        wanted += [(name, seed) for name in args.problems if args.draws or name in TABLES or seed in FRESH_DRAWS]
    if args.report:
        rows = read_rows(args.name)
    else:
        rows = measure_missing(
            args.name,
            partial(measured, n_folds=args.folds, n_jobs=args.jobs, kept_in=args.keep),
            wanted,
            is_resumed=args.resume,
            is_quick=args.quick,
            columns=COLUMNS,
        )
    about = environment_of(args.name) if args.report else environment()
    explained = EXPLAINED.format(racing=FoldRacing(), n=N_CANDIDATES)
    text = f"# Racing\n\n{PICTURE}\n\n{about}\n\n{explained}\n\n{report(rows)}\n"
    print(text)
    if not args.quick:
        (RESULTS / f"{args.name}.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

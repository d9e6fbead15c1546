"""What racing saves and loses, compared to a search that measures every candidate in full.

``python -m benchmarks.racing``: for several draws, random candidates are measured once on all folds. Then many searches
are replayed on these scores. Each search has its own selection and order of the candidates and its own order of the
folds, because all orders are equally arbitrary. The states of `FoldRacing` are made as in a real search. The true
winner is the candidate with the best mean score. It is lost if racing stopped it and the search ended with a worse one.
The same is done with simulated normal scores, for which the true error rate is known. The constants of the rule were
chosen with other candidates and other folds of the same tables.
"""

import argparse
import warnings
from dataclasses import dataclass

import numpy as np
import optuna
from sklearn.model_selection import KFold, StratifiedKFold

from benchmarks._measure import RESULTS, environment, markdown_table, picture, write_rows
from benchmarks.problems import PROBLEMS
from sklearn_autotune import FoldRacing, OptunaSearchCV
from sklearn_autotune.evaluation import FoldScore, Progress

PICTURE = picture("racing", "Fits that racing saves, by problem")
N_CANDIDATES = 100
N_JOBS = 2
LOOK_AHEAD = 2
TOO_SLOW = ("ames, XGBoost", "ames, histogram boosting")
SEED = 1000  # other candidates and folds than those with which the rule was chosen


@dataclass(frozen=True)
class Table:
    """The fold scores of candidates, of shape (n_candidates, n_folds), and the seconds of each fold."""

    problem: str
    scores: np.ndarray
    seconds: np.ndarray


def measure(problem, n_candidates, n_folds, seed):
    """Measure random candidates in full; return the scores, and a function that makes a search with this data."""
    X, _, y, _ = problem.split(0)
    folds = (StratifiedKFold if problem.is_classification else KFold)(n_folds, shuffle=True, random_state=seed)

    def search(**params):
        sampler = optuna.samplers.RandomSampler(seed=seed)
        return OptunaSearchCV(
            problem.make(0),
            problem.space,
            n_trials=n_candidates,
            scoring=problem.scoring,
            cv=folds,
            sampler=sampler,
            random_state=0,
            refit=False,
            n_jobs=N_JOBS,
            **params,
        ).fit(X, y)

    results = search(pruner=None).cv_results_
    scores = np.column_stack([results[f"split{fold}_test_score"] for fold in range(n_folds)])
    per_fold = (results["mean_fit_time"] + results["mean_score_time"])[:, np.newaxis]
    return Table(problem.name, scores, np.repeat(per_fold, n_folds, axis=1)), search


def replay(scores, racing=None):
    """Return how many folds of each candidate racing measures; candidates come in the order of the rows."""
    racing = racing or FoldRacing()
    n_candidates, n_folds = scores.shape
    measured = np.full(n_candidates, n_folds)
    for place, own in enumerate(scores):
        told = np.arange(max(0, place - LOOK_AHEAD + 1))
        complete = told[measured[told] == n_folds]
        state = racing.make_state(scores[complete]) if len(complete) else None
        for k in range(1, n_folds if state is not None else 0):
            folds = tuple(FoldScore(score, None, 0.0, 0.0) for score in own[:k])
            if not state.allows(Progress(k - 1, n_folds, folds)):
                measured[place] = k
                break
    return measured


def searches(table, n_searches, seed):
    """Replay searches; yield the saved shares of fits and seconds, whether the winner was lost, and the regret."""
    random = np.random.RandomState(seed)
    for _ in range(n_searches):
        chosen = random.permutation(len(table.scores))[:N_CANDIDATES]
        scores = table.scores[chosen][:, random.permutation(table.scores.shape[1])]
        seconds = table.seconds[chosen]
        measured = replay(scores)
        means, is_complete = scores.mean(axis=1), measured == scores.shape[1]
        spent = seconds.cumsum(axis=1)[np.arange(len(chosen)), measured - 1]
        yield {
            "problem": table.problem,
            "fits_saved": 1 - measured.mean() / scores.shape[1],
            "seconds_saved": 1 - spent.sum() / seconds.sum(),
            "lost": bool(means[is_complete].max() < means.max()),
            # In units of the spread of the better half, because very bad candidates would make any regret look small.
            "regret": (means.max() - means[is_complete].max()) / np.sort(means)[len(means) // 2 :].std(),
        }


def simulated(spread, n_folds, n_searches):
    """Yield simulated scores. The true means vary with ``spread`` times the standard deviation of a fold's noise."""
    random = np.random.RandomState(SEED)
    for _ in range(n_searches):
        means = random.normal(scale=spread, size=(N_CANDIDATES, 1))
        scores = means + random.normal(size=(N_CANDIDATES, n_folds)) + 3 * random.normal(size=n_folds)
        yield Table(f"normal, spread {spread:g}", scores, np.ones_like(scores))


def line(name, n_folds, rows):
    column = {key: np.array([row[key] for row in rows], dtype=float) for key in rows[0] if key != "problem"}
    return [
        name,
        n_folds,
        len(rows),
        f"{column['fits_saved'].mean():.0%} ({column['fits_saved'].min():.0%} to {column['fits_saved'].max():.0%})",
        f"{column['seconds_saved'].mean():.0%}",
        f"{column['lost'].mean():.1%}",
        f"{column['regret'].mean():.4f} ({column['regret'].max():.2f})",
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    parser.add_argument("--folds", type=int, nargs="+", default=[5])
    chosen = [problem.name for problem in PROBLEMS if problem.name not in TOO_SLOW]
    parser.add_argument("--problems", nargs="+", default=chosen)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    global N_CANDIDATES, N_JOBS
    n_measured, n_tables, n_searches, n_simulated = 130, 4, 50, 300
    if args.quick:
        N_CANDIDATES, N_JOBS = 12, 1
        n_measured, n_tables, n_searches, n_simulated = 15, 1, 2, 4
        args.problems = ["diabetes, SVR"]
    lines, everything = [], []
    for n_folds in args.folds:
        all_rows = []
        for problem in PROBLEMS:
            rows = []
            for number in range(n_tables if problem.name in args.problems else 0):
                table, search = measure(problem, n_measured, n_folds, SEED + number)
                rows += searches(table, n_searches, number)
                if number == 0:
                    raced = search(pruner=FoldRacing()).trials_["n_folds"]
                    assert np.array_equal(raced, replay(table.scores)), (
                        f"{problem.name}: a search differs from its replay"
                    )
            if rows:
                lines.append(line(problem.name, n_folds, rows))
                print(lines[-1], flush=True)
            all_rows += rows
        lines.append(line("**all tables**", n_folds, all_rows))
        everything += [{"n_folds": n_folds, **row} for row in all_rows]
    for n_folds in (5, 10):
        for spread in (0.5, 1, 2, 4):
            rows = [row for table in simulated(spread, n_folds, n_simulated) for row in searches(table, 1, 0)]
            lines.append(line(rows[0]["problem"], n_folds, rows))
            print(lines[-1], flush=True)
    header = ["table", "folds", "searches", "fits saved", "seconds saved", "winner lost", "regret, mean (largest)"]
    rounded = [
        {key: round(float(value), 4) if isinstance(value, float) else value for key, value in row.items()}
        for row in everything
    ]
    text = (
        f"# Racing\n\n{PICTURE}\n\n{environment()}\n\n"
        f"{FoldRacing()}, {N_CANDIDATES} random candidates a search, {n_tables} draws "
        "of candidates and folds for each table. Regret is the best mean score minus that of the winner, in standard "
        "deviations of the means of the better half of the candidates.\n\n"
        f"{markdown_table(header, lines)}\n"
    )
    print(text)
    if not args.quick:
        (RESULTS / "racing.md").write_text(text)
        write_rows("racing", rounded)


if __name__ == "__main__":
    main()

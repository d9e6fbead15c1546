"""How optimistic it is to choose the number of iterations on the folds that score it, and how much the choice gains.

``python -m benchmarks.iterations``: a table is split into two halves, and the same random candidates are measured rung
by rung on each. So every candidate has two curves from different rows. The best number of iterations of one half is
scored on the other half. The difference between the two scores is the optimism. The difference to the score of the last
rung is the honest gain of early stopping.
"""

import argparse
import warnings

import numpy as np
import optuna
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

from benchmarks._measure import RESULTS, environment, markdown_table
from benchmarks.problems import BOOSTER, PROBLEMS, Problem
from sklearn_autotune import OptunaSearchCV

N_CANDIDATES = 25
N_JOBS = 2
CHOSEN = ("credit, XGBoost", "Default, gradient boosting", "diabetes, gradient boosting")
BOOSTED_DIABETES = Problem(
    "diabetes, gradient boosting",
    next(problem.load for problem in PROBLEMS if problem.name == "diabetes, SVR"),
    lambda seed: GradientBoostingRegressor(random_state=seed),
    {name: BOOSTER[name] for name in ("max_depth", "learning_rate", "subsample")},
    "r2",
    is_classification=False,
)


def curves(problem, X, y, seed, factor, n_rounds):
    """Return the mean scores over the folds, of shape (n_candidates, n_rungs)."""
    space = {name: values for name, values in problem.space.items() if not name.endswith("n_estimators")}
    folds = StratifiedKFold if problem.is_classification else KFold
    search = OptunaSearchCV(
        problem.make(seed),
        space,
        n_trials=N_CANDIDATES,
        resource="iterations",
        min_resources=5,
        max_resources=n_rounds,
        factor=factor,
        pruner=None,
        scoring=problem.scoring,
        cv=folds(5, shuffle=True, random_state=seed),
        sampler=optuna.samplers.RandomSampler(seed=seed),
        refit=False,
        n_jobs=N_JOBS,
    ).fit(X, y)
    return np.array([list(trial.intermediate_values.values()) for trial in search.study_.trials])


def measure(problem, seed, factor, n_rounds):
    """Return optimism, honest gain, and the spread of the candidates, in units of the score."""
    X, y = problem.load()
    halves = train_test_split(X, y, test_size=0.5, random_state=seed, stratify=y if problem.is_classification else None)
    one = curves(problem, halves[0], halves[2], seed, factor, n_rounds)
    other = curves(problem, halves[1], halves[3], seed, factor, n_rounds)
    rows = np.arange(len(one))
    first, second = one.argmax(axis=1), other.argmax(axis=1)
    # In both directions, so that it does not matter which half is more difficult.
    optimism = (one[rows, first] - other[rows, first] + other[rows, second] - one[rows, second]) / 2
    gain = (other[rows, first] - other[:, -1] + one[rows, second] - one[:, -1]) / 2
    return optimism, gain, np.std(np.concatenate([one[rows, first], other[rows, second]])), one.shape[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    quick = parser.parse_args().quick
    warnings.simplefilter("ignore")
    global N_CANDIDATES, N_JOBS
    n_seeds, n_rounds, names, factors = 2, 100, CHOSEN, (3, 1.5)
    if quick:
        N_CANDIDATES, N_JOBS = 4, 1
        n_seeds, n_rounds, names, factors = 1, 20, ("diabetes, gradient boosting",), (1.5,)
    lines = []
    for problem in (*PROBLEMS, BOOSTED_DIABETES):
        for factor in factors if problem.name in names else ():
            found = [measure(problem, seed, factor, n_rounds) for seed in range(n_seeds)]
            optimism, gain = (np.concatenate([part[place] for part in found]) for place in (0, 1))
            error = optimism.std(ddof=1) / np.sqrt(len(optimism))
            spread = np.mean([part[2] for part in found])
            cells = f"{optimism.mean():.5f} ± {error:.5f}", f"{optimism.mean() / spread:.3f}", f"{gain.mean():+.5f}"
            lines.append([problem.name, problem.scoring, factor, found[0][3], *cells])
            print(lines[-1], flush=True)
    header = ["table", "score", "factor", "rungs", "optimism", "in spreads of candidates", "gain over the last rung"]
    text = (
        f"# The optimism of choosing the iteration count\n\n{environment()}\n\n{N_CANDIDATES} random candidates, "
        f"{n_seeds} seeds, {n_rounds} iterations on the last rung; higher scores are better. ± is a standard error "
        f"over candidates.\n\n{markdown_table(header, lines)}\n"
    )
    print(text)
    if not quick:
        (RESULTS / "iterations.md").write_text(text)


if __name__ == "__main__":
    main()

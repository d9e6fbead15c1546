"""``corrected_score_`` beside ``best_score_`` on noise, for `benchmarks.honesty`.

The tables have other seeds than those on which the correction's factors were found (0 to 99).
"""

import warnings

import numpy as np
import optuna
from scipy.stats import loguniform, randint
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from benchmarks._measure import markdown_table, measure_missing, standard_error
from sklearn_autotune import AutoModelSelector, OptunaSearchCV, TunedXGBClassifier

__all__ = ["SPACE", "draw_labels", "measure_noise", "noise_section", "summarize"]

N_ROWS, N_COLUMNS = 300, 10
N_CANDIDATES = 50
FIRST_SEED = 100
SPACE = {
    "max_depth": randint(1, 12),
    "min_samples_leaf": randint(1, 100),
    "min_impurity_decrease": loguniform(1e-5, 0.1),
}
BOOSTED, SELECTOR = "TunedXGBClassifier", "AutoModelSelector"
QUICK_FAMILIES = ["logistic", "naive_bayes", "neighbors", "extra_trees"]
LOG_LOSS = f"log loss, {SELECTOR}, 150 positive"
N_TABLES = {
    "AUC, trees, 150 positive": 120,
    "AUC, trees, 8 positive": 120,
    f"AUC, {BOOSTED}, 150 positive": 20,
    f"AUC, {BOOSTED}, 8 positive": 20,
    f"AUC, {SELECTOR}, 150 positive": 15,
    f"AUC, {SELECTOR}, 8 positive": 15,
    LOG_LOSS: 15,
    "R2, trees": 120,
    "R2, ridge": 120,
}
N_NEW_FOLDS = 200


def draw_labels(n_positive, seed):
    random = np.random.RandomState(seed)
    y = np.zeros(N_ROWS, dtype=int)
    y[random.permutation(N_ROWS)[:n_positive]] = 1
    return random.normal(size=(N_ROWS, N_COLUMNS)), y


def draw_numbers(seed):
    random = np.random.RandomState(seed)
    return random.normal(size=(N_ROWS, N_COLUMNS)), random.normal(size=N_ROWS)


def search_labels(case, seed):
    """Return a fitted search, the score that is true of it, and the score of a constant prediction."""
    X, y = draw_labels(8 if case.endswith(" 8 positive") else 150, seed)
    if SELECTOR in case:
        return select(case, seed, X, y)
    if BOOSTED in case:
        search = TunedXGBClassifier(n_trials=N_CANDIDATES // 2, scoring="roc_auc", random_state=seed)
    else:
        tree = DecisionTreeClassifier(random_state=seed)
        search = OptunaSearchCV(tree, SPACE, n_trials=N_CANDIDATES, scoring="roc_auc", random_state=seed)
    return search.fit(X, y), 0.5, 0.5


def select(case, seed, X, y):
    """Do the same with a selector; the true log loss is that of its model on new rows, whose labels are coins."""
    scoring = None if case == LOG_LOSS else "roc_auc"
    settings = {"families": QUICK_FAMILIES, "n_trials": 20, "cv": 4, "random_state": seed}
    selector = AutoModelSelector(scoring=scoring, **settings).fit(X, y)
    if case != LOG_LOSS:
        return selector, 0.5, 0.5
    X_new, _ = draw_labels(150, 5000 + seed)
    probabilities = selector.predict_proba(X_new)
    truth = -np.mean([log_loss(np.full(N_ROWS, label), probabilities, labels=[0, 1]) for label in (0, 1)])
    return selector, truth, -np.log(2)


def search_numbers(case, seed):
    """Do the same for a target of numbers.

    R2 compares with the mean of the test rows, which no model knows. So even the best prediction scores a little below
    0 on folds of 60 rows. The true score is that of the winner's five models on new rows in folds of this size.
    """
    X, y = draw_numbers(seed)
    if "trees" in case:
        model, space = DecisionTreeRegressor(random_state=seed), SPACE
    else:
        model, space = Ridge(), {"alpha": loguniform(1e-3, 1e6), "fit_intercept": [True, False]}
    search = OptunaSearchCV(
        model, space, n_trials=N_CANDIDATES, scoring="r2", keep="estimators", random_state=seed
    ).fit(X, y)
    random = np.random.RandomState(10_000 + seed)
    fold_size = N_ROWS // len(search.fold_estimators_)
    X_new = random.normal(size=(N_NEW_FOLDS * fold_size, N_COLUMNS))
    y_new = random.normal(size=(N_NEW_FOLDS, fold_size))
    spread = ((y_new - y_new.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    errors = [
        ((y_new - fitted.predict(X_new).reshape(y_new.shape)) ** 2).sum(axis=1) for fitted in search.fold_estimators_
    ]
    return search, 1 - np.mean(errors / spread), cross_val_score(DummyRegressor(), X, y, scoring="r2").mean()


def measure_table(case, seed):
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    search, truth, constant = (search_numbers if case.startswith("R2") else search_labels)(case, seed)
    low, high = search.corrected_interval_
    scores = {"best": search.best_score_, "corrected": search.corrected_score_, "low": low, "high": high}
    scores |= {"truth": truth, "constant": constant}
    row = {"problem": case, "seed": seed} | {name: float(score) for name, score in scores.items()}
    print(row, flush=True)
    return [row]


def measure_noise(is_resumed, is_quick, jobs=1):
    """Measure all tables, and return a row for each."""
    wanted = [(case, seed) for case, n in N_TABLES.items() for seed in range(FIRST_SEED, FIRST_SEED + n)]
    if is_quick:
        wanted = [(case, FIRST_SEED) for case in N_TABLES if BOOSTED not in case and SELECTOR not in case]
    return measure_missing("honesty_noise", measure_table, wanted, jobs=jobs, is_resumed=is_resumed, is_quick=is_quick)


def summarize(values, digits=3):
    """Return the mean with two standard errors as text."""
    return f"{np.mean(values):.{digits}f} ± {2 * standard_error(values):.{digits}f}"


def noise_section(rows):
    lines = []
    for case in N_TABLES:
        table = [row for row in rows if row["problem"] == case]
        if not table:
            continue
        best, corrected, truth, constant, low, high = (
            np.array([row[name] for row in table]) for name in ("best", "corrected", "truth", "constant", "low", "high")
        )
        is_inside = (low <= truth) & (truth <= high)
        lines.append(
            [
                *(case, len(table), summarize(best), summarize(corrected), summarize(truth), summarize(constant)),
                *(summarize(corrected - truth), f"{summarize(100 * is_inside, 0)} %"),
            ]
        )
    header = ["score, model", "tables", "best_score_", "corrected_score_", "true score"]
    header += ["a constant prediction", "corrected minus true", "interval contains the true score"]
    return f"""## The corrected score on noise

Other tables of the same kind, with the seeds from {FIRST_SEED} on; the correction's factors were found on seeds 0 to 99
of the trees, with AUC and R2. Means with two standard errors. Searches measure {N_CANDIDATES} candidates, {BOOSTED}
{N_CANDIDATES // 2}, and {SELECTOR} 20 of four quick families on 4 folds. For {SELECTOR}, `best_score_` is
cross-fitted, and the true log loss is that of its model on new rows. For R2 the target is normal noise. On folds of 60
rows R2 of the best possible prediction, a constant, is a little below 0: R2 compares with the mean of the test rows.
So two columns stand beside the corrected R2: that of the winner's fold models on new rows in folds of the same size
(the true score), and that of predicting the mean, in the same cross-validation.

{markdown_table(header, lines)}
"""

"""The time that a search needs in addition to its fits: per candidate, per proposal, with two workers, by size.

Run it on a machine without other load: ``python -m benchmarks.overhead``. All figures are ratios between methods that
took turns in the same run. Times are CPU seconds of the process of the search, except if workers share the work.
"""

import argparse
import time
import warnings

import numpy as np
import optuna
from joblib.externals.loky import get_reusable_executor
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from scipy.stats import loguniform
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.model_selection import RandomizedSearchCV, StratifiedKFold
from sklearn.naive_bayes import GaussianNB

from benchmarks._measure import (
    RESULTS,
    environment,
    interleave,
    markdown_table,
    picture,
    seconds_of,
    spread,
    write_rows,
)
from sklearn_autotune import FoldRacing, OptunaSearchCV

N_FOLDS = 5


class Nothing(ClassifierMixin, BaseEstimator):
    """A classifier with nine parameters whose fit does nothing, so that only the search takes time."""

    def __init__(self, a=1.0, b=1.0, c=1.0, i=1, j=1, k=1, u="x", v="x", w="x"):
        self.a, self.b, self.c, self.i, self.j, self.k, self.u, self.v, self.w = a, b, c, i, j, k, u, v, w

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def score(self, X, y):
        return -((np.log10(self.a) + 2) ** 2) - abs(self.i - 30) / 100 - (self.u == "y")


NINE = {
    **{name: FloatDistribution(1e-4, 1.0, log=True) for name in "abc"},
    **{name: IntDistribution(1, 100) for name in "ijk"},
    **{name: CategoricalDistribution(["x", "y", "z"]) for name in "uvw"},
}


def integration_search(estimator, space, *, n_trials, seed, n_jobs=None, callbacks=None, sampler=None):
    """Make optuna-integration's search, with the same folds and sampler as ours."""
    from optuna_integration import OptunaSearchCV as IntegrationSearchCV

    sampler = sampler or optuna.samplers.TPESampler(seed=seed, multivariate=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    return IntegrationSearchCV(
        estimator, space, n_trials=n_trials, cv=N_FOLDS, study=study, n_jobs=n_jobs, callbacks=callbacks
    )


def candidate_cost(repeats, n_candidates):
    """Measure the milliseconds of CPU per candidate in addition to its fits, with a random sampler and a fast model."""
    X, y = load_iris(return_X_y=True)
    folds = list(StratifiedKFold(N_FOLDS).split(X, y))
    space = {"var_smoothing": loguniform(1e-12, 1.0)}

    def bare_fits():
        for _ in range(n_candidates):
            for train, test in folds:
                GaussianNB(var_smoothing=1e-9).fit(X[train], y[train]).score(X[test], y[test])

    def ours():
        sampler = optuna.samplers.RandomSampler(seed=0)
        OptunaSearchCV(GaussianNB(), space, n_trials=n_candidates, sampler=sampler, pruner=None).fit(X, y)

    calls = {
        "bare fits": bare_fits,
        "RandomizedSearchCV": lambda: RandomizedSearchCV(GaussianNB(), space, n_iter=n_candidates).fit(X, y),
        "OptunaSearchCV": ours,
        "optuna-integration": lambda: integration_search(
            GaussianNB(),
            {"var_smoothing": FloatDistribution(1e-12, 1.0, log=True)},
            n_trials=n_candidates,
            seed=0,
            sampler=optuna.samplers.RandomSampler(seed=0),
        ).fit(X, y),
    }
    for call in calls.values():
        call()  # once to warm up
    seconds = interleave(calls, repeats)
    bare = seconds.pop("bare fits")
    beyond = {
        name: [1e3 * (total - fits) / n_candidates for total, fits in zip(values, bare, strict=True)]
        for name, values in seconds.items()
    }
    return beyond, "ms of CPU beyond the fits, per candidate"


def sampling_cost(repeats, places, sizes):
    """Measure the milliseconds of CPU per trial, after a number of trials, if fits take no time."""
    X, y = load_iris(return_X_y=True)

    def at_places(make_search):
        clock = []
        make_search(lambda study, trial: clock.append(time.process_time())).fit(X, y)
        steps = 1e3 * np.diff(clock)
        return [float(np.mean(steps[place - 20 : place])) for place in places]

    def ours(sampler):
        return lambda callback: OptunaSearchCV(
            Nothing(), NINE, n_trials=sizes, sampler=sampler(), random_state=0, callbacks=[callback], pruner=None
        )

    def rust():
        from sklearn_autotune.samplers import RustTPESampler

        return RustTPESampler(seed=0)

    methods = {
        "OptunaSearchCV, random": ours(lambda: optuna.samplers.RandomSampler(seed=0)),
        "OptunaSearchCV, TPE (default)": ours(lambda: None),
        "OptunaSearchCV, RustTPESampler": ours(rust),
        "optuna-integration, TPE": lambda callback: integration_search(
            Nothing(), NINE, n_trials=sizes, seed=0, callbacks=[callback]
        ),
    }
    found = {"five fits alone (clone, set parameters, fit, score)": [], **{name: [] for name in methods}}
    for _ in range(repeats):
        found["five fits alone (clone, set parameters, fit, score)"].append([bare_fits(X, y)] * len(places))
        for name, make_search in methods.items():
            found[name].append(at_places(make_search))
    return found


def bare_fits(X, y, n_candidates=200):
    """Measure the milliseconds of CPU for the fits of one candidate without a search."""
    folds = list(StratifiedKFold(N_FOLDS).split(X, y))
    params = {name: getattr(Nothing(), name) for name in NINE}

    def fits():
        for _ in range(n_candidates):
            for train, test in folds:
                model = clone(Nothing()).set_params(**params)
                model.fit(X[train], y[train]).score(X[test], y[test])

    return 1e3 * seconds_of(fits) / n_candidates


def two_workers(repeats, n_candidates, n_estimators, n_workers=2):
    """Measure the candidates per second with several workers relative to one; the start of workers is included."""
    X, y = load_breast_cancer(return_X_y=True)
    model = GradientBoostingClassifier(n_estimators=n_estimators, random_state=0)
    space = {"learning_rate": loguniform(0.01, 0.3)}
    random = optuna.samplers.RandomSampler
    told = []

    def ours(n_jobs, pruner=None):
        told.clear()
        OptunaSearchCV(
            model,
            space,
            n_trials=n_candidates,
            n_jobs=n_jobs,
            pruner=pruner,
            sampler=random(seed=0),
            refit=False,
            callbacks=[lambda study, trial: told.append(time.perf_counter())],
        ).fit(X, y)

    def scikit_learn(n_jobs):
        RandomizedSearchCV(model, space, n_iter=n_candidates, n_jobs=n_jobs, random_state=0, refit=False).fit(X, y)

    def integration(n_jobs):
        integration_search(
            model,
            {"learning_rate": FloatDistribution(0.01, 0.3, log=True)},
            n_trials=n_candidates,
            seed=0,
            n_jobs=n_jobs,
            sampler=random(seed=0),
        ).set_params(refit=False).fit(X, y)

    ratios = {
        "OptunaSearchCV": [],
        "OptunaSearchCV, once started": [],
        "OptunaSearchCV, folds racing, once started": [],
        "RandomizedSearchCV": [],
        "optuna-integration (threads)": [],
    }
    for _ in range(repeats):
        one, steady_one = seconds_of(lambda: ours(1), time.perf_counter), told[-1] - told[8]
        two, steady_two = seconds_of(lambda: ours(n_workers), time.perf_counter), told[-1] - told[8]
        ratios["OptunaSearchCV"].append(one / two)
        ratios["OptunaSearchCV, once started"].append(steady_one / steady_two)
        racing = []
        for n_jobs in (1, n_workers):
            ours(n_jobs, FoldRacing())
            racing.append(told[-1] - told[8])
        ratios["OptunaSearchCV, folds racing, once started"].append(racing[0] / racing[1])
        for name, call in (("RandomizedSearchCV", scikit_learn), ("optuna-integration (threads)", integration)):
            one = seconds_of(lambda call=call: call(1), time.perf_counter)
            get_reusable_executor().shutdown()  # joblib keeps its workers, so they are ended before each run
            ratios[name].append(one / seconds_of(lambda call=call: call(n_workers), time.perf_counter))
    start = time.perf_counter()
    model.fit(X, y)
    return ratios, 1e3 * (time.perf_counter() - start)


def growth(repeats, sizes):
    """Measure the milliseconds of CPU per candidate for growing numbers of candidates, if fits take no time."""
    X, y = load_iris(return_X_y=True)
    methods = {
        "OptunaSearchCV, random": lambda n: OptunaSearchCV(
            Nothing(), NINE, n_trials=n, sampler=optuna.samplers.RandomSampler(seed=0), pruner=None
        ),
        "RandomizedSearchCV": lambda n: RandomizedSearchCV(Nothing(), _as_lists(), n_iter=n, random_state=0),
    }
    found = {(name, size): [] for name in methods for size in sizes}
    for _ in range(repeats):
        for name, make_search in methods.items():
            for size in sizes:
                seconds = seconds_of(lambda n=size, make=make_search: make(n).fit(X, y))
                found[name, size].append(1e3 * seconds / size)
    return found


def _as_lists():
    return {
        name: [1.0, 0.1] if name in "abc" else list(range(1, 101)) if name in "ijk" else list("xyz") for name in NINE
    }


PICTURED = {
    "candidates": "Milliseconds of CPU that a candidate costs beside its fits, by method",
    "proposals": "Milliseconds of CPU for a proposal, by method and number of trials",
    "two_workers": "Candidates per second of two workers over one, by method",
    "growth": "Milliseconds of CPU a candidate, by method and size of the search",
}


class Report:
    """The result page and the rows of one part."""

    def __init__(self, part):
        self.part = part
        shown = picture(f"overhead_{part}", PICTURED[part])
        self.page = [f"# Overhead: {part.replace('_', ' ')}", "", shown, "", environment()]
        self.rows = []

    def write(self):
        write_rows(f"overhead_{self.part}", self.rows)
        (RESULTS / f"overhead_{self.part}.md").write_text(self.text())

    def text(self):
        return "\n".join(self.page) + "\n"

    def add(self, title, text, header, found, ratios=None):
        """Add a section: ``found`` maps a method to columns of repeated values, and ``ratios`` to one more column."""
        lines = []
        for method, columns in found.items():
            for column, values in zip(header, columns, strict=True):
                self.rows += [
                    {"part": title, "method": method, "column": column, "repeat": i, "value": value}
                    for i, value in enumerate(values)
                ]
            cells = [spread(values) for values in columns]
            lines.append([method, *cells, *([spread(ratios[method])] if ratios else [])])
        header = ["method", *header, *(["ratio to RandomizedSearchCV"] if ratios else [])]
        self.page += ["", f"## {title}", "", text, "", markdown_table(header, lines)]


def report_candidates(report, quick):
    n_candidates = 10 if quick else 200
    beyond, unit = candidate_cost(1 if quick else 9, n_candidates)
    reference = beyond["RandomizedSearchCV"]
    ratios = {name: [a / b for a, b in zip(values, reference, strict=True)] for name, values in beyond.items()}
    text = f"{n_candidates} candidates × {N_FOLDS} folds, random sampler, one process. Median (smallest to largest)."
    report.add("A candidate beyond its fits", text, [unit], {name: [v] for name, v in beyond.items()}, ratios)


def report_proposals(report, quick):
    places = (20, 24) if quick else (100, 1000)
    sampled = sampling_cost(1 if quick else 3, places, places[-1] + 1)
    text = f"ms of CPU per trial, including all bookkeeping; 9 parameters, a model that does nothing, {N_FOLDS} folds."
    found = {method: list(zip(*turns, strict=True)) for method, turns in sampled.items()}
    report.add("A proposal", text, [f"at {place} trials" for place in places], found)


def report_two_workers(report, quick):
    for n_candidates, repeats in ((10, 1),) if quick else ((60, 3), (300, 2)):
        # With --quick, one worker: starting processes would take longer than everything else.
        ratios, fit_ms = two_workers(
            repeats, n_candidates, n_estimators=2 if quick else 12, n_workers=1 if quick else 2
        )
        title = f"Two workers, {n_candidates} candidates × {N_FOLDS} fits of {fit_ms:.0f} ms"
        text = "Candidates per second relative to one worker, including the start of the workers; 2 would be ideal."
        report.add(title, text, ["ratio"], {name: [values] for name, values in ratios.items()})


def report_growth(report, quick):
    sizes = (5, 10) if quick else (100, 400, 1600)
    grown = growth(1 if quick else 3, sizes)
    methods = dict.fromkeys(method for method, _ in grown)
    text = "ms of CPU per candidate of whole searches with fits that take no time. Equal values mean linear growth."
    found = {method: [grown[method, size] for size in sizes] for method in methods}
    report.add("Growth", text, [f"{size} candidates" for size in sizes], found)


PARTS = {
    "candidates": report_candidates,
    "proposals": report_proposals,
    "two_workers": report_two_workers,
    "growth": report_growth,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "parts", nargs="*", default=list(PARTS), help=f"parts to run: {', '.join(PARTS)}; all by default"
    )
    parser.add_argument("--quick", action="store_true", help="a smoke test: small sizes, nothing is written")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore")
    for part in options.parts:
        report = Report(part)
        PARTS[part](report, options.quick)
        print(report.text())
        if not options.quick:
            report.write()


if __name__ == "__main__":
    main()

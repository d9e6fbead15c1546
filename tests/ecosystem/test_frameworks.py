"""Searches of other packages as methods of ``compare``, and the page about them with its blocks for each package."""

from functools import cache

import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from sklearn_autotune import OptunaSearchCV, compare, runner, summarize
from sklearn_autotune.export import export_code
from sklearn_autotune.plotting import OptimizationHistoryDisplay
from tests.docs.marked_blocks import read_blocks, run_blocks
from tests.ecosystem.claims import make_data, make_mixed_data

MODEL = LogisticRegression(solver="liblinear")


@pytest.mark.filterwarnings("default")
class Method:
    """What is tested of every framework. Classes that derive from it set ``modules`` and define ``make_method``."""

    modules: tuple[str, ...] = ()

    @pytest.fixture(autouse=True)
    def _partner(self, tmp_path, monkeypatch):
        for module in self.modules:
            pytest.importorskip(module, exc_type=ImportError)
        monkeypatch.chdir(tmp_path)

    def make_method(self):
        raise NotImplementedError

    def test_it_is_compared_on_the_same_folds(self):
        X, y = make_data()
        folds = list(StratifiedKFold(3, shuffle=True, random_state=0).split(X, y))
        noted = NotedFolds()
        ours = OptunaSearchCV(MODEL, {"C": loguniform(0.01, 10)}, n_trials=3, cv=2)

        comparison = compare(
            {"ours": ours, "theirs": self.make_method()}, X, y, cv=folds, scoring=noted, baselines=False, random_state=0
        )

        assert [row["error"] for row in comparison.rows] == [None] * 6
        assert comparison.column("score", "theirs").mean() > 0.6
        assert noted.rows == [rows for _, test in folds for rows in [list(X.index[test])] * 2]


class NotedFolds:
    """Accuracy as a scorer, which notes the rows that it scores; a search's own scores are of its own scorer."""

    def __init__(self):
        self.rows = []

    def __call__(self, estimator, X, y):
        self.rows.append(list(X.index))
        return float(np.mean(np.asarray(estimator.predict(X)) == np.asarray(y)))


class ReadTable:
    """What is tested of searches whose ``cv_results_`` can be read."""

    @cache  # noqa: B019
    def fit(self):
        X, y = make_data()
        return self.make_method().fit(X, y)

    def test_a_summary_and_a_display_read_it(self):
        search = self.fit()
        summary = summarize(search)

        assert summary.best_params == dict(search.best_params_)
        assert summary.best_score == search.best_score_
        assert summary.n_trials == len(search.cv_results_["mean_test_score"]) == 4
        assert OptimizationHistoryDisplay.from_search(search).figure_ is not None

    def test_a_comparison_has_its_fits_and_inner_score(self):
        X, y = make_data()
        comparison = compare({"theirs": self.make_method()}, X, y, scoring="accuracy", cv=2, random_state=0)

        assert comparison.column("n_trials", "theirs").tolist() == [4, 4]
        assert comparison.column("n_fits", "theirs").tolist() == [4 * 2 + 1] * 2
        assert np.isfinite(comparison.column("inner_score", "theirs")).all()

    def test_code_of_the_winner_predicts_the_same(self):
        X, y = make_data()
        assert "LogisticRegression(" in export_code(self.fit().best_estimator_, check=(X, y))


class TestScikitOptimize(Method, ReadTable):
    modules = ("skopt",)

    def make_method(self):
        from skopt import BayesSearchCV

        return BayesSearchCV(MODEL, {"C": (0.01, 10.0, "log-uniform")}, n_iter=4, cv=2, random_state=0)


class TestOptunaIntegration(Method, ReadTable):
    modules = ("optuna_integration",)

    def make_method(self):
        import optuna_integration
        from optuna.distributions import FloatDistribution

        space = {"C": FloatDistribution(0.01, 10, log=True)}
        return optuna_integration.OptunaSearchCV(MODEL, space, n_trials=4, cv=2, random_state=0)


class Page:
    """What is tested of packages that have blocks of their own on the page."""

    def test_the_page_runs(self):
        (module, *_) = self.modules
        names = run_blocks("other-frameworks.md", module, with_others=True)

        rows = [row for row in names["comparison"].rows if row["method"] == module]
        assert len(rows) == 3
        assert [row["error"] for row in rows] == [None] * 3
        assert "def make_model" in names["code"]


class Named:
    """What is tested of packages that are methods of a comparison from a YAML file."""

    @pytest.mark.parametrize("target", ["city", "price"])
    def test_a_yaml_comparison_names_it(self, target, tmp_path):
        (module, *_) = self.modules
        X, y = make_mixed_data()
        table = X.assign(price=X["x0"] + y, city=np.where(y == 1, "Rome", "Oslo"), place=X["city"])
        table.to_parquet(tmp_path / "table.parquet")
        (tmp_path / "config.yaml").write_text(
            f"data: table.parquet\ntarget: {target}\nmodel_type: forest\nspace: {{n_estimators: 5}}\nn_trials: 2\n"
            f"cv: 2\ntimeout: 20\ncompare: {{methods: [optuna, {module}], cv: 2}}\noutput: {{report: false}}\n"
        )

        comparison = runner.load_comparison(runner.compare(tmp_path / "config.yaml", folder=tmp_path / "made"))

        rows = [row for row in comparison.rows if row["method"] in (module, "dummy")]
        assert [row["error"] for row in rows] == [None] * 4
        assert comparison.column("score", module).mean() > comparison.column("score", "dummy").mean()


class TestHyperopt(Method, Page):
    modules = ("hyperopt",)

    def make_method(self):
        from hyperopt import hp

        names = {"__name__": "__main__"}
        blocks = [code for _, code in read_blocks("other-frameworks.md", "hyperopt", with_others=True)]
        setup, of_class = (next(code for code in blocks if text in code) for text in ("methods = {", "hp.loguniform"))
        for code in (setup, of_class):
            exec(code, names)
        return names["HyperoptSearchCV"](MODEL, {"C": hp.loguniform("C", np.log(0.01), np.log(10))}, timeout=1)


class TestFLAML(Method, Page, Named):
    modules = ("flaml", "lightgbm")

    def make_method(self):
        from flaml import AutoML

        return AutoML(task="classification", metric="accuracy", time_budget=1, n_jobs=1, verbose=0)


class TestTPOT(Method, Page, Named):
    modules = ("tpot",)

    def make_method(self):
        from tpot import TPOTClassifier

        settings = {"search_space": "linear-light", "scorers": ["accuracy"], "population_size": 8, "cv": 2}
        return TPOTClassifier(**settings, max_time_mins=15 / 60, n_jobs=1, verbose=0)

"""scikit-survival: a structured target, and scorers that are wrapped around the estimator."""

import json

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_autotune import OptunaSearchCV, compare, plotting, summarize
from sklearn_autotune.report import write_report
from tests.docs.marked_blocks import run_blocks
from tests.ecosystem.claims import Case, Claims, assert_same_tables, drop_times, make_data


def make_times():
    from sksurv.util import Surv

    X, risk = make_data(is_regression=True)
    random = np.random.RandomState(2)
    times, censored = random.exponential(np.exp(-risk)), random.exponential(2.0, len(risk))
    return X, Surv.from_arrays(times <= censored, np.minimum(times, censored) + 0.01)


class TestScikitSurvival(Claims):
    modules = ("sksurv",)

    def make_case(self):
        from sksurv.ensemble import RandomSurvivalForest

        X, y = make_times()
        model = RandomSurvivalForest(10, random_state=0)
        return Case(model, X, y, {"min_samples_leaf": [3, 10, 30], "max_features": [0.5, 1.0]})

    def test_a_scorer_wrapped_around_the_estimator(self):
        from sksurv.linear_model import CoxPHSurvivalAnalysis
        from sksurv.metrics import as_concordance_index_ipcw_scorer

        X, y = make_times()
        model = as_concordance_index_ipcw_scorer(CoxPHSurvivalAnalysis(), tau=float(np.quantile(y["time"], 0.7)))
        case = Case(model, X, y, {"estimator__alpha": [0.01, 1.0, 100.0]})

        search = case.fit(case.search())

        expected = case.fit(GridSearchCV(model, case.grid, cv=3))
        assert_same_tables(drop_times(search.cv_results_), drop_times(expected.cv_results_))
        assert len(search.best_estimator_.estimator_.predict_survival_function(X)) == len(X)

    def test_methods_are_compared_by_the_concordance_index(self):
        from sksurv.linear_model import IPCRidge

        X, y = make_times()
        methods = self.make_searches() | {"ridge": IPCRidge()}

        comparison = compare(methods, X, y, cv=3, random_state=0)

        assert [row["error"] for row in comparison.rows] == [None] * len(comparison.rows)
        assert comparison.metric == "concordance_index_censored"
        assert comparison.baselines == ["untuned RandomSurvivalForest 1", "untuned Pipeline 2"]
        assert {row["inner_metric"] for row in comparison.rows} == {"concordance_index_censored", None}
        assert "concordance_index_censored" in comparison.verdict()
        for name in ("forest", "coxnet"):  # the held-out score is that of the winner itself
            assert comparison.column("score", name).tolist() == comparison.column("own_score", name).tolist()

    def test_the_outer_folds_have_the_same_share_of_events(self):
        X, y = make_times()
        shares = []

        def note_events(fitted, X, y):
            shares.append(float(y["event"].mean()))
            return 0.0

        compare(
            {"forest": self.make_case().estimator}, X, y, scoring=note_events, cv=3, baselines=False, random_state=0
        )

        assert np.ptp(shares) < 1 / 30

    def test_a_wrapped_score_is_named_and_not_mixed_with_others(self):
        from sksurv.metrics import as_concordance_index_ipcw_scorer

        X, y = make_times()
        wrapped = as_concordance_index_ipcw_scorer(self.make_case().estimator, tau=float(np.quantile(y["time"], 0.7)))
        methods = self.make_searches() | {"wrapped": wrapped}
        with pytest.raises(ValueError, match=r"different metrics.*'wrapped' by concordance_index_ipcw"):
            compare(methods, X, y, cv=3)

        search = OptunaSearchCV(wrapped, {"estimator__min_samples_leaf": [3, 30]}, cv=3, random_state=0)
        comparison = compare({"plain": wrapped, "search": search}, X, y, cv=3, random_state=0)

        assert comparison.metric == "concordance_index_ipcw"
        # The forest inside has another score, so that it is no baseline; the wrapper that is searched is one.
        assert comparison.baselines == ["untuned"]
        assert comparison.column("score", "untuned").tolist() == comparison.column("score", "plain").tolist()

    def test_a_brier_score_is_a_loss(self):
        from sksurv.metrics import as_integrated_brier_score_scorer

        X, y = make_times()
        end = np.quantile(y["time"], 0.8)  # all rows are censored at a common time, as the score wants it
        y["event"] &= y["time"] < end
        y["time"] = np.minimum(y["time"], end)
        times = np.quantile(y["time"][y["event"]], [0.2, 0.4, 0.6])
        model = as_integrated_brier_score_scorer(self.make_case().estimator, times=times)
        search = OptunaSearchCV(model, {"estimator__min_samples_leaf": [3, 30]}, cv=3, random_state=0).fit(X, y)

        assert summarize(search).metric.name == "neg_integrated_brier_score"
        assert f"integrated brier score is {-search.best_score_:.5g}" in str(summarize(search))

    @pytest.mark.parametrize("name", ["forest", "coxnet"])
    def test_summary_report_and_displays(self, name, tmp_path):
        X, y = make_times()
        search = self.make_searches()[name].fit(X, y)

        found = summarize(search, X, y).to_dict()
        assert json.loads(json.dumps(found, allow_nan=False)) == found
        assert found["metric"] == {
            "name": "concordance_index_censored",
            "label": "concordance_index_censored",
            "greater_is_better": True,
        }
        assert found["held_out_score"] == search.score(X, y)
        assert "concordance_index_censored" in write_report(search, tmp_path / "report.html").read_text()
        assert "accuracy" not in (tmp_path / "report.html").read_text()
        display = plotting.OptimizationHistoryDisplay.from_search(search)
        assert "concordance_index_censored" in display.ax_.get_ylabel()
        # Also where scikit-learn cannot draw its diagram, because a property raises an error.
        assert "concordance_index_censored" in search._repr_html_()

    def test_a_comparison_has_a_report_and_a_display(self, tmp_path):
        comparison = compare(self.make_searches(), *make_times(), cv=3, random_state=0)

        text = write_report(comparison, tmp_path / "report.html").read_text()
        assert "held-out concordance_index_censored" in text
        plotting.ComparisonDisplay.from_comparison(comparison)
        assert set(comparison.anytime) == {"forest", "coxnet"}

    def test_the_block_of_the_guide_runs(self):
        names = run_blocks("compare.md", "scikit-survival")

        assert names["survival"].metric == "concordance_index_censored"
        assert names["by_ipcw"].metric == "concordance_index_ipcw"
        assert not any(row["error"] for row in (*names["survival"].rows, *names["by_ipcw"].rows))

    def make_searches(self):
        from sksurv.linear_model import CoxnetSurvivalAnalysis

        case, coxnet = self.make_case(), make_pipeline(StandardScaler(), CoxnetSurvivalAnalysis())
        space = {"coxnetsurvivalanalysis__l1_ratio": [0.1, 0.5, 1.0]}
        return {"forest": case.search(pruner=None), "coxnet": OptunaSearchCV(coxnet, space, cv=3, random_state=0)}

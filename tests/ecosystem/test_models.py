"""What is done with a fitted search: shap, yellowbrick, MAPIE, ONNX, treelite, PMML, skops, cloudpickle."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from sklearn_autotune import AutoModelSelector, OptunaSearchCV, TunedXGBClassifier
from tests.docs.marked_blocks import run_blocks
from tests.ecosystem.claims import first_line, make_data, skip_as_there

pytestmark = pytest.mark.filterwarnings("default")


def require(*modules):
    for module in modules:
        pytest.importorskip(module, exc_type=ImportError)


class TestShap:
    def test_values_of_the_best_estimator_add_up_to_its_predictions(self):
        require("shap")
        import shap

        from tests.ecosystem.fitted import fit_forest

        search, X, _ = fit_forest(is_regression=True)
        explanation = shap.TreeExplainer(search.best_estimator_)(X[:10])

        np.testing.assert_allclose(
            explanation.values.sum(axis=1) + explanation.base_values, search.predict(X[:10]), atol=1e-6
        )

    def test_the_search_itself_is_explained_by_its_predictions(self):
        require("shap")
        import shap

        from tests.ecosystem.fitted import fit_pipeline

        search, X, _ = fit_pipeline()
        explanation = shap.Explainer(search.predict_proba, X, seed=0)(X[:5])

        assert explanation.values.shape == (5, X.shape[1], 2)

    def test_predictions_explain_splits_by_categories_which_the_explainer_of_trees_misreads(self):
        require("shap")
        import shap
        from sklearn.ensemble import HistGradientBoostingRegressor

        random = np.random.RandomState(0)
        X = np.column_stack([random.normal(size=200), random.randint(0, 8, 200)])
        y = X[:, 0] + 10 * (X[:, 1] % 2)
        model = HistGradientBoostingRegressor(max_iter=20, categorical_features=[1], random_state=0)
        search = OptunaSearchCV(model, {"max_depth": [2, 3]}, cv=3, random_state=0).fit(X, y)

        by_predictions = shap.Explainer(search.predict, X, seed=0)(X[:10])
        by_trees = shap.TreeExplainer(search.best_estimator_)(X[:10])

        def miss(explanation):
            sums = explanation.values.sum(axis=1) + explanation.base_values
            return np.abs(sums - search.predict(X[:10])).max()

        assert miss(by_predictions) < 1e-6
        assert miss(by_trees) > 1  # shap 0.51


def draw_classes(search, X, y, **params):
    from yellowbrick.classifier import ClassificationReport

    report = ClassificationReport(search, is_fitted=True, **params).fit(X, y)
    return report.score(X, y)


def draw_residuals(search, X, y, **params):
    from yellowbrick.regressor import ResidualsPlot

    plot = ResidualsPlot(search, is_fitted=True, hist=False, **params).fit(X, y)
    return plot.score(X, y)


@pytest.mark.parametrize(("draw", "is_regression"), [(draw_classes, False), (draw_residuals, True)])
class TestYellowbrick:
    def test_a_visualizer_of_the_search(self, draw, is_regression):
        """yellowbrick 1.5 asks for ``_estimator_type``, which scikit-learn's estimators have no more."""
        require("yellowbrick")
        from tests.ecosystem.fitted import fit_forest

        try:
            draw(*fit_forest(is_regression=is_regression, by=GridSearchCV))
        except TypeError as error:
            skip_as_there(error)
        search, X, y = fit_forest(is_regression=is_regression)
        assert draw(search, X, y) == search.score(X, y)

    def test_a_visualizer_that_is_told_not_to_ask(self, draw, is_regression):
        require("yellowbrick")
        from tests.ecosystem.fitted import fit_forest

        search, X, y = fit_forest(is_regression=is_regression)
        assert draw(search, X, y, force_model=True) == search.score(X, y)


class TestMapie:
    def test_intervals_around_a_fitted_search(self):
        require("mapie")
        from mapie.regression import SplitConformalRegressor

        from tests.ecosystem.fitted import fit_forest

        search, X, y = fit_forest(is_regression=True)
        intervals = SplitConformalRegressor(search, confidence_level=0.9, prefit=True)
        points, bounds = intervals.conformalize(X, y).predict_interval(X)

        np.testing.assert_array_equal(points, search.predict(X))
        assert np.mean((bounds[:, 0, 0] <= y) & (y <= bounds[:, 1, 0])) >= 0.85

    def test_intervals_that_fit_the_search_on_each_fold(self):
        require("mapie")
        from mapie.regression import CrossConformalRegressor

        from tests.ecosystem.fitted import fit_forest

        search, X, y = fit_forest(is_regression=True)
        intervals = CrossConformalRegressor(search, confidence_level=0.9, cv=3, random_state=0)
        _, bounds = intervals.fit_conformalize(X, y).predict_interval(X)

        assert bounds.shape == (len(y), 2, 1)

    def test_sets_of_classes_around_a_fitted_search(self):
        require("mapie")
        from mapie.classification import SplitConformalClassifier

        from tests.ecosystem.fitted import fit_forest

        search, X, y = fit_forest()
        classifier = SplitConformalClassifier(search, confidence_level=0.9, prefit=True)
        labels, sets = classifier.conformalize(X, y).predict_set(X)

        np.testing.assert_array_equal(labels, search.predict(X))
        assert sets[np.arange(len(y)), y, 0].mean() >= 0.85


def run_onnx(converted, rows):
    import onnxruntime

    session = onnxruntime.InferenceSession(converted.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"X": rows})


def assert_converted(model, X, **settings):
    import skl2onnx

    rows = X.astype(np.float32)
    converted = skl2onnx.to_onnx(model, rows[:1], options={"zipmap": False}, **settings)
    np.testing.assert_array_equal(run_onnx(converted, rows)[0], model.predict(rows))


class TestOnnx:
    def test_the_best_estimator_is_converted(self):
        require("skl2onnx", "onnxruntime")
        from tests.ecosystem.fitted import fit_forest

        search, X, _ = fit_forest()
        assert_converted(search.best_estimator_, X)

    def test_the_search_itself_is_converted_once_registered(self):
        """As a `GridSearchCV` is, for which skl2onnx has a converter."""
        require("skl2onnx", "onnxruntime")
        from sklearn_autotune.export import register_onnx_converters
        from tests.ecosystem.fitted import fit_forest

        register_onnx_converters()
        for by in (GridSearchCV, OptunaSearchCV):
            search, X, _ = fit_forest(by=by)
            assert_converted(search, X)

    def test_tuned_xgboost_is_converted(self):
        require("skl2onnx", "onnxruntime", "onnxmltools")
        from sklearn_autotune.export import register_onnx_converters

        register_onnx_converters()
        X, y = make_data(names=False)
        search = TunedXGBClassifier(n_trials=2, cv=3, random_state=0).fit(X.astype(np.float32), y)
        assert_converted(search, X, target_opset={"": 21, "ai.onnx.ml": 3})

    def test_auto_model_selector_is_refused(self, record_property):
        require("skl2onnx", "onnxruntime")
        from sklearn_autotune.export import register_onnx_converters

        register_onnx_converters()
        X, y = make_data(names=False)
        selector = AutoModelSelector(families=["logistic"], n_trials=1, random_state=0).fit(X, y)
        with pytest.raises(ValueError, match="AutoModelSelector cannot be converted to ONNX") as caught:
            assert_converted(selector, X)
        record_property("verdict", f"refuses: {first_line(caught.value)}")


class TestTreelite:
    def test_the_best_estimator_becomes_trees(self):
        require("treelite")
        import treelite

        from tests.ecosystem.fitted import fit_forest

        search, X, _ = fit_forest(is_regression=True)
        trees = treelite.sklearn.import_model(search.best_estimator_)

        assert trees.num_tree == 8
        np.testing.assert_allclose(treelite.gtil.predict(trees, X).ravel(), search.predict(X), atol=1e-6)

    def test_the_booster_of_tuned_xgboost_becomes_trees(self):
        require("treelite")
        import treelite

        X, y = make_data(names=False)
        X = X.astype(np.float32)
        search = TunedXGBClassifier(n_trials=3, cv=3, random_state=0).fit(X, y)
        trees = treelite.frontend.from_xgboost(search.best_estimator_.get_booster())

        np.testing.assert_allclose(treelite.gtil.predict(trees, X).ravel(), search.predict_proba(X)[:, 1], atol=1e-6)

    @pytest.mark.parametrize("space", [{"max_depth": [2, 3]}, {"boosting_type": ["dart"], "max_depth": [2, 3]}])
    def test_the_booster_of_lightgbm_becomes_trees(self, space):
        require("treelite", "lightgbm")
        import lightgbm
        import treelite

        X, y = make_data(names=False)
        model = lightgbm.LGBMClassifier(n_estimators=10, random_state=0, verbose=-1)
        search = OptunaSearchCV(model, space, cv=3).fit(X, y)
        trees = treelite.frontend.from_lightgbm(search.best_estimator_.booster_)

        np.testing.assert_allclose(treelite.gtil.predict(trees, X).ravel(), search.predict_proba(X)[:, 1], atol=1e-6)

    def test_the_page_of_conversions(self, tmp_path, monkeypatch):
        require("treelite", "skl2onnx", "onnxruntime", "onnxmltools", "skops")
        monkeypatch.chdir(tmp_path)

        assert run_blocks("conversions.md", "treelite", with_others=True)["trees"].num_tree > 1


class TestOnnxmltools:
    """Converters of LightGBM, which are called or registered by hand, and of XGBoost, which we register."""

    @pytest.mark.parametrize("objective", ["regression", "poisson", "quantile", "huber"])
    def test_a_regression_with_lightgbm(self, objective):
        require("lightgbm", "onnxmltools", "onnxruntime")
        from lightgbm import LGBMRegressor
        from onnxmltools import convert_lightgbm
        from onnxmltools.convert.common.data_types import FloatTensorType

        X, y = make_data(is_regression=True, names=False)
        X, y = X.astype(np.float32), np.exp(y / 3)
        model = LGBMRegressor(objective=objective, n_estimators=10, random_state=0, verbose=-1)
        search = OptunaSearchCV(model, {"max_depth": [2, 3]}, scoring="r2", cv=3).fit(X, y)
        types = [("X", FloatTensorType([None, X.shape[1]]))]
        converted = convert_lightgbm(search.best_estimator_, initial_types=types, target_opset=15)

        np.testing.assert_allclose(run_onnx(converted, X)[0].ravel(), search.predict(X), rtol=1e-5)

    def test_a_classification_with_xgboost_as_a_winner(self):
        require("onnxmltools", "skl2onnx", "onnxruntime")
        import skl2onnx
        from xgboost import XGBClassifier

        from sklearn_autotune.export import register_onnx_converters

        register_onnx_converters()
        X, y = make_data(names=False)
        X = X.astype(np.float32)
        search = OptunaSearchCV(XGBClassifier(n_estimators=10), {"max_depth": [2, 3]}, cv=3).fit(X, y)
        settings = {"options": {"zipmap": False}, "target_opset": {"": 21, "ai.onnx.ml": 3}}
        labels, probabilities = run_onnx(skl2onnx.to_onnx(search, X[:1], **settings), X)

        np.testing.assert_array_equal(labels, search.predict(X))
        np.testing.assert_allclose(probabilities, search.predict_proba(X), atol=1e-6)

    def test_what_it_writes_with_other_predictions_is_refused(self, record_property):
        require("onnxmltools", "skl2onnx")
        import skl2onnx

        from sklearn_autotune.export import register_onnx_converters

        register_onnx_converters()
        X, y = make_data(names=False)
        search = TunedXGBClassifier(n_trials=2, num_parallel_tree=2, cv=3, random_state=0).fit(X, y)
        with pytest.raises(ValueError, match="num_parallel_tree=2 for classes") as caught:
            skl2onnx.to_onnx(search, X[:1].astype(np.float32), target_opset={"": 21, "ai.onnx.ml": 3})
        record_property("verdict", f"refuses: {first_line(caught.value)}")


class TestPMML:
    def test_the_page_of_conversions(self, tmp_path, monkeypatch):
        require("sklearn2pmml", "jpmml_evaluator", "skl2onnx", "onnxruntime", "onnxmltools", "skops")
        if shutil.which("java") is None:
            pytest.skip("needs Java")
        monkeypatch.chdir(tmp_path)

        run_blocks("conversions.md", "sklearn2pmml", with_others=True)

        assert (tmp_path / "model.pmml").stat().st_size > 1000


class TestSkops:
    def test_the_deployed_model_needs_no_trust_in_optuna(self):
        require("skops")
        import skops.io

        from tests.ecosystem.fitted import fit_pipeline

        search, X, _ = fit_pipeline()
        stored = skops.io.dumps(search.deployed_model())

        unknown = skops.io.get_untrusted_types(data=stored)
        assert [name for name in unknown if "optuna" in name] == []
        model = skops.io.loads(stored, trusted=unknown)
        np.testing.assert_array_equal(model.predict(X), search.predict(X))

    def test_the_best_estimator_needs_no_trust_at_all(self):
        require("skops")
        import skops.io

        from tests.ecosystem.fitted import fit_pipeline

        search, X, _ = fit_pipeline()
        stored = skops.io.dumps(search.best_estimator_)

        np.testing.assert_array_equal(skops.io.loads(stored).predict(X), search.predict(X))


SCRIPT = """
import sys
import cloudpickle, numpy as np
from sklearn.linear_model import Ridge
from sklearn_autotune import OptunaSearchCV


class Doubled(Ridge):
    def predict(self, X):
        return 2 * super().predict(X)


X = np.random.RandomState(0).normal(size=(60, 3))
score = lambda m, X, y: -abs(m.predict(X) - y).max()
search = OptunaSearchCV(Doubled(), {"alpha": [0.1, 1.0]}, cv=3, n_jobs=2, scoring=score)
search.fit(X, X[:, 0])
with open(sys.argv[1], "wb") as file:
    cloudpickle.dump((search, X, search.predict(X)), file)
"""


class TestCloudpickle:
    def test_a_search_with_a_class_of_the_script_is_read_in_another_process(self, tmp_path):
        require("cloudpickle")
        import pickle

        subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path / "search.pkl")], check=True, cwd=sys.path[0] or ".")

        search, X, expected = pickle.loads((tmp_path / "search.pkl").read_bytes())
        np.testing.assert_array_equal(search.predict(X), expected)
        assert len(search.cv_results_["params"]) == 2

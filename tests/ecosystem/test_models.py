"""What is done with a fitted search: shap, yellowbrick, MAPIE, ONNX, treelite, skops, cloudpickle."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from sklearn_autotune import AutoModelSelector, OptunaSearchCV, TunedXGBClassifier
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


def assert_converted(model, X, **settings):
    import onnxruntime
    import skl2onnx

    rows = X.astype(np.float32)
    converted = skl2onnx.to_onnx(model, rows[:1], options={"zipmap": False}, **settings)
    session = onnxruntime.InferenceSession(converted.SerializeToString(), providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(session.run(None, {"X": rows})[0], model.predict(rows))


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

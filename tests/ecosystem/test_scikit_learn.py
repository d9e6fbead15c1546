"""scikit-learn's own meta-estimators, splitters and metadata routing."""

import numpy as np
import pytest

from tests.ecosystem.claims import Case, Claims, assert_same_tables, drop_times, make_data, make_mixed_data


class TestCalibratedClassifierCV(Claims):
    def make_case(self):
        from sklearn.calibration import CalibratedClassifierCV
        from sklearn.svm import LinearSVC

        X, y = make_data()
        grid = {"estimator__C": [0.01, 1, 100], "method": ["sigmoid", "isotonic"]}
        return Case(
            CalibratedClassifierCV(LinearSVC(), cv=3), X, y, grid, scoring="neg_log_loss", method="predict_proba"
        )


class TestStackingClassifier(Claims):
    def make_case(self):
        from sklearn.ensemble import RandomForestClassifier, StackingClassifier
        from sklearn.linear_model import LogisticRegression

        X, y = make_data()
        forest = RandomForestClassifier(5, random_state=0)
        model = StackingClassifier([("forest", forest), ("linear", LogisticRegression())], cv=3)
        return Case(model, X, y, {"forest__max_depth": [2, 4, 8], "linear": ["drop", LogisticRegression(C=0.01)]})


class TestTunedThresholdClassifierCV(Claims):
    def make_case(self):
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import TunedThresholdClassifierCV

        X, y = make_data()
        model = TunedThresholdClassifierCV(LogisticRegression(), cv=3, scoring="f1")
        return Case(model, X, y, {"estimator__C": [0.01, 1, 100], "thresholds": [5, 20]}, scoring="f1")


class TestTransformedTargetRegressor(Claims):
    def make_case(self):
        from sklearn.compose import TransformedTargetRegressor
        from sklearn.linear_model import Ridge

        X, y = make_data(is_regression=True)
        model = TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1)
        grid = {"regressor__alpha": [0.1, 1, 10], "check_inverse": [True, False]}
        return Case(model, X, y - y.min(), grid)


class TestMultiOutputRegressor(Claims):
    def make_case(self):
        from sklearn.linear_model import Ridge
        from sklearn.multioutput import MultiOutputRegressor

        X, y = make_data(is_regression=True)
        grid = {"estimator__alpha": [0.1, 1, 10], "estimator__fit_intercept": [True, False]}
        return Case(MultiOutputRegressor(Ridge()), X, np.column_stack([y, y**2]), grid, scoring="r2")


class TestColumnTransformer(Claims):
    modules = ("pandas",)

    def make_case(self):
        from sklearn.compose import ColumnTransformer, make_column_selector
        from sklearn.impute import SimpleImputer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

        X, y = make_mixed_data()
        numbers = make_pipeline(SimpleImputer(), FunctionTransformer(np.arcsinh, feature_names_out="one-to-one"))
        columns = ColumnTransformer(
            [
                ("numbers", numbers, make_column_selector(dtype_include="number")),
                ("words", OneHotEncoder(handle_unknown="ignore"), ["city"]),
            ]
        )
        grid = {
            "columntransformer__numbers__simpleimputer__strategy": ["mean", "median"],
            "logisticregression__C": [0.01, 1, 100],
        }
        return Case(make_pipeline(columns, LogisticRegression(max_iter=500)), X, y, grid)


def make_splitters():
    from sklearn.model_selection import (
        GroupKFold,
        LeaveOneGroupOut,
        PredefinedSplit,
        RepeatedStratifiedKFold,
        StratifiedGroupKFold,
        TimeSeriesSplit,
    )

    return {
        "GroupKFold": GroupKFold(3),
        "LeaveOneGroupOut": LeaveOneGroupOut(),
        "StratifiedGroupKFold": StratifiedGroupKFold(3, shuffle=True, random_state=0),
        "PredefinedSplit": PredefinedSplit(np.arange(120) % 4 - 1),
        "RepeatedStratifiedKFold": RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0),
        "TimeSeriesSplit": TimeSeriesSplit(4, gap=2, max_train_size=60),
    }


class TestSplitters:
    @pytest.mark.parametrize("name", list(make_splitters()))
    def test_a_splitter_gives_the_table_of_grid_search(self, name):
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import GridSearchCV

        X, y = make_data()
        metadata = {"groups": np.arange(len(y)) // 12} if "Group" in name else {}
        case = Case(LogisticRegression(), X, y, {"C": [0.01, 1, 100]}, cv=make_splitters()[name], metadata=metadata)

        search = case.fit(case.search())

        expected = case.fit(GridSearchCV(case.estimator, case.grid, cv=make_splitters()[name]))
        assert_same_tables(drop_times(search.cv_results_), drop_times(expected.cv_results_))

    def test_halving_ends_with_the_score_of_all_rows(self):
        """On the last rung, which has all rows, the score is that of `cross_val_score` on the same folds."""
        from sklearn.experimental import enable_halving_search_cv  # noqa: F401
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import HalvingGridSearchCV, StratifiedKFold, cross_val_score

        from sklearn_autotune import OptunaSearchCV

        X, y = make_data()
        grid = {"C": [0.001, 0.01, 1, 100]}
        cv = StratifiedKFold(3, shuffle=True, random_state=0)
        halving = HalvingGridSearchCV(LogisticRegression(), grid, cv=cv, random_state=0, min_resources=30, factor=2)
        halving.fit(X, y)

        search = OptunaSearchCV(LogisticRegression(), grid, cv=cv, resource="n_samples", factor=2, random_state=0).fit(
            X, y
        )

        again = cross_val_score(LogisticRegression(C=search.best_params_["C"]), X, y, cv=cv)
        assert search.best_score_ == pytest.approx(again.mean(), abs=1e-12)
        assert set(grid["C"]) >= {search.best_params_["C"], halving.best_params_["C"]}

    def test_weights_and_groups_are_routed_as_in_grid_search(self):
        import sklearn
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import get_scorer
        from sklearn.model_selection import GridSearchCV, GroupKFold
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        X, y = make_data()
        with sklearn.config_context(enable_metadata_routing=True):
            model = make_pipeline(
                StandardScaler().set_fit_request(sample_weight=True),
                LogisticRegression().set_fit_request(sample_weight=True),
            )
            scoring = get_scorer("accuracy").set_score_request(sample_weight=True)
            metadata = {"groups": np.arange(len(y)) // 12, "sample_weight": np.linspace(0.1, 2, len(y))}
            grid = {"logisticregression__C": [0.01, 1, 100]}
            case = Case(model, X, y, grid, cv=GroupKFold(3), scoring=scoring, metadata=metadata)

            search = case.fit(case.search())

            expected = case.fit(GridSearchCV(model, grid, cv=case.cv, scoring=scoring))
        assert_same_tables(drop_times(search.cv_results_), drop_times(expected.cv_results_))

    def test_groups_are_routed_to_a_target_encoder_as_in_grid_search(self):
        """From scikit-learn 1.9 on, the encoder keeps groups together when it cross-fits."""
        import sklearn
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import GridSearchCV, GroupKFold
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import TargetEncoder

        if "get_metadata_routing" not in vars(TargetEncoder):
            pytest.skip("this release of scikit-learn routes no groups to the encoder")
        X, y = make_data(names=False)
        words, groups = np.digitize(X[:, :2], [-1, 0, 1]).astype(str), np.arange(len(y)) // 12
        grid = {"targetencoder__smooth": [0.1, 10.0], "logisticregression__C": [0.01, 1, 100]}
        with sklearn.config_context(enable_metadata_routing=True):
            model = make_pipeline(TargetEncoder(cv=GroupKFold(4)), LogisticRegression())
            case = Case(model, words, y, grid, cv=GroupKFold(3), scoring="neg_log_loss", metadata={"groups": groups})

            search = case.fit(case.search(error_score="raise"))

            expected = case.fit(GridSearchCV(model, grid, cv=case.cv, scoring=case.scoring, error_score="raise"))
        assert_same_tables(drop_times(search.cv_results_), drop_times(expected.cv_results_))


class TestCurves:
    @pytest.mark.parametrize(
        ("display", "scoring", "summary"),
        [
            ("RocCurveDisplay", "roc_auc", "roc_auc"),
            ("PrecisionRecallDisplay", "average_precision", "average_precision"),
        ],
    )
    def test_curves_of_the_folds_have_the_scores_of_the_winner(self, display, scoring, summary):
        pytest.importorskip("matplotlib").use("agg")
        from sklearn import metrics
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import StratifiedKFold

        from sklearn_autotune import OptunaSearchCV

        if not hasattr(getattr(metrics, display), "from_cv_results"):
            pytest.skip("this release draws no curves of several folds")
        X, y = make_data()
        cv, space = StratifiedKFold(3), {"C": [0.01, 1, 100]}
        search = OptunaSearchCV(LogisticRegression(), space, cv=cv, scoring=scoring, keep="estimators").fit(X, y)
        train, test = zip(*cv.split(X, y), strict=True)
        kept = {"estimator": search.fold_estimators_, "indices": {"train": train, "test": test}}

        curves = getattr(metrics, display).from_cv_results(kept, X, y)

        scores = [search.cv_results_[f"split{fold}_test_score"][search.best_index_] for fold in range(3)]
        np.testing.assert_allclose(getattr(curves, summary), scores, rtol=0, atol=1e-12)

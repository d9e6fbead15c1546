"""category_encoders, feature-engine and skrub: steps that prepare tables of pandas."""

from tests.ecosystem.claims import Case, Claims, make_mixed_data


class TestCategoryEncoders(Claims):
    modules = ("category_encoders", "pandas")

    def make_case(self):
        from category_encoders import TargetEncoder
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.pipeline import make_pipeline

        X, y = make_mixed_data(categorical="str")
        model = make_pipeline(TargetEncoder(cols=["city"]), RandomForestClassifier(5, random_state=0))
        grid = {"targetencoder__smoothing": [1.0, 20.0], "randomforestclassifier__max_depth": [2, 4, 8]}
        return Case(model, X, y, grid)


class TestFeatureEngine(Claims):
    modules = ("feature_engine", "pandas")

    def make_case(self):
        from feature_engine.encoding import OrdinalEncoder
        from feature_engine.imputation import MeanMedianImputer
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.pipeline import make_pipeline

        X, y = make_mixed_data(categorical="object")
        model = make_pipeline(
            MeanMedianImputer(), OrdinalEncoder(unseen="encode"), RandomForestClassifier(5, random_state=0)
        )
        grid = {
            "meanmedianimputer__imputation_method": ["mean", "median"],
            "randomforestclassifier__max_depth": [2, 4, 8],
        }
        return Case(model, X, y, grid)


class TestSkrub(Claims):
    modules = ("skrub", "pandas")

    def make_case(self):
        from sklearn.linear_model import LogisticRegression
        from skrub import MinHashEncoder, StringEncoder, tabular_pipeline

        X, y = make_mixed_data(categorical="str")
        model = tabular_pipeline(LogisticRegression(max_iter=500))
        grid = {
            "tablevectorizer__high_cardinality": [StringEncoder(2, random_state=0), MinHashEncoder(n_components=2)],
            "tablevectorizer__cardinality_threshold": [2],
            "logisticregression__C": [0.01, 1, 100],
        }
        return Case(model, X, y, grid)

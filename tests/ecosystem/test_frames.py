"""Tables of pandas, polars, pyarrow and narwhals."""

from tests.ecosystem.claims import Case, Claims, make_data, make_mixed_data


def make_case(convert):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, y = make_data()
    model = make_pipeline(StandardScaler(), LogisticRegression())
    grid = {"standardscaler__with_mean": [True, False], "logisticregression__C": [0.01, 1, 100]}
    return Case(model, convert(X), y, grid)


class TestPandas(Claims):
    """A table with strings, a category, gaps, whole numbers and truth values of pandas' own types; string labels."""

    modules = ("pandas",)

    def make_case(self):
        import pandas as pd
        from sklearn.compose import make_column_selector, make_column_transformer
        from sklearn.impute import SimpleImputer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder

        X, y = make_mixed_data()
        X = X.assign(
            town=pd.Series(X["city"].astype(object)).convert_dtypes(),
            word=X["city"].astype(str),
            count=(X["x0"] * 10).round().astype("Int64"),
            is_large=(X["x1"] > 0).astype("boolean"),
        )
        X.loc[::7, ["town", "count", "is_large"]] = pd.NA
        one_hot = make_pipeline(
            SimpleImputer(missing_values=pd.NA, strategy="constant", fill_value="none"),
            OneHotEncoder(handle_unknown="ignore"),
        )
        columns = make_column_transformer(
            (SimpleImputer(), make_column_selector(dtype_include="number")),
            (one_hot, ["town"]),
            (OneHotEncoder(handle_unknown="ignore"), ["city", "word"]),
        )
        grid = {
            "columntransformer__simpleimputer__strategy": ["mean", "median"],
            "logisticregression__C": [0.01, 1, 100],
        }
        model = make_pipeline(columns, LogisticRegression(max_iter=1000))
        return Case(model, X, pd.Series(y, index=X.index).map({0: "no", 1: "yes"}), grid)


class TestPolars(Claims):
    modules = ("polars", "pandas")

    def make_case(self):
        import polars

        return make_case(lambda X: polars.DataFrame({name: X[name].to_numpy() for name in X}))


class TestPyarrow(Claims):
    modules = ("pyarrow", "pandas")

    def make_case(self):
        import pyarrow

        return make_case(lambda X: pyarrow.table({name: X[name].to_numpy() for name in X}))


class TestNarwhals(Claims):
    modules = ("narwhals", "pandas")

    def make_case(self):
        import narwhals

        return make_case(lambda X: narwhals.from_native(X, eager_only=True))

"""Tables of polars, pyarrow and narwhals."""

from tests.ecosystem.claims import Case, Claims, make_data


def make_case(convert):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, y = make_data()
    model = make_pipeline(StandardScaler(), LogisticRegression())
    grid = {"standardscaler__with_mean": [True, False], "logisticregression__C": [0.01, 1, 100]}
    return Case(model, convert(X), y, grid)


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

"""Networks and histogram boosting are trained as long as is best on rows of other groups or on later rows."""

from functools import partial

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

from sklearn_autotune.inference._target_transform import TransformedTarget
from sklearn_autotune.tables._inner_folds import InnerFolds
from sklearn_autotune.tables._own_early_stopping import divide_as_model, find_network, limit_training
from sklearn_autotune.tables._prepared_rows import PreparedRows
from tests.allocations import measure_peak

SETTINGS = {"hidden_layer_sizes": (64,), "learning_rate_init": 0.01, "early_stopping": True, "random_state": 0}
BOOSTING = {"learning_rate": 0.3, "early_stopping": True, "random_state": 0}
RANDOM = np.random.RandomState(0)
GROUPS = np.repeat(np.arange(40), 10)
# Features tell the group, whose level is random: what a network learns of it is of no use for other groups.
X = np.column_stack([RANDOM.normal(size=(40, 5))[GROUPS], RANDOM.normal(size=400)])
Y = RANDOM.normal(size=40)[GROUPS] + 0.5 * X[:, 5]


ROWS = np.arange(400)
EACH = InnerFolds(ROWS)  # each row is a group of its own


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (MLPClassifier, SETTINGS),
        (MLPRegressor, SETTINGS),
        (HistGradientBoostingClassifier, BOOSTING),
        (HistGradientBoostingRegressor, BOOSTING),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_model_stops_when_it_begins_to_know_the_groups(kind, settings):
    y = (np.median(Y) < Y).astype(int) if "Classifier" in kind.__name__ else Y
    lengths = {}
    for name, inner in {"rows": EACH, "groups": InnerFolds(GROUPS)}.items():
        model = kind(max_iter=60, **settings)
        limit_training(model, PreparedRows(X, y, None), inner, ROWS, 0)
        assert not model.early_stopping
        lengths[name] = model.max_iter

    assert lengths["groups"] < lengths["rows"] / 2


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("weight", [None, np.linspace(0.5, 1.5, 400)], ids=["no weights", "weights"])
def test_the_network_inside_of_transformations_is_found(weight):
    scaled = TransformedTargetRegressor(MLPRegressor(max_iter=5, **SETTINGS), transformer=StandardScaler())
    model = TransformedTarget(scaled, "log")

    limit_training(model, PreparedRows(X, np.exp(Y), weight), InnerFolds(GROUPS), ROWS, 0)

    network = model.regressor.regressor
    assert find_network(TransformedTarget(scaled, "log"))[0] == ""  # it no longer stops early
    assert network.n_iter_no_change == network.max_iter <= 5
    assert model.fit(X, np.exp(Y), sample_weight=weight).regressor_.regressor_.n_iter_ == network.max_iter


@pytest.mark.parametrize(
    ("model", "inner"),
    [
        (Ridge(), EACH),
        (MLPRegressor(max_iter=5), EACH),
        (HistGradientBoostingRegressor(), EACH),
        (MLPRegressor(**SETTINGS), InnerFolds()),
        (MLPRegressor(**SETTINGS), InnerFolds(0 * GROUPS)),
    ],
    ids=["neither", "network without early stopping", "boosting without", "no groups", "one group"],
)
def test_other_models_stay_as_they_are(model, inner):
    before = repr(model)

    limit_training(model, PreparedRows(X, Y, None), inner, ROWS, 0)

    assert repr(model) == before


def test_histogram_boosting_of_rows_that_are_divided_before_takes_less_memory():
    table = np.asfortranarray(np.random.RandomState(0).normal(size=(50_000, 20)).astype(np.float32))
    target = table[:, 0] + table[:, 1]
    make = partial(HistGradientBoostingRegressor, **BOOSTING, max_iter=3)

    def fit_divided():
        train, validation = divide_as_model(make(), PreparedRows(table, target, None))
        make().fit(train.X, train.y, X_val=validation.X, y_val=validation.y)

    assert measure_peak(fit_divided) < 0.75 * measure_peak(lambda: make().fit(table, target))


@pytest.mark.parametrize(
    ("model", "weight"), [(Ridge(), None), (HistGradientBoostingRegressor(**BOOSTING), np.ones(400))]
)
def test_rows_of_other_models_and_with_weights_are_not_divided(model, weight):
    rows = PreparedRows(X, Y, weight)

    assert divide_as_model(model, rows) == (rows, None)

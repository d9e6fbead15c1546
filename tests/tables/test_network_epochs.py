"""The epochs of a network are those that are best on rows of other groups or on later rows."""

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

from sklearn_autotune.inference._target_transform import TransformedTarget
from sklearn_autotune.tables._network_epochs import find_network, set_network_epochs
from sklearn_autotune.tables._prepared_rows import PreparedRows

SETTINGS = {"hidden_layer_sizes": (64,), "learning_rate_init": 0.01, "early_stopping": True, "random_state": 0}
RANDOM = np.random.RandomState(0)
GROUPS = np.repeat(np.arange(40), 10)
# Features tell the group, whose level is random: what a network learns of it is of no use for other groups.
X = np.column_stack([RANDOM.normal(size=(40, 5))[GROUPS], RANDOM.normal(size=400)])
Y = RANDOM.normal(size=40)[GROUPS] + 0.5 * X[:, 5]


@pytest.mark.parametrize("is_classification", [True, False], ids=["classes", "amounts"])
def test_a_network_stops_when_it_begins_to_know_the_groups(is_classification):
    y = (np.median(Y) < Y).astype(int) if is_classification else Y
    epochs = {}
    for name, held_out in {"rows": np.arange(400) % 7 == 0, "groups": GROUPS >= 34}.items():
        model = (MLPClassifier if is_classification else MLPRegressor)(max_iter=60, **SETTINGS)
        set_network_epochs(model, PreparedRows(X, y, None), held_out)
        assert not model.early_stopping
        epochs[name] = model.max_iter

    assert epochs["groups"] < epochs["rows"] / 3


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("weight", [None, np.linspace(0.5, 1.5, 400)], ids=["no weights", "weights"])
def test_the_network_inside_of_transformations_is_found(weight):
    scaled = TransformedTargetRegressor(MLPRegressor(max_iter=5, **SETTINGS), transformer=StandardScaler())
    model = TransformedTarget(scaled, "log")

    set_network_epochs(model, PreparedRows(X, np.exp(Y), weight), GROUPS >= 34)

    network = model.regressor.regressor
    assert find_network(TransformedTarget(scaled, "log"))[0] == ""  # it no longer stops early
    assert network.n_iter_no_change == network.max_iter <= 5
    assert model.fit(X, np.exp(Y), sample_weight=weight).regressor_.regressor_.n_iter_ == network.max_iter


@pytest.mark.parametrize(
    ("model", "held_out"),
    [(Ridge(), GROUPS >= 34), (MLPRegressor(max_iter=5), GROUPS >= 34), (MLPRegressor(**SETTINGS), GROUPS >= 40)],
    ids=["no network", "no early stopping", "no rows"],
)
def test_other_models_stay_as_they_are(model, held_out):
    before = repr(model)

    set_network_epochs(model, PreparedRows(X, Y, None), held_out)

    assert repr(model) == before

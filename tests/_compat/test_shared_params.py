"""Parameters that clones share: a connection is the same one in a clone, and in no pickle."""

import pickle
import threading

import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from sklearn_autotune import OptunaSearchCV, TunedXGBClassifier, TunedXGBRegressor

SEARCHES = [OptunaSearchCV(LogisticRegression(), {"C": [1, 2]}), TunedXGBClassifier(max_depth=3), TunedXGBRegressor()]


@pytest.mark.parametrize("search", SEARCHES, ids=lambda search: type(search).__name__)
def test_a_clone_has_the_same_connection_and_a_pickle_has_none(search):
    connection = threading.Lock()  # can be neither copied nor pickled

    connected = clone(search).set_params(executor=connection)

    cloned, loaded = clone(connected), pickle.loads(pickle.dumps(connected))
    assert cloned.executor is connected.executor is connection
    assert loaded.executor is None
    assert repr(cloned.set_params(executor=None).get_params()) == repr(search.get_params())


@pytest.mark.parametrize("search", SEARCHES, ids=lambda search: type(search).__name__)
def test_an_address_is_cloned_and_pickled(search):
    connected = clone(search).set_params(executor="tcp://127.0.0.1:9")

    assert clone(connected).executor == "tcp://127.0.0.1:9"
    assert pickle.loads(pickle.dumps(connected)).executor == "tcp://127.0.0.1:9"

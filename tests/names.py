"""Names of parametrized tests that are equal in every process, without addresses of objects."""

import re

import pytest
from sklearn.utils import estimator_checks


def without_addresses(text):
    """Return a text without the addresses of objects."""
    return re.sub(r" ?at ?0x[0-9a-f]+", "", text)


def named(value):
    """Name a value by its text."""
    return without_addresses(str(value))


def parametrize_with_checks(estimators, **settings):
    """As scikit-learn's, with names without addresses."""
    mark = estimator_checks.parametrize_with_checks(estimators, **settings)
    of_scikit_learn = mark.kwargs["ids"]

    def short(value):
        return without_addresses(of_scikit_learn(value))

    return pytest.mark.parametrize(*mark.args, **mark.kwargs | {"ids": short})

"""A list of objects is imported by their names, in the given order."""

import pytest

from sklearn_autotune._compat.roll import import_roll


def test_members_come_in_the_order_of_the_roll():
    dumps, loads = import_roll("json", "encoder.JSONEncoder", "decoder.JSONDecoder")

    assert (dumps.__name__, loads.__name__) == ("JSONEncoder", "JSONDecoder")


@pytest.mark.parametrize("place", ["no_such_module.NAME", "encoder.no_such_name"])
def test_a_member_that_is_not_there_is_an_error(place):
    with pytest.raises((ImportError, AttributeError), match="no_such"):
        import_roll("json", place)

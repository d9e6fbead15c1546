import pytest

from sklearn_autotune.samplers._seeds import derive_seed


def test_a_seed_depends_on_every_part_of_the_key_and_on_their_order():
    keys = [(0, 1, "x"), (1, 1, "x"), (0, 2, "x"), (0, 1, "y"), (1, 0, "x"), (0, 1)]

    assert len({derive_seed(*key) for key in keys}) == len(keys)


@pytest.mark.parametrize(("key", "seed"), [((0,), 9523843951405948789), ((3, 17, "C"), 9947992187194668321)])
def test_the_seed_of_a_key_stays_the_same(key, seed):
    # Otherwise, a stored search of an earlier version could not be resumed.
    assert derive_seed(*key) == seed

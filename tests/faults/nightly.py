"""Slow tests that are similar to others: all of them run if ``SKLEARN_AUTOTUNE_NIGHTLY`` is set."""

import os
from collections import defaultdict
from random import Random

import pytest

IS_NIGHT = bool(os.environ.get("SKLEARN_AUTOTUNE_NIGHTLY"))

at_night = pytest.mark.skipif(not IS_NIGHT, reason="runs with SKLEARN_AUTOTUNE_NIGHTLY=1")


def scale_examples(n_examples):
    """How many of Hypothesis's examples run: all at night, a quarter otherwise."""
    return n_examples if IS_NIGHT else max(1, n_examples // 4)


def skip_similar(items):
    """Skip, by day, all but n parameter sets of each test with the mark ``few_by_day(n)``, drawn with a fixed seed."""
    similar = defaultdict(list)
    for item in items:
        if item.get_closest_marker("few_by_day") is not None:
            similar[item.path, item.cls, item.originalname].append(item)
    for group in similar.values():
        (n_kept,) = group[0].get_closest_marker("few_by_day").args
        kept = Random(0).sample(group, min(n_kept, len(group)))
        for item in group:
            if item not in kept:
                item.add_marker(at_night)

"""Slow tests that are similar to others: all of them run if ``SKLEARN_AUTOTUNE_NIGHTLY`` is set."""

import os

import pytest

IS_NIGHT = bool(os.environ.get("SKLEARN_AUTOTUNE_NIGHTLY"))

at_night = pytest.mark.skipif(not IS_NIGHT, reason="runs with SKLEARN_AUTOTUNE_NIGHTLY=1")


def scale_examples(n_examples):
    """How many of Hypothesis's examples run: all at night, a quarter otherwise."""
    return n_examples if IS_NIGHT else max(1, n_examples // 4)

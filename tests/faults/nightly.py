"""Tests that take long and differ little from others run when ``SKLEARN_AUTOTUNE_NIGHTLY`` is set."""

import os

import pytest

IS_NIGHT = bool(os.environ.get("SKLEARN_AUTOTUNE_NIGHTLY"))

at_night = pytest.mark.skipif(not IS_NIGHT, reason="runs with SKLEARN_AUTOTUNE_NIGHTLY=1")

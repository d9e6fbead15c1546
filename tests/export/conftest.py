"""What all tests of exported scripts share."""

from tests.export.scripts import mixed, predictions

__all__ = ["mixed", "predictions"]

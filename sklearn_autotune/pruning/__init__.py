"""When a candidate is stopped before it is measured in full."""

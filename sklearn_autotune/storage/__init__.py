"""Studies: opened, locked, written, resumed, shared."""

"""x."""

from typing import Any


class Family: ...


def auto_space(estimator: Any, n_rows: int) -> Any:
    raise ValueError

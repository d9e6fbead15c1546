"""Optuna, kept quiet: it announces every new study on stderr, and a search has no business doing that."""

from collections.abc import Iterator
from contextlib import contextmanager

import optuna

__all__ = ["quiet_optuna", "scratch_study"]


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Let Optuna say nothing below a warning inside this block."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(max(verbosity, optuna.logging.WARNING))
    try:
        yield
    finally:
        optuna.logging.set_verbosity(verbosity)


def scratch_study(seed: int) -> optuna.Study:
    """Return a study in memory that proposes at random and is never told anything."""
    with quiet_optuna():
        return optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))

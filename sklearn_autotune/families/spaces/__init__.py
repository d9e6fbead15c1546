"""Ready spaces of estimators that are no family of `AutoModelSelector`: one file a kind, one entry an estimator."""

from itertools import chain

from sklearn_autotune._compat.roll import import_roll
from sklearn_autotune.families._base import EstimatorSpace

__all__ = ["ESTIMATOR_SPACES", "STEP_SPACES"]

# One line a file, as module.SPACES. Models: ``"auto"`` searches them wherever they are.
ESTIMATOR_SPACES: tuple[EstimatorSpace, ...] = tuple(
    chain.from_iterable(
        import_roll(
            __name__,
            "_linear.SPACES",
            "_bayes.SPACES",
            "_trees.SPACES",
            "_skglm.SPACES",
            "_interpret.SPACES",
            "_quantile_forest.SPACES",
            "_survival.SPACES",
        )
    )
)

# Steps in front of a model, which are searched only where the user asks for it.
STEP_SPACES: tuple[EstimatorSpace, ...] = tuple(
    chain.from_iterable(
        import_roll(
            __name__,
            "_columns.SPACES",
            "_reduction.SPACES",
            "_text.SPACES",
            "_resampling.SPACES",
        )
    )
)

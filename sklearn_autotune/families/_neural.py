"""Multi-layer perceptrons. They need scaled features, and in regression a scaled target."""

from typing import Any

from optuna.distributions import FloatDistribution

from sklearn_autotune.families._base import Branch, ByRows, Family, Shape, scale_target

__all__ = ["NEURAL"]


def _make_space(shape: Shape) -> Branch:
    return {
        # auto-sklearn: one to three layers of 16 to 264 units.
        "hidden_layer_sizes": [(64,), (128,), (256,), (64, 64), (128, 128), (64, 64, 64)],
        # auto-sklearn: log 1e-7-0.1.
        "alpha": FloatDistribution(1e-7, 10.0, log=True),
        # auto-sklearn: log 1e-4-0.5, with 1e-3 as it comes; the upper end seldom converges.
        "learning_rate_init": FloatDistribution(1e-4, 0.05, log=True),
    }


def _make_model(shape: Shape) -> Any:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    settings = {"early_stopping": True, "validation_fraction": 0.15, "n_iter_no_change": 12, "max_iter": 120}
    if shape.is_classifier:
        return MLPClassifier(**settings)
    return scale_target(MLPRegressor(**settings))


def _estimate_seconds(shape: Shape) -> float:
    n_classes = shape.n_classes - 2 if shape.is_classifier else 0
    # Measured on 206,000 rows: 51 s, more than twice what was estimated for smaller tables.
    seconds_per_row = ByRows(1e-4, 2.5e-4)(shape)
    return 0.1 + seconds_per_row * shape.n_rows * (1 + shape.n_columns / 100 + n_classes / 75)


NEURAL = Family(
    name="neural",
    generates=True,
    aliases=("neural_network", "neural_net", "mlp", "multilayer_perceptron"),
    estimators=("sklearn.MLPClassifier", "sklearn.MLPRegressor"),
    space=_make_space,
    make=_make_model,
    first=(
        {"hidden_layer_sizes": (128, 128), "alpha": 1e-3, "learning_rate_init": 3e-3},
        {"hidden_layer_sizes": (256,), "alpha": 1.0, "learning_rate_init": 1e-3},
    ),
    known_good=(
        {"hidden_layer_sizes": (128, 128), "alpha": 1e-3, "learning_rate_init": 3e-3},
        {"hidden_layer_sizes": (256,), "alpha": 1.0, "learning_rate_init": 1e-3},
        {"alpha": 0.1, "learning_rate_init": 0.01},
    ),
    meanings={"batch_size": {"auto": 200}},
    seconds=_estimate_seconds,
    screens=True,
)

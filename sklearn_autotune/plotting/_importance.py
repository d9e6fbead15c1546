"""ParameterImportanceDisplay: which parameters the scores hang on."""

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from sklearn_autotune._compat.types import FittedSearch
from sklearn_autotune.plotting._style import COLORS, make_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from optuna.importance import BaseImportanceEvaluator

__all__ = ["ParameterImportanceDisplay"]

MAX_PARAMETERS = 15  # bars


class ParameterImportanceDisplay:
    """How much the choice of each parameter has to do with being among the best candidates.

    Parameters
    ----------
    importances : dict of str to float
        Shares that add up to 1.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    bars_ : matplotlib BarContainer
        One for each of the most important parameters, up to fifteen, the first on top.

    Notes
    -----
    By PED-ANOVA (Watanabe, Bansal and Hutter, IJCAI 2023), which compares where the best tenth of the candidates lies
    with where all lie, parameter by parameter. It says what mattered among the candidates of this search, and with a
    few dozen of them it says so roughly.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sklearn_autotune import OptunaSearchCV
    >>> from sklearn_autotune.plotting import ParameterImportanceDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> space = {"max_depth": [1, 2, 3, 4], "splitter": ["best", "random"]}
    >>> search = OptunaSearchCV(DecisionTreeClassifier(random_state=0), space).fit(X, y)
    >>> display = ParameterImportanceDisplay.from_search(search)
    >>> sorted(display.importances)
    ['max_depth', 'splitter']
    """

    def __init__(self, *, importances: Mapping[str, float]) -> None:
        self.importances = importances

    @classmethod
    def from_search(
        cls, search: FittedSearch, *, evaluator: "BaseImportanceEvaluator | None" = None, ax: "Axes | None" = None
    ) -> "ParameterImportanceDisplay":
        """Plot a finished search of this package.

        Parameters
        ----------
        search : estimator
            Fitted, with a ``study_``.
        evaluator : optuna.importance.BaseImportanceEvaluator, default=None
            None is PED-ANOVA.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ParameterImportanceDisplay

        Raises
        ------
        ValueError
            If there is no study, or fewer than two complete candidates that differ.
        """
        import optuna

        study = getattr(search, "study_", None)
        if not isinstance(study, optuna.Study):
            raise ValueError(f"{type(search).__name__} has no study_: importances are computed from an Optuna study.")
        complete = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
        if len({str(sorted(trial.params.items())) for trial in complete}) < 2:
            raise ValueError(
                f"There are {len(complete)} complete candidates: importances need at least two that differ."
            )
        evaluator = evaluator or optuna.importance.PedAnovaImportanceEvaluator()
        with warnings.catch_warnings():
            # That few candidates have a parameter that only some have is no news, and the notes say how rough this is.
            warnings.filterwarnings("ignore", "Some regimes for parameter", UserWarning)
            importances = optuna.importance.get_param_importances(study, evaluator=evaluator)
        fixed = {name for trial in complete for name, one in trial.distributions.items() if one.single()}
        return cls(importances={name: one for name, one in importances.items() if name not in fixed}).plot(ax=ax)

    def plot(self, *, ax: "Axes | None" = None) -> "ParameterImportanceDisplay":
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ParameterImportanceDisplay
        """
        names = sorted(self.importances, key=lambda name: self.importances[name])[-MAX_PARAMETERS:]
        ax = make_axes(ax, size=(6.4, 1.2 + 0.32 * max(2, len(names))))
        shares = np.array([self.importances[name] for name in names])
        self.bars_ = ax.barh(range(len(names)), shares, color=COLORS[0], height=0.65)
        ax.bar_label(self.bars_, [f"{share:.2f}" for share in shares], padding=3, fontsize="small")
        ax.set_yticks(range(len(names)), names)
        ax.set(xlabel="importance", xlim=(0, 1.12 * max(shares.max(), 1e-9)))
        ax.spines[["top", "right"]].set_visible(False)
        self.ax_, self.figure_ = ax, ax.figure
        return self

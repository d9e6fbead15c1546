"""ParameterImportanceDisplay: which parameters matter for the score."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sklearn_autotune._compat.types import FittedSearch
from sklearn_autotune.analysis._trial_table import read_trial_table
from sklearn_autotune.evaluation._metric import Metric
from sklearn_autotune.plotting._axes import read_axes
from sklearn_autotune.plotting._ranking import compute_importances, measure_importances
from sklearn_autotune.plotting._style import COLORS, make_axes, wrap_name
from sklearn_autotune.space._space import BRANCH

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from optuna.importance import BaseImportanceEvaluator

__all__ = ["ParameterImportanceDisplay"]

MAX_PARAMETERS = 15  # bars
MAX_NAME_LENGTH = 32

FAMILY = "family"  # the parameter of `AutoModelSelector` for which its study has BRANCH
LABELS = {BRANCH: "which dict of the space"}


@dataclass(kw_only=True, eq=False, repr=False)
class ParameterImportanceDisplay:
    """How much each parameter matters for being among the best candidates.

    Parameters
    ----------
    importances : dict of str to float
        Shares that add up to 1.
    metric : str, default="score"
        scikit-learn's name of the score that they are about.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    bars_ : matplotlib BarContainer
        One for each of the most important parameters, up to fifteen, the first on top.

    Notes
    -----
    PED-ANOVA (Watanabe, Bansal and Hutter, IJCAI 2023) compares, for each parameter, the values of the best tenth of
    the candidates with the values of all. It describes the candidates of this search. With a few dozen candidates it is
    a rough estimate.

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

    importances: Mapping[str, float]
    metric: str = "score"

    @classmethod
    def from_search(
        cls, search: FittedSearch, *, evaluator: "BaseImportanceEvaluator | None" = None, ax: "Axes | None" = None
    ) -> "ParameterImportanceDisplay":
        """Plot a finished search.

        Parameters
        ----------
        search : estimator
            Fitted; of this package, or any with scikit-learn's ``cv_results_``.
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
            If there are not two complete candidates that differ in parameters and score.
        """
        import optuna

        trial_table = read_trial_table(search)
        complete = trial_table.select_complete()
        if len({str(sorted(one.items(), key=str)) for one in complete.params}) < 2:
            raise ValueError(
                f"There are {len(complete)} complete candidates: importances need at least two that differ."
            )
        metric_name, study = trial_table.described_metric.name, getattr(search, "study_", None)
        if not isinstance(study, optuna.Study):
            axes = read_axes(search, trial_table, None)
            importances = measure_importances(axes, complete.score, evaluator)
            if not importances:
                raise ValueError("All complete candidates have the same score, so no parameter matters for it.")
            return cls(importances=importances, metric=metric_name).plot(ax=ax)
        importances = compute_importances(study, evaluator)
        trials = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
        fixed = {name for trial in trials for name, one in trial.distributions.items() if one.single()}
        names = {BRANCH: FAMILY} if FAMILY in trial_table.select_param_names() else {}
        varying = {names.get(name, name): one for name, one in importances.items() if name not in fixed}
        return cls(importances=varying, metric=metric_name).plot(ax=ax)

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
        ax = make_axes(ax, size=(6.4, 1.2 + 0.36 * max(2, len(names))))
        shares = np.array([self.importances[name] for name in names])
        self.bars_ = ax.barh(range(len(names)), shares, color=COLORS[0], height=0.65)
        ax.bar_label(self.bars_, [f"{share:.2f}" for share in shares], padding=3, fontsize="small")
        ax.set_yticks(range(len(names)), [wrap_name(LABELS.get(name, name), MAX_NAME_LENGTH) for name in names])
        ax.set(xlabel=f"importance for {Metric(self.metric).label}", xlim=(0, 1.12 * max(shares.max(), 1e-9)))
        ax.spines[["top", "right"]].set_visible(False)
        self.ax_, self.figure_ = ax, ax.figure
        return self

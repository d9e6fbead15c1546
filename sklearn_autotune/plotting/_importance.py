"""ParameterImportanceDisplay: which parameters matter for the score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sklearn_autotune._compat.types import FittedSearch
from sklearn_autotune.analysis._trial_table import read_trial_table
from sklearn_autotune.evaluation._metric import Metric
from sklearn_autotune.plotting._axes import read_axes
from sklearn_autotune.plotting._importance_noise import ImportanceNoise, measure_importance_noise
from sklearn_autotune.plotting._ranking import compute_importances, make_study
from sklearn_autotune.plotting._style import COLORS, DARK_COLOR, LIGHT_COLOR, make_axes, wrap_name
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
    intervals : dict of str to tuple of float, default={}
        From where to where the importance is in 90 % of 200 resamples of the candidates (5 % and 95 % quantiles).
        Drawn as thin lines. Empty for another evaluator than PED-ANOVA.
    flat : list of str, default=[]
        Parameters whose importance cannot be told from that of a parameter without effect: it is not above the 95 %
        quantile of what it is when the scores of the candidates are permuted, 200 times. Their bars are grey, and say
        "flat". Empty for another evaluator than PED-ANOVA.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    bars_ : matplotlib BarContainer
        One for each of the most important parameters, up to fifteen, the first on top.
    lines_ : list of matplotlib ErrorbarContainer
        The intervals, in the order of the bars; those of a single parameter have no width.

    Notes
    -----
    PED-ANOVA (Watanabe, Bansal and Hutter, IJCAI 2023) compares, for each parameter, the values of the best tenth of
    the candidates with the values of all. It describes the candidates of this search. With a few dozen candidates it is
    a rough estimate. The intervals show how rough: they are percentile intervals of the bootstrap over candidates.
    Resamples and permutations have a fixed seed, so the same search gives the same figure.

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
    >>> sorted(display.flat)  # eight candidates show little
    ['max_depth', 'splitter']
    """

    importances: Mapping[str, float]
    metric: str = "score"
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    flat: Sequence[str] = ()

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
            None is PED-ANOVA. For another one there are no intervals, since it may take seconds for each resample.
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
        scores = complete.score[np.isfinite(complete.score)]
        if len(np.unique(scores)) < 2:
            raise ValueError("All complete candidates have the same score, so no parameter matters for it.")
        study = getattr(search, "study_", None)
        if not isinstance(study, optuna.Study) or len(study.directions) > 1:
            study = make_study(read_axes(search, trial_table, None), complete.score)
        if study is None:
            raise ValueError("No parameter differs between the complete candidates, so none matters for the score.")
        importances = compute_importances(study, evaluator)
        trials = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
        fixed = {name for trial in trials for name, one in trial.distributions.items() if one.single()}
        varying = {name: one for name, one in importances.items() if name not in fixed}
        noise = measure_importance_noise(study, varying) if evaluator is None else ImportanceNoise({}, [])
        names = {BRANCH: FAMILY} if FAMILY in trial_table.select_param_names() else {}
        return cls(
            importances={names.get(name, name): one for name, one in varying.items()},
            metric=trial_table.described_metric.name,
            intervals={names.get(name, name): ends for name, ends in noise.intervals.items()},
            flat=[names.get(name, name) for name in noise.flat],
        ).plot(ax=ax)

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
        ax = make_axes(ax, size=(6.4, 1.5 + 0.36 * max(2, len(names))))
        shares = np.array([self.importances[name] for name in names])
        colors = [LIGHT_COLOR if name in self.flat else COLORS[0] for name in names]
        self.bars_ = ax.barh(range(len(names)), shares, color=colors, height=0.65)
        ends = [self.intervals.get(name, (share, share)) for name, share in zip(names, shares, strict=True)]
        self.lines_ = [
            ax.errorbar((low + high) / 2, row, xerr=(high - low) / 2, color=DARK_COLOR, elinewidth=1, capsize=2)
            for row, (low, high) in enumerate(ends)
            if low < high
        ]
        reach = np.maximum(shares, [high for _, high in ends])
        for row, (name, share) in enumerate(zip(names, shares, strict=True)):
            text = f"{share:.2f}, flat" if name in self.flat else f"{share:.2f}"
            ax.annotate(text, (reach[row], row), (4, 0), textcoords="offset points", va="center", fontsize="small")
        ax.set_yticks(range(len(names)), [wrap_name(LABELS.get(name, name), MAX_NAME_LENGTH) for name in names])
        lines = [f"importance for {Metric(self.metric).label}"]
        lines += ["line: 90 % of resamples"] if self.lines_ else []
        lines += ["flat: no more than by chance"] if set(names) & set(self.flat) else []
        ax.set(xlabel="\n".join(lines), xlim=(0, 1.2 * max(reach.max(), 1e-9)))
        ax.spines[["top", "right"]].set_visible(False)
        self.ax_, self.figure_ = ax, ax.figure
        return self

"""The hypervolume never falls, ends at that of the front, and counts only candidates that may win."""

import numpy as np
import pytest
from optuna import create_study
from optuna.trial import create_trial

from sklearn_autotune.analysis._aims import Aim
from sklearn_autotune.plotting import HypervolumeDisplay
from tests.aimed_searches import X, Y, make_aimed, search_front, search_limits, search_three, select_front
from tests.odd_searches import search_iris
from tests.plotting.test_displays import draw


def test_it_never_falls_and_rises_where_the_front_does():
    search = search_front()
    display = HypervolumeDisplay.from_search(search)
    steps = np.diff(display.hypervolume, prepend=0)

    assert (steps >= 0).all()
    assert 0 < display.hypervolume[-1] <= 1
    risen = display.candidate[steps > 0]
    assert set(search.front_["index"]) & set(risen)
    draw(display.figure_)


def test_it_is_the_share_of_the_box_that_candidates_beat():
    aims = [
        Aim("size", "bytes", True, np.array([4.0, 2.0, 3.0, np.nan]), True, True),
        Aim("auc", "auc", False, np.array([0.5, 0.5, 1.0, np.nan]), True),
    ]
    display = HypervolumeDisplay(
        objectives=aims,
        candidate=np.arange(4),
        seconds=np.arange(4.0),
        meets_limits=np.array([True, True, True, False]),
        reference={"size": 4.0, "auc": 0.0},
    ).plot()

    # From size 4 to 2, and from auc 0 to 1: the second candidate beats half of the box, the third a quarter more.
    assert display.hypervolume.tolist() == [0.0, 0.5, 0.75, 0.75]
    assert display.lines_[1].get_ydata().tolist() == display.hypervolume.tolist()


def test_the_worst_values_are_the_reference_unless_one_is_given():
    search = search_front()
    display = HypervolumeDisplay.from_search(search)
    size = next(aim for aim in display.objectives if aim.name == "bytes").values

    assert display.reference["bytes"] == np.nanmax(size[display.meets_limits])
    far = HypervolumeDisplay.from_search(search, reference={"bytes": 1e5, "neg_log_loss": 50.0})
    assert far.hypervolume[0] > display.hypervolume[0] == 0


def test_it_agrees_with_optuna():
    search = search_front()
    reference = {"bytes": 6000.0, "neg_log_loss": 9.0}
    display = HypervolumeDisplay.from_search(search, reference=reference)
    study = create_study(directions=["minimize", "minimize"])
    study.add_trials(
        [
            create_trial(values=[-one.scores[i] for one in display.objectives])
            for i in np.flatnonzero(display.meets_limits)
        ]
    )
    from optuna._hypervolume import compute_hypervolume

    points = np.array([trial.values for trial in study.best_trials])
    worst = np.array(list(reference.values()))
    box = np.prod(worst - points.min(axis=0))
    points = points[(points < worst).all(axis=1)]
    assert display.hypervolume[-1] == pytest.approx(compute_hypervolume(points, worst) / box)


def test_candidates_beyond_a_limit_add_nothing():
    search = search_three()
    display = HypervolumeDisplay.from_search(search)
    steps = np.diff(display.hypervolume, prepend=0)

    assert not display.meets_limits.all()
    assert (steps[~display.meets_limits] == 0).all()
    draw(display.figure_)


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="has one score, and neither objectives nor limits"):
        HypervolumeDisplay.from_search(search_iris())
    with pytest.raises(ValueError, match="Two objectives are needed, and there is one"):
        HypervolumeDisplay.from_search(search_limits())
    with pytest.raises(ValueError, match="AutoModelSelector compares its blends once, after the search"):
        HypervolumeDisplay.from_search(select_front())
    with pytest.raises(ValueError, match=r"reference has bytes\. It has to have a value for bytes, neg_log_loss"):
        HypervolumeDisplay.from_search(search_front(), reference={"bytes": 1e5})
    search = make_aimed(objectives=["accuracy", "bytes"], limits={"bytes": ("<=", 10)}, infeasible="nearest")
    with pytest.warns(UserWarning, match="No candidate meets all limits"):
        search.set_params(n_trials=3).fit(X, Y)
    with pytest.raises(ValueError, match="No candidate is complete and meets the limits"):
        HypervolumeDisplay.from_search(search)

"""Seconds of a search by phase: each second counts for one phase, and for the total."""

import time

import pytest

from sklearn_autotune.search._phase_timer import PhaseTimer


def test_a_phase_inside_another_counts_for_the_outer_one_alone():
    timer = PhaseTimer()

    with timer.measure("total"), timer.measure("sampler"), timer.measure("measuring"):
        time.sleep(0.01)

    assert timer.measuring == 0
    assert timer.total >= timer.sampler >= 0.01


def test_phases_one_after_the_other_add_up():
    timer = PhaseTimer()

    with timer.measure("total"):
        for part in ("sampler", "measuring", "sampler"):
            with timer.measure(part):
                time.sleep(0.01)

    assert timer.sampler >= 0.02
    assert timer.measuring >= 0.01
    assert timer.total >= timer.sampler + timer.measuring


def test_seconds_before_an_exception_count_and_the_next_phase_is_measured():
    timer = PhaseTimer()

    with pytest.raises(ZeroDivisionError), timer.measure("sampler"):
        raise ZeroDivisionError
    before = timer.sampler
    with timer.measure("measuring"):
        time.sleep(0.01)

    assert before > 0
    assert timer.sampler == before
    assert timer.measuring >= 0.01

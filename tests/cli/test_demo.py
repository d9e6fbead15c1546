"""The demo runs with few candidates, and the numbers in its table are consistent."""

import subprocess
import sys
from math import prod

import pytest

from sklearn_autotune.cli._demo import make_coarse_grid
from tests.faults.nightly import at_night

METHODS = ("no search", "GridSearchCV", "RandomizedSearchCV", "OptunaSearchCV")


def run(*arguments):
    command = [sys.executable, "-W", "error", "-m", "sklearn_autotune", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def table(output):
    """Read the printed table: method to its numbers."""
    lines = output.splitlines()
    found = {}
    for method in METHODS:
        (line,) = (line for line in lines if line.startswith(method))
        found[method] = [float(cell) for cell in line.removeprefix(method).split()]
    return found


@pytest.fixture(scope="module")
def demo():
    done = run("demo", "--n-trials", "4", "--seed", "1")
    assert done.returncode == 0, done.stderr
    return done


def test_the_demo_gives_every_search_the_same_number_of_candidates_and_fits(demo):
    rows = table(demo.stdout)

    assert {tuple(rows[method][:2]) for method in METHODS[1:]} == {(4, 13)}  # 4 on 3 folds, and the final fit


def test_the_demo_scores_are_log_losses_between_a_guess_and_perfection(demo):
    for _, _, cv_score, held_out_score, seconds in table(demo.stdout).values():
        assert 0 < cv_score < 0.69
        assert 0 < held_out_score < 0.69
        assert seconds > 0


def test_the_demo_shows_the_best_parameters_and_warns_of_nothing(demo):
    assert demo.stdout.count("    model__") == 4
    assert demo.stderr == ""


def test_the_demo_table_is_aligned(demo):
    lines = [line for line in demo.stdout.splitlines() if line.startswith(("method", *METHODS))]

    assert len({len(line) for line in lines}) == 1


@at_night
def test_the_demo_scores_depend_on_the_seed_and_not_on_the_workers(demo):
    again = run("demo", "--n-trials", "4", "--seed", "1", "--n-jobs", "2")

    scores = {method: row[:4] for method, row in table(demo.stdout).items()}
    assert {method: row[:4] for method, row in table(again.stdout).items()} == scores


@pytest.mark.parametrize("n_candidates", [1, 2, 3, 5, 12, 36, 100, 1000])
def test_the_grid_is_as_large_as_it_may_be_and_no_larger(n_candidates):
    size = prod(len(values) for values in make_coarse_grid(n_candidates).values())

    assert n_candidates / 2 < size <= n_candidates or size == 144

"""Tests have the names of what they test: every module of a room has a test file in the folder of its room."""

from pathlib import Path

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "sklearn_autotune"

# In these rooms a file is a data sheet, or draws one figure: a few files test all of them.
SHEETS = ("families", "plotting")

# Modules that no test file is named after, and where their tests are; none: they are tested through their rooms. The
# list may only get shorter.
WITHOUT = {
    "__main__": "cli/test_commands.py",
    "_compat/boosters/_base": "_compat/test_boosters.py",
    "_compat/boosters/_catboost": "boosting/test_early_stopping.py",
    "_compat/boosters/_lightgbm": "boosting/test_early_stopping.py",
    "_compat/boosters/_scikit_learn": "_compat/test_boosters.py",
    "_compat/boosters/_xgboost": "_compat/test_boosters.py",
    "boosting/_fold_booster": "boosting/test_fold_boosting.py",
    "boosting/_library": "boosting/test_tuned_booster.py",
    "boosting/_targets": "boosting/test_tuned_xgboost.py",
    "exceptions": "search/test_optuna_search_cv_failures.py",
    "execution/_dask": "faults/test_cluster.py",
    "execution/_in_process": "execution/test_base.py",
    "execution/_slots": "execution/test_processes.py",
    "execution/_threads": "execution/test_base.py",
    "pruning/_base": "pruning/test_choose_rule.py",
    "pruning/_no_pruning": "pruning/test_choose_rule.py",
    "pruning/_optuna_pruner": "pruning/test_choose_rule.py",
    "search/_spec": "search/test_engine.py",
    "storage/_claims": "faults/test_sharing.py",
    "storage/_database": "storage/test_base.py",
    "storage/_given_storage": "storage/test_base.py",
    "storage/_journal": "storage/test_study.py",
    "storage/_lock": "faults/test_storage.py",
    "storage/_outcomes": "search/test_trial_loop_resume.py",
    "storage/_recorder": "search/test_trial_loop_resume.py",
    "storage/_server": "storage/test_base.py",
    "storage/_signals": "search/test_trial_loop.py",
    "storage/_sqlite_file": "storage/test_base.py",
}


def find_modules_without_tests():
    """Names of modules, with their rooms, that no test file is named after."""
    modules = [path for path in PACKAGE.rglob("*.py") if path.stem != "__init__" and path.parent.name not in SHEETS]
    return {
        path.relative_to(PACKAGE).with_suffix("").as_posix()
        for path in modules
        if not (TESTS / path.parent.relative_to(PACKAGE) / f"test_{path.stem.removeprefix('_')}.py").exists()
    }


def test_every_module_has_a_test_file_of_its_name():
    assert find_modules_without_tests() - set(WITHOUT) == set(), "write tests/<room>/test_<module>.py"


def test_modules_that_have_got_a_test_file_or_are_gone_are_taken_off_the_list():
    assert set(WITHOUT) - find_modules_without_tests() == set()
    assert [path for path in WITHOUT.values() if not (TESTS / path).exists()] == []


def test_no_test_file_is_longer_than_500_lines():
    lengths = {path.relative_to(TESTS).as_posix(): len(path.read_text().splitlines()) for path in TESTS.rglob("*.py")}

    assert {name: length for name, length in lengths.items() if length > 500} == {}

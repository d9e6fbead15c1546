"""Samplers, pruners, folds and rules by name: what is named is made, and nothing else is."""

import json
from importlib.util import find_spec
from inspect import Parameter, signature

import numpy as np
import optuna
import pytest
from pydantic import TypeAdapter
from sklearn.model_selection import (
    BaseCrossValidator,
    BaseShuffleSplit,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    StratifiedKFold,
)

from sklearn_autotune import FoldRacing, NoWorseThanDefault, OneStandardError
from sklearn_autotune.runner._named import (
    FOLDS,
    FORWARD_FOLDS,
    GROUP_FOLDS,
    PRUNERS,
    RULES,
    SAMPLERS,
    make_named,
    make_schema,
    split_name,
)
from sklearn_autotune.samplers import ForestSampler

CATALOGUES = {"sampler": SAMPLERS, "pruner": PRUNERS, "cv": FOLDS, "refit": RULES}
ALL = [(key, name) for key, kinds in CATALOGUES.items() for name in kinds]
KINDS = {
    "sampler": optuna.samplers.BaseSampler,
    "pruner": optuna.pruners.BasePruner | FoldRacing | None,
    "cv": BaseCrossValidator | BaseShuffleSplit | RepeatedKFold | RepeatedStratifiedKFold,
    "refit": object,
}

# One value that each setting takes, by its words.
EXAMPLES = {
    "a whole number of at least 0": 2,
    "a whole number of at least 1": 2,
    "a whole number of at least 2": 3,
    "a number": 0.5,
    "a number above 0": 0.5,
    "a number between 0 and 1": 0.5,
    "a number between 0 and 1, or null": 0.5,
    "a number from 0 to 100": 40.0,
    "a number from 0.5 to less than 1": 0.6,
    "a share between 0 and 1, or a number of rows": 0.25,
    "true or false": True,
    "text": "a",
    "sobol or halton": "halton",
    "a whole number from 0 to 4294967295": 3,
    "a parameter, as in space, or a column of cv_results_ such as mean_score_time": "C",
}


# Settings without which others cannot be.
TOGETHER = {"successive_halving": {"min_resource": 1}, "hyperband": {"max_resource": 9}, "threshold": {"lower": 0.0}}


def skip_if_missing(kind):
    if kind.package is not None and find_spec(kind.package) is None:
        pytest.skip(f"{kind.package} is not installed")


@pytest.mark.parametrize(("key", "name"), ALL)
def test_every_name_is_made_with_every_one_of_its_settings(key, name):
    kind = CATALOGUES[key][name]
    skip_if_missing(kind)
    needed = TOGETHER.get(name, {}) | {setting: EXAMPLES[kind.settings[setting].words] for setting in kind.needed}
    assert needed or isinstance(make_named(key, name, CATALOGUES[key]), KINDS[key])

    for setting, what in kind.settings.items():
        made = make_named(key, {name: needed | {setting: EXAMPLES[what.words]}}, CATALOGUES[key])

        assert isinstance(made, KINDS[key])


@pytest.mark.parametrize(("key", "name"), ALL)
def test_no_setting_takes_code_or_a_path_to_it(key, name):
    kind = CATALOGUES[key][name]
    accepted = {
        setting
        for setting, what in kind.settings.items()
        for value in ("os.system", ["os.system"], {"a": 1}, "!!python/name:os.system")
        if what.accepts(value)
    }

    assert accepted <= {"metric", "by"}  # names of scores and columns, which are looked up and never imported


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers_have_the_seed_of_the_run_and_settings_of_the_class(name):
    kind = SAMPLERS[name]
    parameters = signature(kind.make).parameters

    assert kind.seed in parameters
    assert set(kind.settings) <= {
        name
        for name, one in parameters.items()
        if one.kind in (Parameter.KEYWORD_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    }


def draw(sampler):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=sampler)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=4)
    return [trial.params["x"] for trial in study.trials]


def test_the_seed_decides_what_a_sampler_proposes():
    draws = [draw(make_named("sampler", "tpe", SAMPLERS, seed)) for seed in (1, 1, 2)]

    assert draws[0] == draws[1] != draws[2]
    assert make_named("sampler", {"forest": {"n_startup_trials": 3}}, SAMPLERS, 7).seed == 7
    assert isinstance(make_named("sampler", "forest", SAMPLERS), ForestSampler)


def test_folds_are_shuffled_by_the_seed_of_the_run_or_by_their_own():
    rows, y = np.zeros((20, 1)), np.arange(20) % 2
    runs = {
        text: [test.tolist() for _, test in make_named("cv", {"stratified": settings}, FOLDS, seed).split(rows, y)]
        for text, settings, seed in (
            ("run 0", None, 0),
            ("run 1", None, 1),
            ("own 0", {"seed": 0}, 1),
            ("own 3", {"seed": 3, "n_splits": 4}, 1),
        )
    }

    assert isinstance(make_named("cv", "stratified", FOLDS), StratifiedKFold)
    assert runs["run 0"] == runs["own 0"] != runs["run 1"]
    assert [len(runs[name]) for name in ("run 0", "own 3")] == [5, 4]
    assert make_named("cv", {"repeated": {"n_splits": 2, "n_repeats": 3}}, FOLDS).get_n_splits() == 6


def test_kinds_of_groups_use_groups_and_kinds_in_time_never_test_earlier_rows():
    rows, y, groups = np.zeros((30, 1)), np.arange(30) % 2, np.arange(30) // 3 % 6
    for name in FOLDS:
        pairs = list(make_named("cv", name, FOLDS).split(rows, y, groups if name in GROUP_FOLDS else None))
        keeps = all(set(groups[train]).isdisjoint(groups[test]) for train, test in pairs)
        follows = all(train.max() < test.min() for train, test in pairs)

        assert keeps == (name in GROUP_FOLDS)
        assert follows == (name in FORWARD_FOLDS)


def test_rules_are_those_of_python():
    assert make_named("refit", {"no_worse_than_default": {"confidence": 0.8}}, RULES) == NoWorseThanDefault(0.8)
    rule = make_named("refit", {"one_standard_error": {"by": "C", "largest": True, "metric": "f1"}}, RULES)
    assert rule == OneStandardError("C", largest=True, metric="f1")
    assert make_named("pruner", {"fold_racing": {"subsample": None}}, PRUNERS) == FoldRacing(subsample=None)
    assert make_named("pruner", "none", PRUNERS) is None


REFUSED = {
    "no name": (5, "sampler: has to be a name, or one name with its settings, as in tpe: {n_startup_trials: …}, got 5"),
    "two names": ({"tpe": None, "random": None}, "sampler: has to be a name, or one name with its settings"),
    "unknown": ("tep", "sampler: 'tep' is not known: did you mean tpe?"),
    "long": ("x" * 5000, "xxx… is not known; known are tpe, random"),
    "path": ("optuna.samplers.TPESampler", "is not known; known are tpe"),
    "no section": (
        {"tpe": 5},
        "sampler.tpe: has to be a section, got 5; its settings stand below it, indented: n_startup",
    ),
    "setting": (
        {"tpe": {"n_startup": 5}},
        "sampler.tpe: 'n_startup' is none of its settings: did you mean n_startup_tr",
    ),
    "function": ({"tpe": {"gamma": "f"}}, "sampler.tpe: 'gamma' is none of its settings; known are"),
    "no settings": ({"random": {"a": 1}}, "sampler.random: 'a' is none of its settings; it has none"),
    "type": ({"tpe": {"multivariate": 1}}, "sampler.tpe.multivariate: has to be true or false, got 1"),
    "range": ({"tpe": {"n_startup_trials": -1}}, "n_startup_trials: has to be a whole number of at least 0, got -1"),
    "boolean for a number": ({"tpe": {"n_startup_trials": True}}, "has to be a whole number of at least 0, got True"),
    "two that exclude each other": (
        {"tpe": {"group": True, "multivariate": False}},
        "sampler.tpe: ``group`` option can only be enabled when",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_made_is_refused_with_what_came_and_what_is_accepted(case):
    value, message = REFUSED[case]

    with pytest.raises(ValueError, match=r"^sampler") as caught:
        make_named("sampler", value, SAMPLERS)

    assert message in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_setting_that_is_needed_and_a_package_that_is_missing(monkeypatch):
    with pytest.raises(ValueError, match=r"^pruner\.percentile: needs percentile, a number from 0 to 100$"):
        make_named("pruner", "percentile", PRUNERS)
    monkeypatch.setattr("sklearn_autotune.runner._named.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"^sampler: rust_tpe needs rustuna: pip install rustuna$"):
        make_named("sampler", "rust_tpe", SAMPLERS)


@pytest.mark.parametrize("key", CATALOGUES)
def test_the_schema_lists_every_name_and_setting(key):
    kinds = CATALOGUES[key]
    schema = json.loads(json.dumps(make_schema(kinds)))
    names, *sections = schema["anyOf"]

    assert names["enum"] == [name for name, kind in kinds.items() if not kind.needed]
    described = {name: value for section in sections for name, value in section["properties"].items()}
    assert {name: set(value["properties"]) for name, value in described.items()} == {
        name: set(kind.settings) for name, kind in kinds.items()
    }
    assert all(value["description"].endswith(".") for value in described.values())
    for kind in kinds.values():
        for setting in kind.settings.values():
            TypeAdapter(setting.type)  # what pydantic cannot read raises


def test_a_name_with_settings_and_one_without():
    assert split_name("tpe") == ("tpe", {})
    assert split_name({"tpe": None}) == ("tpe", {})
    assert split_name({"tpe": {"group": True}}) == ("tpe", {"group": True})

"""The search that a configuration describes: its folds, its space, and what it refuses."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold, TimeSeriesSplit

from sklearn_autotune import runner
from sklearn_autotune.runner._config import ConfigError, read_config
from sklearn_autotune.runner._data import make_run_splitter
from sklearn_autotune.runner._named import FOLDS, PRUNERS, RULES, SAMPLERS
from sklearn_autotune.runner._scores import choose_default_scoring, validate_scoring
from sklearn_autotune.runner._search import make_search
from tests.faults.nightly import at_night
from tests.runs import NO_REPORT, load_metadata, parts_of


@at_night
def test_model_selection_takes_ranges_and_values_for_families(write, tmp_path):
    space = (
        "space:\n  random_forest__n_estimators: 7\n  random_forest__max_features: {float: [0.5, 0.6]}\n"
        "  svm__kernel: [rbf]\n  svm__C: [3, 4]\n  xgboost__max_depth: {int: [2, 3]}\n"
    )
    path = write(f"n_trials: 20\ncv: 2\n{space}{NO_REPORT}")

    folder = runner.run(path, folder=tmp_path / "run")

    trials = pd.read_csv(folder / "trials.csv")
    seen = trials["param_family"]
    assert {"forest", "svm", "xgboost", "logistic"} <= set(seen)
    assert set(trials.loc[seen == "forest", "param_forest__n_estimators"]) == {7}
    assert trials.loc[seen == "forest", "param_forest__max_features"].between(0.5, 0.6).all()
    assert set(trials.loc[seen == "svm", "param_svm__C"]) <= {3, 4}
    assert trials.loc[seen == "xgboost", "param_xgboost__max_depth"].between(2, 3).all()
    assert runner.verify(folder, refit=True, trust=True).matches
    assert load_metadata(folder)["script"]["file"] == "model.py"


def test_the_model_that_is_kept_predicts_as_the_search_does(write, table):
    path = write("model_type: xgboost\nn_trials: 1\nspace: {n_estimators: 20}\n")
    parts = parts_of(path)
    search = make_search(read_config(path), parts, path.parent).fit(parts.train.X, parts.train.y)

    kept = search.deployed_model()

    np.testing.assert_array_equal(kept.predict_proba(parts.holdout.X), search.predict_proba(parts.holdout.X))
    assert kept.predict(parts.holdout.X).tolist() == search.predict(parts.holdout.X).tolist()


@pytest.mark.parametrize("model_type", ["auto", "xgboost", "svm"])
def test_limits_of_a_candidate_reach_the_search(write, model_type, tmp_path):
    path = write(f"model_type: {model_type}\ntrial_timeout: 60\nmemory_limit: 2000000000\n")

    params = make_search(read_config(path), parts_of(path), tmp_path).get_params(deep=False)

    assert (params["trial_timeout"], params["memory_limit"]) == (60.0, 2_000_000_000)


@pytest.mark.parametrize("model_type", ["xgboost", "svm"])
def test_the_address_of_a_cluster_reaches_the_search(write, model_type, tmp_path):
    path = write(f"model_type: {model_type}\nexecutor: tcp://scheduler:8786\n")

    assert make_search(read_config(path), parts_of(path), tmp_path).executor == "tcp://scheduler:8786"


def test_a_run_begins_with_the_best_candidates_of_earlier_runs(write):
    text = "model_type: svm\nn_trials: {}\ncv: 2\n"
    path = write(text.format(6) + "storage: old.db\n")
    parts = parts_of(path)
    old = make_search(read_config(path), parts, path.parent).fit(parts.train.X, parts.train.y)

    path = write(text.format(8) + "seed: 1\nwarm_start_from: [old.db]\n")
    found = make_search(read_config(path), parts, path.parent).fit(parts.train.X, parts.train.y)

    assert old.best_params_ in found.cv_results_["params"][:3]


def test_an_earlier_run_that_is_not_there_is_refused(write):
    path = write("model_type: svm\nwarm_start_from: [nowhere.db]\n")

    with pytest.raises(ConfigError, match=r"warm_start_from: there is no file .*nowhere\.db"):
        make_search(read_config(path), parts_of(path), path.parent)


# -- families ------------------------------------------------------------------------------------------------------


def test_a_family_whose_model_has_several_parts_is_searched_with_its_own_space(write):
    path = write("model_type: splines\nspace: {columns__splines__n_knots: [3, 4]}", target="price", drop="[kind]")

    search = make_search(read_config(path), parts_of(path), path.parent)

    (space,) = search.param_distributions
    assert space["model__columns__splines__n_knots"] == [3, 4]
    assert set(space) == {"model__columns__splines__n_knots", "model__columns__splines__knots", "model__ridge__alpha"}


def test_a_family_for_fewer_rows_than_the_table_has_is_refused(write):
    path = write("model_type: gp", target="price", drop="[kind]")
    data = parts_of(path)
    many = replace(data, train=replace(data.train, y=np.zeros(2001)))

    with pytest.raises(ConfigError, match="model_type: gaussian_process cannot be used: it is for at most 2,000 rows"):
        make_search(read_config(path), many, path.parent)


# -- folds and scores ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "changes", "kind"),
    [
        ("", {}, StratifiedKFold),
        ("", {"target": "price", "drop": "[kind]"}, KFold),
        ("holdout: {rule: time, column: day}", {"drop": "[price]"}, TimeSeriesSplit),
        ("holdout: {rule: group, column: shop}", {}, StratifiedGroupKFold),
        ("holdout: {rule: group, column: shop}", {"target": "price", "drop": "[kind]"}, GroupKFold),
    ],
)
def test_folds_are_drawn_as_the_hold_out_is(text, changes, kind, write):
    path = write(f"cv: 3\nseed: 7\n{text}", **changes)

    splitter = make_run_splitter(read_config(path), parts_of(path))

    assert type(splitter) is kind
    assert splitter.get_n_splits() == 3
    assert kind is TimeSeriesSplit or splitter.random_state == 7


def test_more_folds_than_rows_of_the_rarest_class_are_refused(write):
    path = write("cv: 99")

    with pytest.raises(ConfigError, match=r"cv: 99 folds, but the rarest class has [0-9]+ rows"):
        make_run_splitter(read_config(path), parts_of(path))


@pytest.mark.parametrize(
    ("scoring", "changes", "message"),
    [
        ("r2", {}, "r2 is for regression"),
        ("neg_mean_absolute_error", {}, "is for regression"),
        ("roc_auc", {"target": "price", "drop": "[kind]"}, "roc_auc is for classification"),
        ("precision", {}, "take precision_macro or roc_auc"),
    ],
)
def test_scores_of_the_other_task_are_refused(scoring, changes, message, write):
    path = write(f"scoring: {scoring}", **changes)

    with pytest.raises(ConfigError, match=message):
        validate_scoring(read_config(path), parts_of(path))


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_default_score_fits_the_task(task, write):
    changes = {} if task == "classification" else {"target": "price", "drop": "[kind]"}
    path = write(f"scoring: {choose_default_scoring(task)}", **changes)

    validate_scoring(read_config(path), parts_of(path))


# -- the guide -----------------------------------------------------------------------------------------------------

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "production.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
BY_DAY = {2, 5, 7}  # the quickest
BASE = {
    "data": "visits.csv",
    "target": "stayed",
    "model_type": "random_forest",
    "seed": 1,
    "cv": 2,
    "output": {"folder": "runs", "report": False},
}


@pytest.fixture
def visits(tmp_path):
    random = np.random.RandomState(0)
    frame = pd.DataFrame(
        {
            "size": random.normal(size=120),
            "customer": np.arange(120) // 4,
            "weight": random.uniform(0.5, 2, 120),
            "income": random.normal(size=120),
        }
    )
    is_good = frame["size"] + random.normal(size=120) / 2 > 0
    frame.assign(stayed=np.where(is_good, "good", "bad")).to_csv(tmp_path / "visits.csv", index=False)
    earlier = BASE | {"model_type": "svm", "n_trials": 2, "storage": "last_month.db"}
    (tmp_path / "earlier.yaml").write_text(yaml.safe_dump(earlier))
    return tmp_path


@pytest.mark.filterwarnings("ignore:No candidate meets all limits")  # a block asks for the nearest
@pytest.mark.parametrize(
    "number", [pytest.param(number, marks=[] if number in BY_DAY else at_night) for number in range(len(BLOCKS))]
)
def test_every_configuration_of_the_guide_runs(number, visits):
    block = yaml.safe_load(BLOCKS[number])
    content = BASE | {"scoring": "roc_auc"} | block
    content |= {"n_trials": 2, "tracking": None, "objectives": content.get("objectives")}
    if content["objectives"] is not None:  # its limit asks for a recall of the class 1
        content |= {"data": "sklearn:breast_cancer", "target": "target", "scoring": None}
    if "warm_start_from" in content:
        runner.run(visits / "earlier.yaml", folder=visits / "earlier")
    (visits / "config.yaml").write_text(yaml.safe_dump({key: one for key, one in content.items() if one is not None}))

    folder = runner.run(visits / "config.yaml", folder=visits / "run")

    config = load_metadata(folder)["config"]
    assert {key for key in block if key != "tracking"} <= set(config)
    assert runner.verify(folder, trust=True).matches


def test_the_guide_shows_configurations_with_each_kind_of_setting():
    keys = {key for block in BLOCKS for key in yaml.safe_load(block)}

    assert {
        "groups",
        "sample_weight",
        "cv",
        "sampler",
        "pruner",
        "scoring",
        "refit",
        "params",
        "enqueue",
        "keep",
    } <= keys
    assert {"objectives", "limits", "space", "warm_start_from", "tracking", "corrected_score"} <= keys


@pytest.mark.parametrize("kinds", [SAMPLERS, PRUNERS, FOLDS, RULES])
def test_the_guide_lists_every_name_with_its_settings(kinds):
    for name, kind in kinds.items():
        settings = [f"`{one}`" + (" (needed)" if one in kind.needed else "") for one in kind.settings]
        assert f"| `{name}` | {kind.description.rstrip('.')} | {', '.join(settings) or 'none'} |\n" in GUIDE

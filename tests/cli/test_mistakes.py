"""The usual mistakes at the command line: an exit code, one message without a traceback, and what to write instead."""

import json
import os

import pandas as pd
import pytest

from sklearn_autotune.__main__ import main
from tests.runs import NO_REPORT

BASE = "data: data.csv\ntarget: kind\ndrop: [price, day]\nmodel_type: logistic\nn_trials: 2\ncv: 2\n" + NO_REPORT


def change(old, new):
    """Return the text of a configuration with a mistake."""
    assert old in BASE
    return BASE.replace(old, new)


# A mistake: what is written to wrong.yaml, or None; the command line; what the message says.
# {run} is a finished run, {} the folder of the files.
RUN = ("run", "{}/wrong.yaml")
MISTAKES = {
    # the file
    "no such configuration": (None, ("run", "{}/cofnig.yaml"), "No such file or directory: did you mean config.yaml?"),
    "a table for a configuration": (None, ("run", "{}/data.csv"), "a configuration is a list of 'key: value' lines"),
    "a folder for a configuration": (None, ("run", "{}"), "Is a directory"),
    "a tab": (BASE + "holdout:\n\trule: random\n", RUN, "wrong.yaml, line 9: found character '\\t'"),
    "a missing colon": ("data data.csv\ntarget: kind\n", RUN, "the line before may lack its ':'"),
    "an open bracket": (change("[price, day]", "[price, day"), RUN, "a bracket was opened and not closed"),
    # its keys and values
    "no target": (change("target: kind\n", ""), RUN, "target: this key is needed: the column to predict"),
    "a misspelt key": (change("n_trials", "n_trails"), RUN, "line 5: n_trails: unknown key: did you mean n_trials?"),
    "a misspelt model": (change("logistic", "xgbost"), RUN, "'xgbost' is not known: did you mean xgboost?"),
    "a misspelt score": (BASE + "scoring: roc auc", RUN, "'roc auc' is not known: did you mean roc_auc?"),
    "a score's usual name": (BASE + "scoring: rmse", RUN, "did you mean neg_root_mean_squared_error?"),
    "a score of the other task": (BASE + "scoring: r2", RUN, "r2 is for regression, but this is a classification"),
    "a misspelt task": (BASE + "task: classify", RUN, "got 'classify': did you mean classification?"),
    "the other task": (
        change("logistic", "ridge") + "task: regression",
        RUN,
        "regression needs numbers",
    ),
    "a model of the other task": (change("logistic", "ridge"), RUN, "ridge is for regression, but this is a classifi"),
    "a word for a number": (
        change("cv: 2", "cv: five"),
        RUN,
        "cv: has to be a whole number, got 'five'",
    ),
    "a number in quotes": (change("cv: 2", "cv: '5'"), RUN, "got '5'; write it without quotes"),
    "a negative number": (change("n_trials: 2", "n_trials: -2"), RUN, "has to be at least 1, got -2"),
    "a time limit in minutes": (BASE + "timeout: 10m", RUN, "got '10m'; write seconds: 600"),
    "all processors": (BASE + "n_jobs: all", RUN, "got 'all'; write -1 for all processors"),
    "a share in per cent": (BASE + "holdout: {share: 20}", RUN, "got 20; for 20 % write 0.2"),
    "yes": (BASE + "resume: yes", RUN, "got 'yes'; write true"),
    "a word for a list": (change("[price, day]", "price"), RUN, "got 'price'; write it in brackets: [price]"),
    "a word for a section": (BASE + "holdout: random", RUN, "its keys stand below it, indented: rule, share, column"),
    "a column named by a number": (change("target: kind", "target: 3"), RUN, 'got 3; write it in quotes: "3"'),
    "a misspelt parameter": (
        BASE + "space: {c: [1, 2]}",
        RUN,
        "logistic has no such parameter: did you mean C?",
    ),
    "half a range": (BASE + "space: {C: {float: [1]}}", RUN, "space.C.float: needs 2 or more values, and has 1"),
    "comparison without methods": (BASE + "compare: {methods: []}", ("compare", RUN[1]), "needs 1 or more values"),
    "a misspelt method": (BASE + "compare: {methods: [optunna]}", ("compare", RUN[1]), "did you mean optuna?"),
    # the data
    "no such table": (change("data.csv", "dat.csv"), RUN, "no such file (paths start at"),
    "a misspelt table of scikit-learn": (
        change("data.csv", "sklearn:irs"),
        RUN,
        "not known: did you mean iris?",
    ),
    "a spreadsheet": (change("data.csv", "data.xlsx"), RUN, "data.xlsx: only CSV and Parquet files are read"),
    "an empty table": (change("data.csv", "empty.csv"), RUN, "empty.csv: the file is empty"),
    "a table of names alone": (change("data.csv", "names.csv"), RUN, "names.csv: there are no rows in it"),
    "semicolons": (change("data.csv", "semicolons.csv"), RUN, "commas have to separate columns"),
    "a misspelt target": (change("kind", "knid"), RUN, "data.csv has no column 'knid': did you mean kind?"),
    "a misspelt column": (change("price", "prise"), RUN, "data.csv has no column 'prise': did you mean price?"),
    "one class": (change("data.csv", "one.csv"), RUN, "'kind' has only one class, 'good'"),
    "more folds than rows": (change("cv: 2", "cv: 90"), RUN, "cv: 90 folds, but the rarest class has"),
    "a class for each price": (
        BASE.replace("target: kind", "target: price").replace("[price, day]", "[kind, day]") + "task: classification",
        RUN,
        "classification needs classes, but the target 'price' holds",
    ),
    # where results go
    "a folder that is there": (BASE, (*RUN, "--output", "{run}"), "is there already; choose another folder"),
    "a file for a folder": (BASE, (*RUN, "--output", "{}/data.csv/run"), "data.csv is no folder"),
    "no such folder for trials": (BASE + "storage: gone/trials.db", RUN, "storage: there is no folder"),
    "a database that does not exist": (BASE + "storage: postgres://h/db", RUN, "'postgres': did you mean postgresql?"),
    "a database file that cannot be": (BASE + "storage: sqlite:///gone/a.db", RUN, "there is no folder"),
    "resume without storage": (BASE + "resume: true", RUN, "resume: true needs storage"),
    # run folders
    "no such run": (None, ("verify", "{}/gone"), "gone is no run folder: it does not exist"),
    "the folder of the runs": (None, ("verify", "{run}/.."), "the newest in it?"),
    "a file for a run": (None, ("predict", "{}/data.csv", "{}/data.csv"), "data.csv is no run folder: it is a file"),
    "a model that is not trusted": (None, ("predict", "{run}", "{}/data.csv"), "--trust on the command line"),
    "no such rows": (None, ("predict", "{run}", "{}/dta.csv", "--trust"), "did you mean data.csv?"),
    "a missing column": (None, ("predict", "{run}", "{}/renamed.csv", "--trust"), "missing: size (did you mean sise?)"),
    "words for numbers": (None, ("predict", "{run}", "{}/words.csv", "--trust"), "column 'size' held numbers"),
    "nowhere to write": (
        None,
        ("predict", "{run}", "{}/data.csv", "--trust", "--output", "{}/gone/a.csv"),
        "there is no folder",
    ),
    "a folder to write": (
        None,
        ("predict", "{run}", "{}/data.csv", "--trust", "--output", "{}"),
        "is a folder; name a file in it",
    ),
    "an example that is there": (None, ("init", "{}/data.csv"), "already exists; nothing was written"),
    "an example nowhere": (None, ("init", "{}/gone/new.yaml"), "there is no folder"),
}

# What cannot be understood; the message comes after the usage.
MISUNDERSTOOD = {
    "no command": ((), "the following arguments are required: command"),
    "a misspelt command": (("runn", "config.yaml"), "there is no command 'runn': did you mean run?"),
    "a file without a command": (("config.yaml",), "to search as this file describes, write 'run' before it"),
    "help": (("help",), "there is no command 'help'; write --help"),
    "a misspelt option": (("run", "config.yaml", "--ouput", "a"), "no option --ouput: did you mean --output?"),
    "a key as an option": (
        ("run", "config.yaml", "--task=regression"),
        "a key of the YAML file: write 'task: …'",
    ),
    "a key as an option, with a hyphen": (("run", "config.yaml", "--n-trials", "5"), "write 'n_trials: …' there"),
    "one argument too many": (("run", "config.yaml", "more"), "'more' is one argument too many"),
    "one argument too few": (("predict", "run"), "the following arguments are required: data"),
    "a share in per cent": (("predict", "run", "a.csv", "--max-drift", "20"), "for 20 % write 0.2"),
    "a word for a share": (("predict", "run", "a.csv", "--max-drift", "some"), "'some' is not a number from 0 to 1"),
    "a word for a number": (("demo", "--n-trials", "many"), "'many' is not a whole number"),
}


@pytest.fixture
def place(table, tmp_path, finished):
    """A folder with tables and a configuration; a function that fills in its name and that of a run."""
    table.to_csv(tmp_path / "data.csv", index=False)
    table.assign(kind="good").to_csv(tmp_path / "one.csv", index=False)
    table.rename(columns={"size": "sise"}).to_csv(tmp_path / "renamed.csv", index=False)
    table.assign(size="big").to_csv(tmp_path / "words.csv", index=False)
    table.to_csv(tmp_path / "semicolons.csv", sep=";", columns=["size", "kind"], index=False)
    (tmp_path / "empty.csv").touch()
    (tmp_path / "data.xlsx").write_bytes(b"PK")
    (tmp_path / "names.csv").write_text("size,kind\n")
    (tmp_path / "config.yaml").write_text(BASE)

    def fill_in(words):
        return [word.replace("{run}", str(finished[0])).replace("{}", str(tmp_path)) for word in words]

    return fill_in


def list_files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_exits_with_2_and_one_message_and_writes_nothing(case, place, tmp_path, capsys):
    text, words, message = MISTAKES[case]
    if text is not None:
        (tmp_path / "wrong.yaml").write_text(text)
    before = list_files(tmp_path)

    assert main(place(words)) == 2
    out, err = capsys.readouterr()

    assert out == ""
    assert err.startswith("error: ")
    assert "Traceback" not in err
    assert message in err
    assert list_files(tmp_path) == before

    assert main([*place(words), "--json"]) == 2
    said = json.loads(capsys.readouterr().out)
    assert list(said) == ["error"]
    assert message in said["error"]


@pytest.mark.parametrize("case", MISUNDERSTOOD)
def test_a_command_line_that_is_not_understood_exits_with_2_and_the_usage(case, capsys):
    words, message = MISUNDERSTOOD[case]

    for asked in (words, (*words, "--json")):
        with pytest.raises(SystemExit) as end:
            main(asked)
        out, err = capsys.readouterr()

        assert end.value.code == 2
        assert err.startswith("usage: python -m sklearn_autotune")
        assert message in err
        assert (message in json.loads(out)["error"]) if "--json" in asked else out == ""


def test_a_study_of_another_configuration_is_refused_and_stays_as_it_is(place, tmp_path, capsys):
    stored = "storage: trials.db\nresume: true\nstudy_name: a\n"
    (tmp_path / "first.yaml").write_text(BASE + stored)
    (tmp_path / "wrong.yaml").write_text(change("cv: 2", "cv: 3") + stored)
    assert main(place(["run", "{}/first.yaml", "--quiet"])) == 0
    before = os.listdir(tmp_path / "runs")

    assert main(place(RUN)) == 2

    assert "storage: The study 'a' cannot be resumed" in capsys.readouterr().err
    assert os.listdir(tmp_path / "runs") == before


def test_an_error_of_the_run_itself_exits_with_1_and_is_json_with_a_traceback_beside_it(place, tmp_path, capsys):
    (tmp_path / "wrong.yaml").write_text(BASE + "space: {C: -1}\n")

    assert main([*place(RUN), "--json", "--traceback"]) == 1
    out, err = capsys.readouterr()

    assert "C" in json.loads(out)["error"]
    assert "Traceback" in err


def test_what_a_script_prints_stands_beside_the_json_and_not_in_it(copied, tmp_path, capsys):
    script = copied / "model.py"
    script.write_text(script.read_text() + "\nprint('training …')\n")

    assert main(["verify", str(copied), "--base", str(tmp_path), "--refit", "--trust", "--json"]) == 0
    out, err = capsys.readouterr()

    assert json.loads(out)["matches"]
    assert "training …" in err


def test_predictions_are_json_whatever_their_type(place, tmp_path, capsys):
    assert main([*place(["predict", "{run}", "{}/data.csv", "--trust"]), "--json"]) == 0
    said = json.loads(capsys.readouterr().out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))

    assert len(said["predictions"]) == len(pd.read_csv(tmp_path / "data.csv"))
    assert set(said["predictions"][0]) == {"kind", "probability_bad", "probability_good"}


def test_the_example_is_named_in_json(tmp_path, capsys):
    assert main(["init", str(tmp_path / "new.yaml"), "--json"]) == 0

    assert json.loads(capsys.readouterr().out) == {"config": str(tmp_path / "new.yaml")}

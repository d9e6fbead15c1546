"""The command report: an HTML file of a stored search, or its summary as JSON."""

import json
import pickle

import joblib
import pytest
from jsonschema import Draft202012Validator
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune import OptunaSearchCV, get_summary_schema, summarize
from sklearn_autotune.__main__ import main
from tests.runs import load_metadata

SPACE = {"max_depth": [1, 2, 3]}


@pytest.fixture(scope="module")
def search():
    tree = DecisionTreeClassifier(random_state=0)
    return OptunaSearchCV(tree, SPACE, cv=2, random_state=0).fit(*load_iris(return_X_y=True))


@pytest.fixture
def stored(search, tmp_path):
    path = tmp_path / "search.joblib"
    joblib.dump(search, path)
    return path


def test_json_is_the_dictionary_of_the_summary(stored, search, capsys):
    assert main(["report", str(stored), "--json", "--trust"]) == 0

    found = json.loads(capsys.readouterr().out)
    Draft202012Validator(get_summary_schema()).validate(found)
    assert found == summarize(search).to_dict()


def test_json_can_be_written_to_a_file(stored, search, tmp_path, capsys):
    output = tmp_path / "summary.json"
    assert main(["report", str(stored), "--json", "--output", str(output), "--trust"]) == 0

    assert json.loads(capsys.readouterr().out) == {"summary": str(output)}
    assert json.loads(output.read_text()) == summarize(search).to_dict()


@pytest.mark.parametrize("given", [[], ["--output", "other.html"]])
def test_without_json_an_html_file_is_written(given, stored, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["report", str(stored), "--trust", *given]) == 0

    path = tmp_path / (given[-1] if given else "search.html")
    assert f"{path.name} was written" in capsys.readouterr().out
    assert "<h1>Search in search.joblib</h1>" in path.read_text()
    assert len(list(tmp_path.iterdir())) == 2


def test_a_search_of_scikit_learn_that_pickle_stored_has_a_report_too(tmp_path, capsys):
    grid = GridSearchCV(DecisionTreeClassifier(random_state=0), SPACE).fit(*load_iris(return_X_y=True))
    path = tmp_path / "grid.pkl"
    path.write_bytes(pickle.dumps(grid))

    assert main(["report", str(path), "--json", "--trust"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["search"], found["best_params"]) == ("GridSearchCV", grid.best_params_)


def test_a_file_is_not_loaded_without_trust(tmp_path, capsys):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "trapped"), "w"))

    path = tmp_path / "search.pkl"
    path.write_bytes(pickle.dumps(Trap()))

    assert main(["report", str(path), "--json"]) == 2
    assert "say so: --trust" in json.loads(capsys.readouterr().out)["error"]
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("none.joblib", [], "there is no file"),
        ("", [], "is no run folder"),
        ("words.txt", [], "cannot be loaded"),
        ("tree.joblib", [], "holds no fitted search, but DecisionTreeClassifier"),
        ("tree.joblib", ["--output", "none/report.html"], "there is no folder"),
        ("tree.joblib", ["--output", "tree.joblib"], "is the file of the search"),
    ],
)
def test_what_has_no_report_is_said_and_nothing_is_written(name, given, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words.txt").write_text("no pickle")
    joblib.dump(DecisionTreeClassifier(), tmp_path / "tree.joblib")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    assert main(["report", str(tmp_path / name), "--trust", *given]) == 2

    assert message in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_run_folder_has_the_summary_of_its_search(finished, capsys):
    folder, _ = finished
    assert main(["report", str(folder), "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    Draft202012Validator(get_summary_schema()).validate(found)
    metadata = load_metadata(folder)
    assert (found["search"], found["best_params"]) == (metadata["model"]["kind"], metadata["parameters"])
    assert found["n_trials_by_status"] == metadata["trials"]
    assert found["best_score"] == pytest.approx(metadata["scores"]["folds"]["mean"])


def test_a_run_folder_says_where_its_report_is(finished, capsys):
    folder, _ = finished

    assert main(["report", str(folder)]) == 2
    assert f"the report of this run is {folder / 'report.html'}" in capsys.readouterr().err


def test_a_run_folder_without_a_summary_says_so(copied, capsys):
    (copied / "summary.json").unlink()

    assert main(["report", str(copied), "--json"]) == 2
    assert "summary.json cannot be read" in json.loads(capsys.readouterr().out)["error"]


def test_the_schema_of_summaries_is_printed(capsys):
    assert main(["schema", "summary"]) == 0

    assert json.loads(capsys.readouterr().out) == get_summary_schema()

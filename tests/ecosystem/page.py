"""Make environments, run the tests of each partner there, and write ``docs/reference/ecosystem.md``.

``python -m tests.ecosystem.page FOLDER`` makes the environments in FOLDER, or uses those that are there, and writes the
page from what the tests found. ``--only TITLE`` runs one partner, and takes the others from the last results in FOLDER.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "ecosystem.md"

# Claims of all partners, in the order of the columns: the test's name and the head of its column.
COLUMNS = {
    "test_grid": "grid",
    "test_racing": "racing",
    "test_two_jobs": "`n_jobs=2`",
    "test_copies": "copies",
    "test_code": "code",
    "test_ready_space": '`"auto"`',
    "test_html": "HTML",
}

# What `"auto"` says of estimators that it has no space for; not repeated on the page.
NO_SPACE = "No space is known for"

# What is installed in each environment. Those with names of versions are for older versions of a partner.
ENVIRONMENTS = {
    "newest": (".[ecosystem]",),
    # NGBoost needs lifelines, which takes no pandas 3.
    "pandas-2": (".[run]", "pandas<3", "ngboost", "lightgbm", "pytest>=8.4", "hypothesis"),
    "lightgbm-4.6": (".", "lightgbm==4.6.*", "pandas", "pytest>=8.4", "hypothesis"),
    "xgboost-3.0": (".", "xgboost==3.0.*", "pandas", "pytest>=8.4", "hypothesis"),
    "xgboost-3.4": (".", "xgboost==3.4.*", "pandas", "pytest>=8.4", "hypothesis"),
    "tools": (".[run]", "dvc", "jupyterlab", "ipykernel", "websocket-client", "pytest>=8.4", "hypothesis"),
    # sklearn2pmml takes no scikit-learn 1.9.1 yet; it needs Java.
    "pmml": (
        ".",
        "sklearn2pmml",
        "jpmml-evaluator",
        "scikit-learn==1.9.0",
        "skl2onnx",
        "onnxruntime",
        "onnxmltools",
        "skops",
        "pandas",
        "pytest>=8.4",
        "hypothesis",
    ),
    # Frameworks, each in an environment of its own, beside those that the extra `test` brings.
    **{
        name: (
            ".[run]",
            *packages,
            "scikit-optimize",
            "optuna-integration",
            "pandas",
            "matplotlib",
            "pytest>=8.4",
            "hypothesis",
        )
        for name, packages in {
            "hyperopt": ("hyperopt",),
            "flaml": ("flaml", "lightgbm"),
            "tpot": ("tpot",),
        }.items()
    },
}

# The Python of an environment, where it is not the one that runs this: XGBoost 3.4 needs 3.12.
PYTHONS = {"xgboost-3.4": "python3.13"}


@dataclass(frozen=True)
class Partner:
    """A row of the page.

    Parameters
    ----------
    title : str
    distribution : str
        The name under which it is installed.
    tests : str
        The class of tests, with its file.
    note : str
        One sentence: what was tested beside the common claims, or what to know.
    environment : str
        A key of ``ENVIRONMENTS``.
    """

    title: str
    distribution: str
    tests: str
    note: str
    environment: str = "newest"


PARTNERS = (
    Partner(
        "imbalanced-learn",
        "imbalanced-learn",
        "test_imbalanced_learn.py::TestImbalancedLearn",
        "A sampler in its Pipeline changes the rows of training and never those that are scored.",
    ),
    Partner(
        "LightGBM",
        "lightgbm",
        "test_lightgbm.py::TestLightGBM",
        "pandas categories, weights, `eval_set` and callbacks passed to `fit`.",
    ),
    Partner(
        "LightGBM 4.6",
        "lightgbm",
        "test_lightgbm.py::TestLightGBM",
        "As above.",
        "lightgbm-4.6",
    ),
    Partner(
        "CatBoost",
        "catboost",
        "test_catboost.py::TestCatBoost",
        "`cat_features` has to be a tuple: no search can clone CatBoost with a list.",
    ),
    Partner(
        "XGBoost",
        "xgboost",
        "test_xgboost.py::TestXGBoost",
        "pandas categories, weights, early stopping on an `eval_set`.",
    ),
    Partner("XGBoost 3.0", "xgboost", "test_xgboost.py::TestXGBoost", "As above.", "xgboost-3.0"),
    Partner("XGBoost 3.4", "xgboost", "test_xgboost.py::TestXGBoost", "As above; it needs Python 3.12.", "xgboost-3.4"),
    *(
        Partner(f"`{name}`", "scikit-learn", f"test_scikit_learn.py::Test{name}", note)
        for name, note in {
            "CalibratedClassifierCV": "Scored by log loss.",
            "StackingClassifier": "A step that is replaced or dropped.",
            "TunedThresholdClassifierCV": "Parameters of the estimator inside.",
            "TransformedTargetRegressor": "Functions as parameters.",
            "MultiOutputRegressor": "A target of two columns.",
            "ColumnTransformer": "Selectors, missing values, strings.",
        }.items()
    ),
    Partner(
        "splitters, routing",
        "scikit-learn",
        "test_scikit_learn.py::TestSplitters",
        "Six splitters, halving, routed weights, groups routed to a `TargetEncoder` too: the tables of `GridSearchCV`.",
    ),
    Partner(
        "curves of the folds",
        "scikit-learn",
        "test_scikit_learn.py::TestCurves",
        '`RocCurveDisplay.from_cv_results` of a search with `keep="estimators"`: '
        "[the page](../guides/metrics.md#out-of-fold-predictions-of-the-winner); from 1.9 on "
        "`PrecisionRecallDisplay` too.",
    ),
    Partner("pandas", "pandas", "test_frames.py::TestPandas", "Strings, categories, gaps, pandas' own types."),
    Partner("pandas 2", "pandas", "test_frames.py::TestPandas", "As above.", "pandas-2"),
    Partner("polars", "polars", "test_frames.py::TestPolars", "Frames as X."),
    Partner("pyarrow", "pyarrow", "test_frames.py::TestPyarrow", "Tables as X."),
    Partner("narwhals", "narwhals", "test_frames.py::TestNarwhals", "Pass the frame inside: `frame.to_native()`."),
    Partner(
        "category_encoders",
        "category-encoders",
        "test_encoders.py::TestCategoryEncoders",
        "`TargetEncoder` in a Pipeline.",
    ),
    Partner("feature-engine", "feature-engine", "test_encoders.py::TestFeatureEngine", "Steps that take only pandas."),
    Partner("skrub", "skrub", "test_encoders.py::TestSkrub", "`tabular_pipeline`, with encoders as choices."),
    Partner(
        "quantile-forest",
        "quantile-forest",
        "test_regressors.py::TestQuantileForest",
        "Quantiles: `best_estimator_.predict`.",
    ),
    Partner(
        "NGBoost",
        "ngboost",
        "test_regressors.py::TestNGBoost",
        "Give `scoring`, because its own score is a loss; give `Base` a `random_state`. It needs "
        "pandas 2, and 0.6 takes no scikit-learn 1.9.",
        "pandas-2",
    ),
    Partner("interpret", "interpret", "test_regressors.py::TestInterpret", "Its processes inside those of the search."),
    Partner(
        "skglm",
        "skglm",
        "test_regressors.py::TestSkglm",
        "`Lasso`; an estimator made of `datafit`, `penalty` and `solver` cannot be cloned.",
    ),
    Partner(
        "scikit-survival",
        "scikit-survival",
        "test_survival.py::TestScikitSurvival",
        "Structured target, wrapped scorers; [`compare`](../guides/compare.md#survival-models), reports and displays.",
    ),
    Partner(
        "array API",
        "array-api-strict",
        "test_tools.py::TestArrayAPI",
        "`SCIPY_ARRAY_API=1`, `array_api_dispatch=True`. Of discriminant analysis, scikit-learn has only "
        '`solver="svd"` for such arrays: candidates with another one fail.',
    ),
    Partner(
        "shap",
        "shap",
        "test_models.py::TestShap",
        "Explainers of `best_estimator_` and of `search.predict_proba`. `TreeExplainer` misreads splits by categories "
        "of `HistGradientBoosting`, without an error; `shap.Explainer(search.predict, X)` explains them.",
    ),
    Partner(
        "yellowbrick",
        "yellowbrick",
        "test_models.py::TestYellowbrick",
        "Visualizers with `force_model=True`; without it they take no estimator of scikit-learn 1.9.",
    ),
    Partner(
        "MAPIE",
        "mapie",
        "test_models.py::TestMapie",
        "Intervals around a fitted search, or with a search on each fold.",
    ),
    Partner(
        "ONNX",
        "skl2onnx",
        "test_models.py::TestOnnx",
        "`skl2onnx` converts `best_estimator_`, and searches after `register_onnx_converters()`.",
    ),
    Partner(
        "onnxmltools",
        "onnxmltools",
        "test_models.py::TestOnnxmltools",
        "Boosters: [what it writes, and what with other predictions](../guides/conversions.md#tuned-xgboost-as-onnx).",
    ),
    Partner(
        "treelite",
        "treelite",
        "test_models.py::TestTreelite",
        "Forests of scikit-learn, tuned XGBoost, LightGBM: [the page](../guides/conversions.md#trees-in-treelite).",
    ),
    Partner(
        "sklearn2pmml",
        "sklearn2pmml",
        "test_models.py::TestPMML",
        "[The page](../guides/conversions.md#pmml) runs; needs Java, and refuses scikit-learn 1.9.1.",
        "pmml",
    ),
    Partner("skops", "skops", "test_models.py::TestSkops", "`deployed_model()` needs no trust in Optuna."),
    Partner("cloudpickle", "cloudpickle", "test_models.py::TestCloudpickle", "Classes of a script."),
    Partner(
        "MLflow",
        "mlflow",
        "test_tools.py::TestMLflow",
        "Models logged, registered and loaded; a search is one autologged run.",
    ),
    Partner(
        "OmegaConf", "omegaconf", "test_tools.py::TestOmegaConf", "Lists as values; the grid itself has to be a dict."
    ),
    Partner(
        "Hydra", "hydra-core", "test_tools.py::TestHydra", 'A search made by `instantiate` with `_convert_="all"`.'
    ),
    Partner(
        "nbclient, papermill", "papermill", "test_tools.py::TestNotebook", "A notebook that fits and shows a search."
    ),
    Partner(
        "JupyterLab",
        "jupyterlab",
        "test_workbenches.py::TestJupyterLab",
        "A kernel of its server fits a search with `n_jobs=2` and shows it.",
        "tools",
    ),
    Partner(
        "DVC",
        "dvc",
        "test_workbenches.py::TestDVC",
        "A stage of `python -m sklearn_autotune run params.yaml`; `dvc exp run -S space.C=…`.",
        "tools",
    ),
    Partner(
        "scikit-optimize",
        "scikit-optimize",
        "test_frameworks.py::TestScikitOptimize",
        "`BayesSearchCV` in `compare`, `summarize` and displays.",
    ),
    Partner(
        "optuna-integration",
        "optuna-integration",
        "test_frameworks.py::TestOptunaIntegration",
        "Its `OptunaSearchCV` in `compare`, `summarize` and displays.",
    ),
    Partner(
        "hyperopt",
        "hyperopt",
        "test_frameworks.py::TestHyperopt",
        "`fmin` in an estimator, in `compare`: [the page](../guides/other-frameworks.md) shows it.",
        "hyperopt",
    ),
    Partner(
        "FLAML",
        "flaml",
        "test_frameworks.py::TestFLAML",
        "`AutoML` in `compare`, also by name in YAML: [the page](../guides/other-frameworks.md).",
        "flaml",
    ),
    Partner(
        "TPOT",
        "tpot",
        "test_frameworks.py::TestTPOT",
        "`TPOTClassifier` in `compare`, also by name in YAML: [the page](../guides/other-frameworks.md).",
        "tpot",
    ),
    Partner(
        "optuna-dashboard",
        "optuna-dashboard",
        "test_tools.py::TestOptunaDashboard",
        "Serves a study that a search stored.",
    ),
)

HEAD = """# With other libraries

What happens where `OptunaSearchCV` meets other libraries, in the versions below. `pip install '.[ecosystem]'` installs
all of them in one environment, except where the row names a version of its own. `tests/ecosystem/` holds the tests, and
`python -m tests.ecosystem.page FOLDER` makes the environments, runs the tests there and writes this page. Versions are
the newest that go together: MLflow takes no pyarrow 26, and Hydra no OmegaConf 2.4.

Each claim is run through `GridSearchCV` first:

- **grid**: table, best parameters, predictions and warnings of a grid are those of `GridSearchCV`, to the last bit.
- **racing**: `cross_validate` gives the scores of the winner of a search with racing again.
- **`n_jobs=2`**: two processes give the table of one.
- **copies**: a clone that is fitted again and a pickle predict the same.
- **code**: `export_code` writes a script, and the model that it fits predicts the same.
- **`"auto"`**: there is a ready space for the estimator.
- **HTML**: a notebook shows the search.
- **own**, **claims**: claims of this library alone, which the note names.

*works*: the test passes. *refuses*: an error says what is not possible. *as there*: `GridSearchCV` fails in the same
place. *fails*: a fault of this package.

## Estimators, steps and tables
"""


def make_environment(folder, requirements, python=sys.executable):
    """Make a virtual environment with the package's dependencies, unless it is there."""
    if (folder / "bin" / "python").exists():
        return
    if shutil.which(python) is None:
        raise SystemExit(
            f"The environment {folder.name} needs {python}, which is not installed; name others by --only."
        )
    subprocess.run([python, "-m", "venv", folder], check=True)
    subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "-q", *requirements], cwd=ROOT, check=True)


def run_tests(folder, tests, report):
    """Run the tests of a partner in an environment.

    Plugins of pytest are off: that of dash, which interpret brings, warns when it is loaded, and warnings are errors.
    """
    settings = {
        "PYTHONPATH": str(ROOT),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "SKLEARN_AUTOTUNE_NIGHTLY": "1",
        "SCIPY_ARRAY_API": "1" if "ArrayAPI" in tests else "0",
        "OMP_NUM_THREADS": "1",
    }
    command = [folder / "bin" / "python", "-m", "pytest", "-q", f"--junitxml={report}", f"tests/ecosystem/{tests}"]
    subprocess.run(command, cwd=ROOT, env=os.environ | settings, check=False)


def read_verdicts(report):
    """The verdict and the words of each test in a report of pytest."""
    verdicts = {}
    for case in ElementTree.parse(report).iter("testcase"):
        said = next((entry.get("value") for entry in case.iter("property") if entry.get("name") == "verdict"), "")
        skipped = case.find("skipped")
        failed = next((found for kind in ("failure", "error") if (found := case.find(kind)) is not None), None)
        if failed is not None:
            verdict = "fails", failed.get("message", "")
        elif skipped is not None and "GridSearchCV fails too" in skipped.get("message", ""):
            verdict = "as there", skipped.get("message")
        elif skipped is not None:
            verdict = "not run", skipped.get("message", "")
        else:
            verdict = ("refuses" if said.startswith("refuses") else "works"), said
        verdicts[case.get("name")] = verdict
    return verdicts


def read_versions(folder, distribution):
    script = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"
    command = [folder / "bin" / "python", "-c", script, distribution, "scikit-learn"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def describe_environment(folder):
    """The versions of what all partners in an environment share."""
    script = "import sys; from importlib.metadata import version as v; from platform import python_version; "
    script += "print(python_version(), *(f', {name} {v(name)}' for name in sys.argv[1:]), sep='')"
    command = [folder / "bin" / "python", "-c", script, "numpy", "scipy", "pandas", "joblib", "optuna"]
    return f"Python {subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()}"


def measure(partner, folder):
    environment = folder / partner.environment
    report = folder / f"{partner.title.strip('`').replace(' ', '-')}.xml"
    run_tests(environment, partner.tests, report)
    return {"versions": read_versions(environment, partner.distribution), "verdicts": read_verdicts(report)}


def render_row(partner, found, columns=COLUMNS):
    """A line of the table with ``columns`` for the common claims."""
    verdicts = dict(found["verdicts"])
    cells = [verdicts.pop(test, ("–", ""))[0] for test in columns]
    own = Counter(verdict for verdict, _ in verdicts.values())
    cells.append(", ".join(f"{number} {verdict}" for verdict, number in own.items()) or "–")
    return f"| {' | '.join([partner.title, *found['versions'], *cells, partner.note])} |"


def render_table(results, columns):
    """The table of partners that have the common claims, or of the others if there are no columns for them."""
    heads = ["library", "version", "scikit-learn", *columns.values(), "own" if columns else "claims", "note"]
    rows = [
        render_row(partner, results[partner.title], columns)
        for partner in PARTNERS
        if partner.title in results and ("test_grid" in results[partner.title]["verdicts"]) == bool(columns)
    ]
    return [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads), *rows]


def render(results, environment=""):
    """The page; ``environment`` says what most partners share."""
    said = f"Most of them ran with {environment}.\n\n" if environment else ""
    head = HEAD.replace("Each claim", f"{said}Each claim")
    tools = ["", "## Folds, and what is done with a search", "", *render_table(results, {})]
    return "\n".join([head, *render_table(results, COLUMNS), *tools, *render_reasons(results), ""])


def render_reasons(results):
    """What is refused, and why `GridSearchCV` fails: each message once for each library."""
    lines = []
    for partner in PARTNERS:
        said = {}
        for verdict, words in results.get(partner.title, {"verdicts": {}})["verdicts"].values():
            if verdict in ("as there", "refuses") and NO_SPACE not in words:
                message = words.removeprefix("GridSearchCV fails too: ").removeprefix("refuses: ")
                said.setdefault(message.partition(". ")[0][:200].strip().replace("`", "'"), verdict)
        lines += [f"- {partner.title}, {verdict}: `{message}`" for message, verdict in said.items()]
    return ["", "## What errors say", "", *lines] if lines else []


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", help="titles of partners; all by default, none if no title follows")
    given = parser.parse_args(arguments)
    folder = given.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    stored = folder / "results.json"
    results = json.loads(stored.read_text()) if stored.exists() else {}
    for partner in PARTNERS:
        if given.only is not None and partner.title not in given.only:
            continue
        name = partner.environment
        make_environment(folder / name, ENVIRONMENTS[name], PYTHONS.get(name, sys.executable))
        results[partner.title] = measure(partner, folder)
        stored.write_text(json.dumps(results, indent=1))
    PAGE.write_text(render(results, describe_environment(folder / "newest")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

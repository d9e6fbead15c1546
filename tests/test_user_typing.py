"""A type checker in its strictest setting understands a user's script, and finds misspelt choices."""

import subprocess
import sys
from pathlib import Path

import sklearn_autotune
from tests.faults.nightly import at_night

ROOT = Path(sklearn_autotune.__file__).parent.parent

# The last three lines are errors: if mypy did not find them, it would report that their "type: ignore" is not used.
SCRIPT = """
from typing import Any, assert_type

from scipy.stats import loguniform
from sklearn.datasets import load_breast_cancer
from sklearn.svm import SVC

import sklearn_autotune as sa
from sklearn_autotune import AutoModelSelector, FoldRacing, OneStandardError, OptunaSearchCV
from sklearn_autotune import TunedXGBClassifier, TunedXGBRegressor

X, y = load_breast_cancer(return_X_y=True)
grid: dict[str, list[float]] = {"C": [0.1, 1.0, 10.0], "gamma": [0.01, 0.1]}
search = OptunaSearchCV(SVC(), param_grid=grid, cv=3, scoring="roc_auc").fit(X, y)
assert_type(search, OptunaSearchCV)
best: dict[str, Any] = search.best_params_
score: float = search.best_score_
row: int = search.best_index_
scores = search.cv_results_["mean_test_score"]
text: str = str(search.trials_)
racing = OptunaSearchCV(SVC(), {"C": loguniform(1e-2, 1e2)}, n_iter=25, pruner=FoldRacing(error_rate=0.01))
simple = OptunaSearchCV(SVC(), grid, refit=OneStandardError("param_C"), error_score="raise", n_trials="auto")
by_function = OptunaSearchCV(SVC(), lambda trial: {"C": trial.suggest_float("C", 0.1, 10.0)}, resource="n_samples")
assert_type(TunedXGBClassifier(n_trials=5, enqueue="auto").fit(X, y), TunedXGBClassifier)
assert_type(TunedXGBRegressor(n_trials=5, timeout=60).fit(X, y), TunedXGBRegressor)
assert_type(AutoModelSelector("regression", ["ridge"]).fit(X, y), AutoModelSelector)
comparison: sa.Comparison = sa.compare({"ours": racing, "simple": simple}, X, y, cv=3)
print(sa.summarize(search), sa.plotting.OptimizationHistoryDisplay.from_search(search))
print(sa.progress.TrialProgress(n_trials=5), sa.report.write_report(search, "report.html"), sa.export.export_code)
OptunaSearchCV(SVC(), grid, min_resources="smallest")  # type: ignore[arg-type]
OptunaSearchCV(SVC(), grid, n_trials="all")  # type: ignore[arg-type]
OptunaSearchCV(SVC(), grid, error_score="ignore")  # type: ignore[arg-type]
"""

# scikit-learn and SciPy publish no types. To skip the packages that have some makes the check three times as fast.
SETTINGS = """
[mypy]
strict = true
follow_imports = silent
[mypy-sklearn.*,scipy.*,xgboost.*,joblib.*]
ignore_missing_imports = true
[mypy-numpy.*,optuna.*,pandas.*,matplotlib.*,pydantic.*,plotly.*,distributed.*]
follow_imports = skip
"""


@at_night
def test_a_users_script_passes_mypy_in_strict_mode_and_misspelt_choices_do_not(tmp_path):
    (tmp_path / "user.py").write_text(SCRIPT)
    (tmp_path / "mypy.ini").write_text(SETTINGS)

    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "--cache-dir", str(tmp_path / "cache"), "user.py"],
        cwd=tmp_path,
        env={"MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout == "Success: no issues found in 1 source file\n", done.stdout + done.stderr

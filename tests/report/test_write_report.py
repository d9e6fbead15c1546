"""Reports: one file that loads nothing, says what the search says, and lets nothing in that is not escaped."""

import re
import shutil
import subprocess
from html import unescape

import numpy as np
import pytest
from PIL import Image
from scipy.stats import loguniform
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from sklearn_autotune import AutoModelSelector, OptunaSearchCV, TunedXGBClassifier, compare
from sklearn_autotune.report import _write_report, write_report
from tests.html_page import Page, assert_loads_nothing
from tests.toys import CountingClassifier, FailingClassifier, MisbehavingClassifier

X, Y = np.column_stack([np.arange(20.0), np.ones(20)]), np.arange(20) % 2

EVIL = "<script>alert('x')</script><img src=http://example.org/x.png>"


def read(path):
    return Page(path.read_text(encoding="utf-8"))


def run_code(path):
    """The names that the first code in a report defines."""
    namespace = {}
    code = re.search(r"<pre><code>(.*?)</code></pre>", path.read_text(encoding="utf-8"), re.DOTALL)[1]
    exec(unescape(code), namespace)
    return namespace


def read_candidates(path):
    """The rows of the table of candidates, by the names of the columns."""
    rows = read(path).rows
    first = next(index for index, row in enumerate(rows) if row[0] == "candidate")
    return [dict(zip(rows[first], row, strict=True)) for row in rows[first + 1 :] if len(row) == len(rows[first])]


def assert_stands_alone(path):
    """The page loads and runs nothing, and a policy in it forbids both."""
    page = read(path)
    assert_loads_nothing(page)
    policy = next(attributes for _, attributes in page.tags if "http-equiv" in attributes)
    assert policy["content"].startswith("default-src 'none'")
    return page


@pytest.fixture(scope="module")
def search():
    model = make_pipeline(StandardScaler(), SVC())
    space = {"svc__C": loguniform(1e-2, 1e3), "svc__gamma": loguniform(1e-4, 10)}
    # Random candidates at first, so that there is something to try next.
    return OptunaSearchCV(model, space, n_trials=25, random_state=0, enqueue=None).fit(*load_iris(return_X_y=True))


@pytest.fixture(scope="module")
def written(search, tmp_path_factory):
    return write_report(search, tmp_path_factory.mktemp("reports") / "search.html")


@pytest.fixture
def no_figures(monkeypatch):
    """Leave out what takes the time, where it is not what is tested."""
    monkeypatch.setattr(_write_report, "FIGURES", ())


def test_a_report_stands_alone_and_says_what_the_search_says(search, written):
    page = assert_stands_alone(written)

    text = page.texts()
    assert f"{search.best_score_:.5g}" in text
    assert repr(search.best_params_["svc__C"]) in text
    for word in ("Search by OptunaSearchCV", "To try next", "Environment", "scikit-learn", "n_trials"):
        assert word in text
    pictures = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(pictures) == 7
    assert all(picture["alt"] for picture in pictures)


def test_every_candidate_has_a_row(search, written):
    rows = read_candidates(written)

    assert sorted(int(row["candidate"]) for row in rows) == list(range(25))
    assert {row["status"] for row in rows} == {"complete", "stopped early"}
    assert int(rows[0]["candidate"]) == search.best_index_


def test_the_code_makes_the_winner(search, written):
    namespace = run_code(written)

    assert repr(namespace["model"]) == repr(search.best_estimator_)
    assert namespace["model"].get_params()["svc__C"] == search.best_params_["svc__C"]


def test_the_code_of_a_booster_makes_it_too(tmp_path, no_figures):
    model = TunedXGBClassifier(n_trials=2, cv=2, random_state=0).fit(*load_iris(return_X_y=True))

    path = write_report(model, tmp_path / "xgb.html")

    made, expected = run_code(path)["model"].get_params(), model.best_estimator_.get_params()
    assert repr(sorted(made.items())) == repr(sorted(expected.items()))
    assert "from xgboost import XGBClassifier" in path.read_text()


def test_the_top_of_a_report_has_the_metric_and_the_size_of_the_data(search, written):
    top = read(written).texts().partition("What happened")[0]

    assert "metricaccuracy (higher is better)" in top
    assert f"best scoreaccuracy {search.best_score_:.5g}" in top
    assert "data150 rows × 4 columns" in top
    assert "classes3: 0, 1, 2" in top
    assert "folds5, each of 120 training rows and 30 test rows" in top
    assert f"candidates25: {(search.trials_['status'] == 'complete').sum()} complete" in top


def test_a_loss_has_its_own_sign_and_what_was_stopped_has_no_score(tmp_path, no_figures):
    model = LogisticRegression(max_iter=2000)
    space = {"C": loguniform(1e-4, 1e3)}
    search = OptunaSearchCV(model, space, scoring="neg_log_loss", n_trials=30, random_state=0)
    search.fit(*load_iris(return_X_y=True))

    path = write_report(search, tmp_path / "r.html")

    means = -dict(search.cv_results_)["mean_test_score"]
    rows = read_candidates(path)
    shown = [float(row["log loss"]) for row in rows if row["log loss"] != "–"]
    assert shown == pytest.approx(sorted(means[np.isfinite(means)]), rel=1e-4)
    assert sum(row["until stopped"] != "–" for row in rows) == np.isnan(means).sum() > 0
    assert "log loss (lower is better)" in read(path).texts()


def test_a_search_of_scikit_learn_has_what_it_tells_at_the_top(tmp_path, no_figures):
    search = GridSearchCV(SVC(), {"C": [1, 10]}, cv=4, scoring="f1_macro").fit(*load_iris(return_X_y=True))

    top = read(write_report(search, tmp_path / "r.html")).texts().partition("What happened")[0]

    assert "metricf1_macro (higher is better)" in top
    assert "data4 columns" in top
    assert "folds4" in top


def test_settings_are_those_that_were_set_and_distributions_can_be_read(written):
    settings = read(written).texts().partition("Settings")[2].partition("Environment")[0]

    assert "{'svc__C': loguniform(0.01, 1000.0), 'svc__gamma': loguniform(0.0001, 10)}" in settings
    assert settings.index("random_state") < settings.index("parameters have their default values")
    assert settings.index("parameters have their default values") < settings.index("timeout")


def test_code_that_is_given_is_shown_instead(search, tmp_path, no_figures):
    text = write_report(search, tmp_path / "r.html", code="model = a < b").read_text()

    assert "<code>model = a &lt; b</code>" in text
    assert "lines of Python" not in text


def test_a_long_script_opens_on_a_click(search, tmp_path, no_figures):
    text = write_report(search, tmp_path / "r.html", code="a = 1\n" * 200).read_text()

    assert "<summary>200 lines of Python</summary>" in text


def test_functions_are_written_where_export_code_can(tmp_path, no_figures):
    model = make_pipeline(FunctionTransformer(np.log1p), LogisticRegression(max_iter=1000))
    search = OptunaSearchCV(model, {"logisticregression__C": [1, 2]}, cv=2).fit(*load_iris(return_X_y=True))

    path = write_report(search, tmp_path / "r.html")

    assert run_code(path)["model"][0].func is np.log1p
    assert "joblib.dump" not in path.read_text()


def test_a_class_that_cannot_be_imported_is_to_be_stored(tmp_path, no_figures):
    class Homeless(CountingClassifier):
        """Cannot be imported."""

    search = OptunaSearchCV(Homeless(), {"a": [1, 2]}, cv=2).fit(X, Y)

    assert "joblib.dump" in read(write_report(search, tmp_path / "r.html")).texts()


def test_what_comes_from_outside_is_escaped(tmp_path):
    search = OptunaSearchCV(CountingClassifier(), {"a": [1.0, 2.0], "b": [EVIL, "b"]}, cv=2).fit(X, Y)

    path = write_report(search, tmp_path / "r.html", title=EVIL)

    page = assert_stands_alone(path)
    assert "<script" not in path.read_text()
    assert EVIL in page.texts()


def test_failures_are_listed_with_their_errors(tmp_path, no_figures):
    with pytest.warns(Warning, match="fits failed|non-finite"):
        search = OptunaSearchCV(FailingClassifier(above=1), {"a": [1, 2, 3]}, cv=2).fit(X, Y)

    page = assert_stands_alone(write_report(search, tmp_path / "r.html"))

    assert "2 × ValueError: the toy fails on purpose (candidates 1, 2)" in page.texts()
    assert "Traceback" in page.texts()


def test_long_errors_are_cut_and_lone_surrogates_do_not_break_the_page(tmp_path):
    toy = MisbehavingClassifier(where="fit", what=FailingLong)
    space = {"a": [1, 2, 5, 6], "b": ["\ud800", "plain"], "log": [None, ("\udcff",)]}
    with pytest.warns(FitFailedWarning), pytest.warns(UserWarning, match="non-finite"):
        search = OptunaSearchCV(toy, space, cv=2).fit(X, Y)

    page = read(write_report(search, tmp_path / "report.html", title="of \ud800"))

    assert "\\ud800" in page.texts()
    assert "FailingLong: \\udcff xxx" in page.texts()
    assert page.texts().count("x" * 400) < 20


class FailingLong(ValueError):
    def __init__(self, message):
        super().__init__("\udcff " + 1_000_000 * "x")


def test_figures_that_do_not_apply_are_listed(tmp_path):
    search = GridSearchCV(CountingClassifier(), {"a": [1]}, cv=2).fit(X, Y)

    text = assert_stands_alone(write_report(search, tmp_path / "r.html")).texts()

    assert "Not drawn" in text
    assert "importances need at least two that differ" in text


def test_a_long_table_is_cut(search, tmp_path, no_figures, monkeypatch):
    monkeypatch.setattr(_write_report, "MAX_ROWS", 10)

    assert "… and 15 more." in read(write_report(search, tmp_path / "r.html")).texts()


def test_a_selector_has_its_blend_in_the_report(tmp_path):
    selector = AutoModelSelector("regression", ["ridge", "neighbors"], n_trials=4, cv=3, random_state=0)
    selector.fit(*load_diabetes(return_X_y=True))

    text = assert_stands_alone(write_report(selector, tmp_path / "r.html")).texts()

    assert all(member in text for member in selector.blend_weights_)
    assert "This script, which export_code(search) wrote, makes the model and fits it" in text
    assert "def make_model():" in text
    assert text.index("The blend") < text.index(f"The best single model, candidate {selector.best_index_}")
    assert f"root mean squared error {-selector.best_score_:.5g}" in text


def test_a_comparison_has_a_report(tmp_path):
    methods = {"ours": OptunaSearchCV(SVC(), {"C": [0.1, 1, 10]}, cv=2), EVIL: FailingClassifier(a=9)}
    with pytest.warns(Warning, match="failed on 3 of the outer folds"):
        comparison = compare(methods, *load_iris(return_X_y=True), cv=3, random_state=0)

    path = write_report(comparison, tmp_path / "r.html")

    page = assert_stands_alone(path)
    assert comparison.verdict() in page.texts()
    assert "metricaccuracy (higher is better)" in page.texts()
    assert "<script" not in path.read_text()
    assert len([tag for tag, _ in page.tags if tag == "img"]) == 2


def test_what_is_not_fitted_has_no_report(tmp_path):
    with pytest.raises(ValueError, match="pass a search, fitted"):
        write_report(OptunaSearchCV(SVC(), {"C": [1]}), tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()


# -- in a browser --------------------------------------------------------------------------------------------------


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def needs_browser(test):
    reason = "there is no chromium to look at the report with: install Debian's package chromium"
    return pytest.mark.slow(pytest.mark.skipif(CHROMIUM is None, reason=reason)(test))


def browse(path, folder, *what):
    """Open a page in a headless browser that is kept from looking anything up."""
    quiet = ["gpu", "quic", "background-networking", "component-update", "sync", "extensions"]
    flags = ["--headless", "--no-sandbox", "--no-first-run", *(f"--disable-{one}" for one in quiet)]
    command = [CHROMIUM, *flags, "--hide-scrollbars", f"--user-data-dir={folder}", *what, path.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


@pytest.mark.slow
@pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium to look at the report with: install Debian's package chromium"
)
@pytest.mark.parametrize("width", [1200, 500])
def test_a_browser_shows_the_report(written, tmp_path, width):
    picture = tmp_path / "page.png"

    browse(written, tmp_path / "profile", f"--window-size={width},3000", f"--screenshot={picture}")

    with Image.open(picture) as opened:
        assert opened.size == (width, 3000)
        pixels = np.asarray(opened.convert("L"))
    inked = (pixels < 250).any(axis=1)
    assert inked.mean() > 0.5  # text and figures from top to bottom
    assert inked[1500:].any()


@pytest.mark.slow
@pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium to look at the report with: install Debian's package chromium"
)
def test_a_browser_reads_the_report_as_it_was_written(written, tmp_path):
    document = browse(written, tmp_path / "profile", "--dump-dom")

    page = Page(document)
    assert page.open == []
    assert len([tag for tag, _ in page.tags if tag == "img"]) == 7
    assert "Search by OptunaSearchCV" in page.texts()


@pytest.mark.slow
@pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium to look at the report with: install Debian's package chromium"
)
def test_nothing_is_cut_on_a_narrow_screen(tmp_path, no_figures):
    space = {"a": [1.0, 2.0], "b": ["a_long_word" * 30, "a long text " * 30]}
    search = OptunaSearchCV(CountingClassifier(), space, cv=2).fit(X, Y)
    path = write_report(search, tmp_path / "r.html")
    count = "[...document.querySelectorAll('*')].filter(one => one.scrollWidth > innerWidth).length"
    script = f"<script>document.body.dataset.cut = {count} + ' of ' + innerWidth</script></body>"
    text = re.sub(r"<meta http-equiv[^>]*>", "", path.read_text(encoding="utf-8"))  # which forbids scripts
    path.write_text(text.replace("</body>", script), encoding="utf-8")

    document = browse(path, tmp_path / "profile", "--window-size=500,2000", "--dump-dom")

    assert re.search(r'data-cut="(\d+) of (\d+)"', document).groups() == ("0", "500")


def test_a_report_says_what_the_parameters_you_had_score(tmp_path):
    space = {"C": loguniform(1e-3, 1e-2)}
    search = OptunaSearchCV(LogisticRegression(max_iter=500), space, n_trials=3, cv=3, random_state=0)
    search.fit(*load_iris(return_X_y=True))

    text = unescape(write_report(search, tmp_path / "report.html").read_text(encoding="utf-8"))

    assert f"accuracy {search.default_score_:.5g}" in text
    assert "with the parameters you had" in text
    assert "no evidence that tuning helped" in text or "are better than the winner" in text

"""Reports: one file that loads nothing, says what the search says, and lets nothing in that is not escaped."""

import re
import shutil
import subprocess

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
    return OptunaSearchCV(model, space, n_trials=25, random_state=0).fit(*load_iris(return_X_y=True))


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
    rows = re.findall(r"<tr><td class=\"number\">(\d+)</td><td>(complete|pruned|failed)</td>", written.read_text())

    assert sorted(int(number) for number, _ in rows) == list(range(25))
    assert int(rows[0][0]) == search.trials_["number"][search.best_index_]


def test_the_code_makes_the_winner(search, written):
    code = re.search(r"<pre><code>(.*?)</code></pre>", written.read_text(), re.DOTALL)[1].replace("&#x27;", "'")

    namespace = {}
    exec(code, namespace)

    assert repr(namespace["model"]) == repr(search.best_estimator_)
    assert namespace["model"].get_params()["svc__C"] == search.best_params_["svc__C"]


def test_the_code_of_a_booster_makes_it_too(tmp_path, no_figures):
    model = TunedXGBClassifier(n_trials=2, cv=2, random_state=0).fit(*load_iris(return_X_y=True))

    text = write_report(model, tmp_path / "xgb.html").read_text()

    code = re.search(r"<pre><code>(.*?)</code></pre>", text, re.DOTALL)[1].replace("&#x27;", "'")
    namespace = {}
    exec(code, namespace)
    made, expected = namespace["model"].get_params(), model.best_estimator_.get_params()
    assert repr(sorted(made.items())) == repr(sorted(expected.items()))
    assert "from xgboost import XGBClassifier" in code


def test_code_that_is_given_is_shown_instead(search, tmp_path, no_figures):
    text = write_report(search, tmp_path / "r.html", code="model = a < b").read_text()

    assert "<code>model = a &lt; b</code>" in text


def test_a_winner_that_cannot_be_spelled_is_to_be_kept(tmp_path, no_figures):
    model = make_pipeline(FunctionTransformer(np.log1p), LogisticRegression(max_iter=1000))
    search = OptunaSearchCV(model, {"logisticregression__C": [1, 2]}, cv=2).fit(*load_iris(return_X_y=True))

    assert "joblib.dump" in read(write_report(search, tmp_path / "r.html")).texts()


def test_a_class_without_a_home_is_not_spelled(tmp_path, no_figures):
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

    assert "2 × ValueError: the toy fails on purpose (trials 1, 2)" in page.texts()
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
    assert "GridSearchCV has no study_" in text


def test_a_long_table_is_cut(search, tmp_path, no_figures, monkeypatch):
    monkeypatch.setattr(_write_report, "MAX_ROWS", 10)

    assert "… and 15 more." in read(write_report(search, tmp_path / "r.html")).texts()


def test_a_selector_has_its_blend_in_the_report(tmp_path):
    selector = AutoModelSelector("regression", ["ridge", "neighbors"], n_trials=4, cv=3, random_state=0)
    selector.fit(*load_diabetes(return_X_y=True))

    text = assert_stands_alone(write_report(selector, tmp_path / "r.html")).texts()

    assert all(member in text for member in selector.blend_weights_)


def test_a_comparison_has_a_report(tmp_path):
    methods = {"ours": OptunaSearchCV(SVC(), {"C": [0.1, 1, 10]}, cv=2), EVIL: FailingClassifier(a=9)}
    with pytest.warns(Warning, match="failed on 3 of the outer folds"):
        comparison = compare(methods, *load_iris(return_X_y=True), cv=3, random_state=0)

    path = write_report(comparison, tmp_path / "r.html")

    page = assert_stands_alone(path)
    assert comparison.verdict() in page.texts()
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

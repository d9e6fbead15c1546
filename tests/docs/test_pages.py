"""Every page's Python runs and prints what the page shows, and its links lead somewhere."""

import io
import logging
import re
import runpy
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

import pytest
import sklearn
from threadpoolctl import threadpool_limits

from tests.faults.nightly import at_night

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
MADE = {DOCS / "changes.md", *(DOCS / "benchmarks").glob("*"), *(DOCS / "_build").rglob("*.md")}  # by building the site
PAGES = [README, *sorted(set(DOCS.rglob("*.md")) - MADE)]

BLOCK = re.compile(r"^```python\n(.*?)^```$(?:\n\n```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)

# Pages whose Python takes longest; tests of the same things run by day.
SLOW = {
    DOCS / name
    for name in (
        "explanation/determinism.md",
        "explanation/honesty.md",
        "guides/compare.md",
        "guides/conversions.md",
        "guides/durability.md",
        "guides/early-stopping.md",
        "guides/examples.md",
        "guides/metrics.md",
        "guides/model-selection.md",
        "guides/objectives.md",
        "guides/other-frameworks.md",
        "guides/parallel.md",
        "guides/xgboost.md",
        "guides/cluster.md",
        "guides/plots.md",
        "guides/spaces.md",
        "guides/watching.md",
        "tutorials/nested-cv.md",
        "tutorials/raw-table.md",
    )
}


def parametrize(pages, slow=frozenset()):
    """Run a test with each page, with the slow ones at night."""
    params = [pytest.param(page, marks=[at_night] if page in slow else []) for page in pages]
    return pytest.mark.parametrize("page", params, ids=[page.relative_to(ROOT).as_posix() for page in pages])


each_page = parametrize(PAGES)


def text_of(page):
    return page.read_text(encoding="utf-8")


@parametrize(PAGES, SLOW)
def test_the_python_on_a_page_runs_from_top_to_bottom(page, tmp_path, monkeypatch):
    text = text_of(page)
    blocks = list(BLOCK.finditer(text))
    assert len(blocks) == text.count("```python"), "a block stands inside a list, or is not closed"
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__main__"}  # so that workers get functions by value, as from a script

    # Without the limit BLAS starts a thread per core for every small product, which takes ages on a busy machine.
    with sklearn.config_context(), threadpool_limits(1), restored_levels():
        for block in blocks:
            lines_before = text.count("\n", 0, block.start(1))  # so that a traceback points into the page
            printed = io.StringIO()
            with redirect_stdout(printed):
                exec(compile("\n" * lines_before + block[1], str(page), "exec"), namespace)
            if block[2] is not None:
                assert_shown(block[2], printed.getvalue())


@contextmanager
def restored_levels():
    """Give loggers the levels back that they had before a page that sets them: they are those of the whole process."""
    levels = {logger: logger.level for logger in (logging.getLogger(), logging.getLogger("sklearn_autotune"))}
    try:
        yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)


def assert_shown(shown, printed):
    """Compare what a page shows with what its block prints: the words exactly, and scores to a few per cent.

    Numbers with three decimals or more are scores and parameters. Others may be seconds, which nobody can repeat.
    """
    assert NUMBER.sub("#", shown).split() == NUMBER.sub("#", printed).split(), "python docs/show_output.py PAGE"
    for there, here in zip(NUMBER.findall(shown), NUMBER.findall(printed), strict=True):
        if len(there.partition(".")[2]) >= 3:
            assert float(here) == pytest.approx(float(there), rel=0.05, abs=0.01), (there, here)


def test_the_output_that_a_page_shows_can_be_written_anew():
    show_output = runpy.run_path(str(DOCS / "show_output.py"))["show_output"]
    page = "```python\nprint(1)\n```\n\n```text\nstale\n```\n\n```python\nprint(2)\n```\n\nText\n"

    assert show_output(page, "page") == page.replace("stale", "1")


def test_a_page_that_shows_another_score_than_its_block_prints_is_noticed():
    assert_shown("r2 0.496 in 3.1 s\n", "r2 0.497  in 0.2 s\n")
    with pytest.raises(AssertionError):
        assert_shown("r2 0.496\n", "r2 0.396\n")
    with pytest.raises(AssertionError):
        assert_shown("r2 0.496\n", "accuracy 0.496\n")


@each_page
def test_links_lead_to_a_page_and_a_heading_of_it(page):
    for target in LINK.findall(text_of(page)):
        if target.startswith(("https://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{target}: no such file"
        if anchor:
            assert anchor in [slug(heading) for heading in HEADING.findall(text_of(linked))], (
                f"{target}: no such heading"
            )


def slug(heading):
    """Name a heading as the usual Markdown renderers do."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_every_page_can_be_reached_from_the_index():
    index = DOCS / "index.md"
    linked = {(index.parent / target).resolve() for target in LINK.findall(text_of(index))}

    assert set(PAGES) - {index, README} <= linked


def test_every_import_of_the_reference_page_works():
    imports = re.findall(r"`(from sklearn_autotune\S* import \w+)`", text_of(DOCS / "reference" / "api.md"))

    assert len(imports) > 10
    for statement in imports:
        exec(statement, {})


def test_the_test_command_of_the_readme_is_the_one_that_ci_runs():
    commands = re.findall(r"^```sh\n(.*)\n```$", text_of(README), re.MULTILINE)
    tests = [command for command in commands if command.endswith("-m pytest -n 3 --dist worksteal")]

    assert len(tests) == 1
    assert tests[0] in text_of(ROOT / ".ci" / "run").splitlines()


def test_the_package_is_installed_in_the_same_way_on_all_pages():
    install = re.compile(r"^```sh\n((?:pip install )\S*)\n```$", re.MULTILINE)
    (command,) = install.findall(text_of(README))

    assert install.findall(text_of(DOCS / "installation.md")) == [command]
    for page in PAGES:
        for named in re.findall(r"pip install '?(sklearn-autotune)", text_of(page)):
            assert named in command or page.name == "contributing.md", f"{page}: {named} is not on the index yet"

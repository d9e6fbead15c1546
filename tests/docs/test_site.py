"""The site builds without a warning, all links in it lead somewhere, and the reference is complete and true."""

import inspect
import os
import re
import runpy
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from numpydoc import docscrape

import sklearn_autotune
from tests.faults.nightly import at_night

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference" / "api.md"
PUBLIC_MODULES = (
    "sklearn_autotune",
    "sklearn_autotune.exceptions",
    "sklearn_autotune.export",
    "sklearn_autotune.families",
    "sklearn_autotune.plotting",
    "sklearn_autotune.progress",
    "sklearn_autotune.report",
    "sklearn_autotune.runner",
    "sklearn_autotune.samplers",
    "sklearn_autotune.tracking",
)
NOT_PAGES = {
    "sklearn_autotune.__version__",
    "sklearn_autotune.families.FAMILIES",  # a tuple
    # For rooms of this package.
    "sklearn_autotune.families.fill_auto",
    "sklearn_autotune.families.find_known",
    "sklearn_autotune.families.select_families",
    "sklearn_autotune.families.find_parameter_prefix",
    "sklearn_autotune.families.get_exclusion_reason",
}


def public_names():
    names = [f"{module}.{name}" for module in PUBLIC_MODULES for name in import_module(module).__all__]
    return sorted(set(names) - NOT_PAGES)


def public(full_name):
    module, _, name = full_name.rpartition(".")
    return getattr(import_module(module), name)


def own_methods(kind):
    """Public methods that this package wrote."""
    for name, method in inspect.getmembers(kind, inspect.isroutine):
        if not name.startswith("_") and (getattr(method, "__module__", None) or "").startswith("sklearn_autotune"):
            yield name, method


# -- the docstrings, of which the reference is made ----------------------------------------------------------------


def listed(described, *sections):
    """Names in sections of a docstring, ``a, b : int`` being two."""
    entries = [entry.name for section in sections for entry in described[section]]
    return [name.strip().lstrip("*") for entry in entries for name in entry.split(",")]


def accepted(function):
    """Names of parameters; of ``**params`` it is for the docstring to say whether they have one."""
    names = list(inspect.signature(function).parameters)
    return names[1:] if names[:1] == ["self"] else names


@pytest.mark.parametrize("full_name", public_names())
def test_a_docstring_lists_the_parameters_there_are(full_name):
    thing = public(full_name)
    if isinstance(thing, type) and issubclass(thing, BaseException):
        assert thing.__doc__
        return
    described = docscrape.get_doc_object(thing)
    # What a user gets and never makes lists its fields as attributes.
    names = listed(described, "Parameters") or listed(described, "Attributes")

    assert described["Summary"]
    assert [name for name in names if name in accepted(thing)] == accepted(thing)
    assert set(listed(described, "Parameters")) <= set(accepted(thing))


@pytest.mark.parametrize("full_name", [name for name in public_names() if isinstance(public(name), type)])
def test_the_methods_of_a_class_list_the_parameters_there_are(full_name):
    for name, method in own_methods(public(full_name)):
        described = docscrape.get_doc_object(method)
        assert described["Summary"], name
        if described["Parameters"]:
            assert listed(described, "Parameters") == accepted(method), name


# -- the page that lists them --------------------------------------------------------------------------------------


def names_on_the_page():
    """Full name to what stands behind it: what is imported above a list is of the same module as the list."""
    text = REFERENCE.read_text(encoding="utf-8")
    found = {}
    for entry in re.finditer(r"^- `(\w+)`: (.*\n(?:  .*\n)*)", text, re.MULTILINE):
        module = re.findall(r"^`from (\S+) import", text[: entry.start()], re.MULTILINE)[-1]
        found[f"{module}.{entry[1]}"] = " ".join(entry[2].split())
    return found


def test_the_reference_lists_every_public_name():
    assert sorted(names_on_the_page()) == public_names()


@pytest.mark.parametrize("full_name", public_names())
def test_the_reference_says_of_a_name_what_its_docstring_says(full_name):
    summary = " ".join(docscrape.get_doc_object(public(full_name))["Summary"])

    assert names_on_the_page()[full_name] == summary.replace("``", "`")


def test_the_version_in_the_reference_is_not_written_by_hand():
    assert sklearn_autotune.__version__ not in REFERENCE.read_text(encoding="utf-8")


# -- what the blocks print -----------------------------------------------------------------------------------------


def load_conf():
    return runpy.run_path(str(ROOT / "docs" / "conf.py"))


def test_what_a_block_prints_is_shown_below_it(tmp_path):
    page = "A\n\n```python\nx = 1\n```\n\nB\n\n```python\nprint(x)\nprint(x + 1)\n```\n\nC\n"
    shown = page.replace("```\n\nC", "```\n\n```text\n1\n2\n```\n\nC")
    add_output = load_conf()["add_output"]

    assert add_output(page, "page", tmp_path) == shown
    assert add_output(shown.replace("1\n2", "stale"), "page", tmp_path) == shown
    with pytest.raises(ZeroDivisionError):
        add_output("```python\n1 / 0\n```\n", "page", tmp_path)


def test_the_value_of_the_last_line_of_a_block_is_shown_as_in_a_notebook(tmp_path):
    class_with_view = "```python\nclass View:\n    def _repr_html_(self):\n        return '<b>1</b>'\n```\n\n"
    page = class_with_view + "```python\nView()\n```\n\n```python\n1 + 1\n```\n\n```python\nNone\n```\n"
    shown = load_conf()["add_output"](page, "page", tmp_path)

    assert "View()\n```\n\n```{raw} html\n<b>1</b>\n```\n" in shown
    assert "1 + 1\n```\n\n```text\n2\n```\n" in shown
    assert shown.endswith("```python\nNone\n```\n")


@pytest.mark.parametrize(
    "code",
    [
        "from matplotlib.figure import Figure\n\nclass Display:\n    figure_ = Figure()\n\nDisplay()\n",
        "import matplotlib.pyplot as plt\n\nfigure, axes = plt.subplots()\naxes.set_title('a')\n",
    ],
    ids=["display", "pyplot"],
)
def test_a_figure_that_a_notebook_would_show_is_shown_below_the_block(code, tmp_path):
    page = f"```python\n{code}```\n"

    shown = f"{page.rstrip()}\n\n![figure-1](/output/page-figure-1.png)\n"
    assert load_conf()["add_output"](page, "page", tmp_path) == shown
    assert (tmp_path / "page-figure-1.png").exists()


def test_a_picture_that_a_block_draws_is_shown_below_it_once(tmp_path):
    draw = "```python\nfrom pathlib import Path\n\nPath('a.png').touch()\n```\n"
    add_output = load_conf()["add_output"]

    assert add_output(draw, "guides/page", tmp_path) == draw.rstrip() + "\n\n![a](/output/guides-page-a.png)\n"
    assert (tmp_path / "guides-page-a.png").exists()
    already = draw + "\n![mine](../images/a.png)\n"
    assert add_output(already, "guides/page", tmp_path) == already


# -- the site ------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """Where the links of a page lead, and what in it can be linked to."""

    def __init__(self, path):
        super().__init__()
        self.targets, self.anchors = [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value)
            elif name in ("href", "src") and value is not None:
                self.targets.append(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build in a copy of what the site is made of: a build writes pages beside those in the repository."""
    copy = tmp_path_factory.mktemp("site")
    shutil.copytree(
        ROOT / "docs",
        copy / "docs",
        ignore=shutil.ignore_patterns("_build", "generated", "output", "benchmarks", "changes.md", "names.rst"),
    )
    shutil.copytree(ROOT / "benchmarks" / "results", copy / "benchmarks" / "results")
    shutil.copy(ROOT / "CHANGELOG.md", copy)
    made = subprocess.run(
        [
            sys.executable,
            "-m",
            "sphinx",
            "-W",
            "--keep-going",
            "-n",
            "-q",
            "-D",
            "run_blocks=0",
            "-b",
            "html",
            "docs",
            "html",
        ],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert made.returncode == 0, made.stderr
    return copy / "html"


@at_night
def test_every_public_name_has_a_page_of_the_site(site):
    pages = {page.stem for page in (site / "reference" / "generated").glob("*.html")}

    assert pages == set(public_names())
    for name in public_names():
        assert name in Page(site / "reference" / "generated" / f"{name}.html").anchors


@at_night
def test_links_of_the_site_lead_to_what_is_there(site):
    pages = {path: Page(path) for path in site.rglob("*.html")}
    for path, page in pages.items():
        for target in page.targets:
            parts = urlsplit(target)
            if parts.scheme or not (parts.path or parts.fragment):
                continue
            linked = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert linked.exists(), f"{path.relative_to(site)}: {target}"
            if parts.fragment and linked in pages:
                assert unquote(parts.fragment) in pages[linked].anchors, f"{path.relative_to(site)}: {target}"


@at_night
def test_every_page_is_in_the_contents(site):
    index = {urlsplit(target).path for target in Page(site / "index.html").targets}
    for page in (ROOT / "docs").rglob("*.md"):
        name = page.relative_to(ROOT / "docs").with_suffix(".html").as_posix()
        if name.startswith(
            ("tutorials/", "guides/", "examples/", "explanation/", "reference/", "installation", "contributing")
        ):
            assert name in index

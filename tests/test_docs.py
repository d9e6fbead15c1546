"""Every page's Python runs, its links lead somewhere, and the reference says what the code says."""

import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest
import sklearn
from threadpoolctl import threadpool_limits

import sklearn_autotune
from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.families import auto_space

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
REFERENCE = ROOT / "docs" / "reference" / "api.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
PUBLIC_MODULES = (
    "sklearn_autotune",
    "sklearn_autotune.exceptions",
    "sklearn_autotune.export",
    "sklearn_autotune.plotting",
    "sklearn_autotune.progress",
    "sklearn_autotune.report",
    "sklearn_autotune.runner",
    "sklearn_autotune.samplers",
    "sklearn_autotune.tracking",
)

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def text_of(page):
    return page.read_text(encoding="utf-8")


# -- the pages -----------------------------------------------------------------------------------------------------


@each_page
def test_the_python_on_a_page_runs_from_top_to_bottom(page, tmp_path, monkeypatch):
    text = text_of(page)
    blocks = list(BLOCK.finditer(text))
    assert len(blocks) == text.count("```python"), "a block stands inside a list, or is not closed"
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__main__"}  # so that workers get functions by value, as from a script

    # Without the limit BLAS starts a thread per core for every small product, which takes ages on a busy machine.
    with sklearn.config_context(), threadpool_limits(1):
        for block in blocks:
            lines_before = text.count("\n", 0, block.start(1))  # so that a traceback points into the page
            exec(compile("\n" * lines_before + block[1], str(page), "exec"), namespace)


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
    index = ROOT / "docs" / "index.md"
    linked = {(index.parent / target).resolve() for target in LINK.findall(text_of(index))}

    assert set(PAGES) - {index, README} <= linked


def test_the_test_command_of_the_readme_is_the_one_that_ci_runs():
    commands = re.findall(r"^```sh\n(.*)\n```$", text_of(README), re.MULTILINE)
    tests = [command for command in commands if command.endswith("-m pytest")]

    assert len(tests) == 1
    assert tests[0] in text_of(ROOT / ".ci" / "run").splitlines()


# -- the reference -------------------------------------------------------------------------------------------------


def rows(heading):
    """Read the table under a heading of the reference: lists of cells, code marks removed."""
    section = re.split(rf"^### {heading}$", text_of(REFERENCE), flags=re.MULTILINE)[1].split("\n#")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


def without_types(function):
    signature = inspect.signature(function)
    parameters = [p.replace(annotation=p.empty) for p in signature.parameters.values() if p.name != "self"]
    return str(signature.replace(parameters=parameters, return_annotation=signature.empty))


def test_the_reference_lists_the_parameters_in_order_with_their_defaults():
    parameters = inspect.signature(OptunaSearchCV).parameters.values()
    actual = [(p.name, "" if p.default is p.empty else repr(p.default)) for p in parameters]

    assert [(name, default) for name, default, _ in rows("Parameters")] == actual


def test_the_reference_lists_the_methods_with_their_signatures():
    methods = {}
    for name in dir(OptunaSearchCV):
        if not name.startswith("_") and callable(getattr(OptunaSearchCV, name)):
            methods[name] = name + without_types(getattr(OptunaSearchCV, name))

    assert sorted(signature for signature, _ in rows("Methods")) == sorted(methods.values())


def test_the_reference_lists_the_attributes_of_the_docstring():
    section = inspect.getdoc(OptunaSearchCV).split("Attributes\n----------\n")[1].split("\n\n")[0]
    attributes = re.findall(r"^(\w+) ?:?.*$", re.sub(r"^ .*$", "", section, flags=re.MULTILINE), re.MULTILINE)

    assert [name for name, _ in rows("Attributes")] == attributes


def test_the_reference_has_a_heading_for_every_public_name():
    headings = HEADING.findall(text_of(REFERENCE))
    names = {name for module in PUBLIC_MODULES for name in import_module(module).__all__}

    assert {heading.strip("`").partition("(")[0] for heading in headings} >= names
    assert f"`auto_space{without_types(auto_space)}`" in headings


def test_the_reference_gives_the_signatures_of_samplers():
    for name in import_module("sklearn_autotune.samplers").__all__:
        sampler = getattr(import_module("sklearn_autotune.samplers"), name)
        assert f"`{name}{without_types(sampler)}`" in HEADING.findall(text_of(REFERENCE))


@pytest.mark.parametrize(
    "name",
    [
        "comparison.compare",
        "_summary.summarize",
        "report.write_report",
        "progress.MethodProgress",
        "progress.TrialProgress",
        "tracking.MLflowCallback",
        "tracking.log_comparison",
        "tracking.log_search",
    ],
)
def test_the_reference_gives_the_signatures_of_what_reads_searches(name):
    module, _, name = name.rpartition(".")
    public = getattr(import_module(f"sklearn_autotune.{module}"), name)

    assert f"`{name}{without_types(public)}`" in HEADING.findall(text_of(REFERENCE))


def test_the_reference_says_how_each_display_is_made():
    plotting = import_module("sklearn_autotune.plotting")
    text = text_of(REFERENCE)
    for name in plotting.__all__:
        kind = getattr(plotting, name)
        maker = "from_search" if hasattr(kind, "from_search") else "from_comparison"
        section = text.split(f"### `{name}`\n")[1].split("\n#")[0]

        assert f"`{maker}{without_types(getattr(kind, maker))}`" in section


def test_the_version_in_the_reference_is_not_written_by_hand():
    assert sklearn_autotune.__version__ not in text_of(REFERENCE)

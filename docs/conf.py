"""How the pages become a site: the Markdown as it stands, and a page for each public name, made from its docstring.

Nothing is said twice: the contents at the side are the lists of index.md, the reference is what the docstrings say.
"""

import ast
import io
import logging
import os
import re
import shutil
import sys
import warnings
from contextlib import chdir, contextmanager, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory

import sklearn
from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.transforms import SphinxTransform

import sklearn_autotune

os.environ.setdefault("MPLBACKEND", "Agg")  # for the figures of the blocks

project = "sklearn_autotune"
author = "the sklearn_autotune developers"
version = release = sklearn_autotune.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
exclude_patterns = ["_build", "reference/names.rst"]
templates_path = ["_templates"]
nitpicky = True
# Names of other packages cannot be looked up without a network; those of this one have to be found.
nitpick_ignore_regex = [("py:.*", r"(?!sklearn_autotune).*")]
default_role = "py:obj"  # what stands in single backticks is linked if it is a public name, and code if not

autosummary_generate = ["reference/names.rst"]  # written below
autosummary_ignore_module_all = False
autodoc_typehints = "none"  # numpydoc's sections say what a parameter may be, and more exactly
autodoc_default_options = {
    "members": True,
    # What scikit-learn, Optuna and Python give to every class of theirs is described there.
    "inherited-members": "BaseEstimator, MetaEstimatorMixin, CallbackSupportMixin, ClassifierMixin, RegressorMixin, "
    "BaseSampler, BaseException",
    "exclude-members": "get_metadata_routing, set_callbacks, set_fit_request, set_score_request",
}
numpydoc_show_class_members = False  # autodoc lists them in full

myst_heading_anchors = 4  # links to headings, as code hosts make them

html_theme = "furo"
html_title = f"sklearn_autotune {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False

DOCS = Path(__file__).parent
REFERENCE = DOCS / "reference" / "api.md"
RESULTS = DOCS.parent / "benchmarks" / "results"

NAMES = re.compile(r"(?:^- `\w+`: .*\n(?:  .*\n)*)+", re.MULTILINE)
BLOCK = re.compile(r"^```python\n(.*?)^```$(?:\n\n```text\n.*?^```$)?", re.MULTILINE | re.DOTALL)
SECTION = re.compile(r"^## (?P<heading>[^\n:]*)(?P<body>.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
PAGE = re.compile(r"^- \[[^\]]*\]\(([\w/-]+)\.md\)", re.MULTILINE)


def copy_pages(app):
    """Fetch the pages and pictures that live elsewhere in the repository, so that links lead to what is on the site."""
    (DOCS / "benchmarks").mkdir(exist_ok=True)
    for page in (*RESULTS.glob("*.md"), *RESULTS.glob("*.png")):
        shutil.copyfile(page, DOCS / "benchmarks" / page.name)
    shutil.copyfile(DOCS.parent / "CHANGELOG.md", DOCS / "changes.md")


def lead_to_the_copies(app, docname, source):
    """Let links lead to the copies; in the repository they lead to where the pages live."""
    source[0] = source[0].replace("](../../benchmarks/results/", "](../benchmarks/")
    source[0] = source[0].replace("](../benchmarks/results/", "](benchmarks/")
    source[0] = source[0].replace("](../CHANGELOG.md)", "](changes.md)")


def add_contents(app, docname, source):
    """Turn each list of pages in index.md into a part of the contents, which code hosts would show as a code block."""
    if docname != "index":
        return
    for section in SECTION.finditer(source[0]):
        lines = ["", "```{toctree}", ":hidden:", f":caption: {section['heading'].strip()}", ""]
        source[0] += "\n".join([*lines, *PAGE.findall(section["body"]), "```", ""])
    measured = sorted(f"benchmarks/{page.stem}" for page in RESULTS.glob("*.md"))
    source[0] += "\n".join(["", "```{toctree}", ":hidden:", ":caption: Measured", "", *measured, "```", ""])


def as_autosummary(text):
    """Turn the lists of names in the reference into tables that lead to a page for each."""

    def table(names):
        module = re.findall(r"^`from (\S+) import", text[: names.start()], re.MULTILINE)[-1]
        lines = [
            "",
            f".. currentmodule:: {module}",
            "",
            ".. autosummary::",
            "   :toctree: generated",
            "   :nosignatures:",
            "",
        ]
        return "\n".join([*lines, *(f"   {name}" for name in re.findall(r"^- `(\w+)`", names[0], re.MULTILINE)), "\n"])

    return NAMES.sub(lambda names: f"```{{eval-rst}}\n{table(names)}```\n", text)


def list_names(app):
    """Write the tables to a file: autosummary makes pages of what it finds in files, before any is read."""
    tables = re.findall(r"```\{eval-rst\}\n(.*?)```", as_autosummary(REFERENCE.read_text(encoding="utf-8")), re.DOTALL)
    (REFERENCE.parent / "names.rst").write_text("".join(tables), encoding="utf-8")


def show_tables(app, docname, source):
    """Show the tables in the place of the lists, which code hosts show."""
    if docname == "reference/api":
        source[0] = as_autosummary(source[0])


def show_output(app, docname, source):
    """Show below each block what it prints and draws, unless ``-D run_blocks=0`` is given: that takes some minutes."""
    if app.config.run_blocks and not docname.startswith("benchmarks/"):
        source[0] = add_output(source[0], docname)


def add_output(text, name, pictures=DOCS / "output"):
    """Run the blocks of a page from top to bottom, and put below each one what it prints and draws.

    Pictures are copied to the folder ``pictures``, which the site shows as ``/output``. Those that the page shows by
    itself, as ``images/NAME``, are not added a second time.
    """
    namespace = {"__name__": "__main__"}  # so that workers get functions by value, as from a script
    seen = set()

    def run(block):
        printed = io.StringIO()
        with redirect_stdout(printed), warnings.catch_warnings():
            last = run_as_a_cell(block[1], name, namespace)
        parts = [f"```python\n{block[1]}```"]
        if shown := printed.getvalue().rstrip():
            parts.append(f"```text\n{shown}\n```")
        open_figures = take_open_figures()
        figures = [last.figure_] if hasattr(last, "figure_") else open_figures
        if figures or type(last).__module__.startswith("matplotlib"):
            last = None  # a notebook shows the figure
        if hasattr(last, "_repr_html_"):
            parts.append(f"```{{raw}} html\n{last._repr_html_()}\n```")
        elif last is not None:
            parts.append(f"```text\n{last!r}\n```")
        written = set(Path().glob("*.png")) - seen
        for figure in () if written else figures:
            path = Path(f"figure-{len(seen) + len(written) + 1}.png")
            figure.savefig(path, dpi=80)
            written.add(path)
        seen.update(written)
        drawn = {path for path in written if f"images/{path.name}" not in text}
        for path in sorted(drawn):
            copy = f"{name.replace('/', '-')}-{path.name}"
            pictures.mkdir(exist_ok=True)
            shutil.copyfile(path, pictures / copy)
            parts.append(f"![{path.stem}](/output/{copy})")
        return "\n\n".join(parts)

    with TemporaryDirectory() as folder, chdir(folder), sklearn.config_context(), unchanged_logging():
        return BLOCK.sub(run, text)


def take_open_figures():
    """Return the figures that pyplot holds open, and close them."""
    if "matplotlib.pyplot" not in sys.modules:
        return []
    pyplot = sys.modules["matplotlib.pyplot"]
    figures = [pyplot.figure(number) for number in pyplot.get_fignums()]
    pyplot.close("all")
    return figures


@contextmanager
def unchanged_logging():
    """Take back what a page does to the root logger, so that later pages do not log."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    try:
        yield
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers


def run_as_a_cell(code, name, namespace):
    """Run a block as a notebook does, and return the value of its last line if that is an expression."""
    tree = ast.parse(code, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec"), namespace)
    return None if last is None else eval(compile(ast.Expression(last.value), name, "eval"), namespace)


class NamesLeadToTheReference(SphinxTransform):
    """Link public names that stand as code in a sentence; code hosts show them as code."""

    default_priority = 500

    def apply(self, **kwargs):
        """Wrap each such name in a reference; those that the package does not have are left alone."""
        for code in list(self.document.findall(nodes.literal)):
            name = code.astext()
            if name in sklearn_autotune.__all__ and not isinstance(code.parent, (nodes.reference, pending_xref)):
                link = pending_xref(
                    "",
                    refdomain="py",
                    reftype="obj",
                    reftarget=f"sklearn_autotune.{name}",
                    refwarn=True,
                    refexplicit=True,
                )
                code.replace_self(link)
                link += code


def setup(app):
    """Connect what is above."""
    app.add_transform(NamesLeadToTheReference)
    app.connect("builder-inited", copy_pages)
    app.connect("source-read", lead_to_the_copies)
    app.connect("builder-inited", list_names, priority=100)  # before autosummary does its work
    app.connect("source-read", add_contents)
    app.connect("source-read", show_tables)
    app.add_config_value("run_blocks", True, "env", [bool])
    app.connect("source-read", show_output)

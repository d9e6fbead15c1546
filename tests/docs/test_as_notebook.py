"""A page of the documentation becomes a notebook with the same text and code."""

import json
import runpy
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
SCRIPT = DOCS / "as_notebook.py"
PAGES = sorted((DOCS / "examples").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_of_a_page_is_a_cell_of_its_notebook(page, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), str(page), str(tmp_path / "page.ipynb")])

    runpy.run_path(str(SCRIPT), run_name="__main__")

    notebook = json.loads((tmp_path / "page.ipynb").read_text(encoding="utf-8"))
    cells = notebook["cells"]
    text = page.read_text(encoding="utf-8")
    assert [cell["cell_type"] for cell in cells].count("code") == text.count("```python")
    assert cells[0]["source"][0] == text.splitlines(keepends=True)[0]
    assert all("".join(cell["source"]) in text and "```" not in "".join(cell["source"]) for cell in cells)
    assert len({cell["id"] for cell in cells}) == len(cells)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)

"""Turn a page of the documentation into a notebook: its text as Markdown cells, its Python blocks as code cells.

``python docs/as_notebook.py docs/examples/text.md [text.ipynb]``; without a second name it lies beside the page.
"""

import json
import re
import sys
from pathlib import Path

BLOCK = re.compile(r"^```python\n(.*?)\n```$", re.MULTILINE | re.DOTALL)


def make_notebook(text):
    """Return the notebook of a page, as the dict that an .ipynb file holds."""
    cells = []
    for number, part in enumerate(BLOCK.split(text)):  # the parts between and in the blocks take turns
        source = part.strip()
        if number % 2:
            cells.append(make_cell("code", source, len(cells)) | {"execution_count": None, "outputs": []})
        elif source:
            cells.append(make_cell("markdown", source, len(cells)))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def make_cell(kind, source, number):
    """Return what cells of both kinds have."""
    return {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": source.splitlines(keepends=True)}


def main(page, notebook=None):
    """Write the notebook of a page."""
    path = Path(notebook or Path(page).with_suffix(".ipynb"))
    path.write_text(json.dumps(make_notebook(Path(page).read_text(encoding="utf-8")), indent=1), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Write what the blocks of a page print into the text blocks below them: ``python docs/show_output.py README.md``.

Only blocks that have a text block right below them are changed; the tests compare the two.
"""

import io
import re
import sys
from contextlib import chdir, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory

BLOCK = re.compile(r"^```python\n(.*?)^```$(\n\n```text\n.*?^```$)?", re.MULTILINE | re.DOTALL)


def show_output(text, name):
    """Return the text of a page with the present output of its blocks."""
    namespace = {"__name__": "__main__"}

    def run(block):
        printed = io.StringIO()
        with redirect_stdout(printed):
            exec(compile(block[1], name, "exec"), namespace)
        return (
            block[0] if block[2] is None else f"```python\n{block[1]}```\n\n```text\n{printed.getvalue().rstrip()}\n```"
        )

    with TemporaryDirectory() as folder, chdir(folder):
        return BLOCK.sub(run, text)


def main(pages):
    """Rewrite the pages."""
    for page in map(Path, pages):
        page.write_text(show_output(page.read_text(encoding="utf-8"), page.name), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

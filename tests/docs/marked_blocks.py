"""The blocks of a page that begin with ```` ```py ```` and the packages to install, which the extra `test` lacks."""

import re
import warnings
from pathlib import Path

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
BLOCK = re.compile(r"^```(?P<kind>python|py\n# pip install (?P<package>[\w-]+)[^\n]*)\n(?P<code>.*?)^```$", re.M | re.S)


def list_packages(page):
    """The packages that blocks of a page name."""
    return {found["package"] for found in BLOCK.finditer((GUIDES / page).read_text(encoding="utf-8"))} - {None}


def read_blocks(page, package, *, with_others):
    """The blocks of a package, each with the line where it begins; ``with_others`` also those that need no package."""
    text = (GUIDES / page).read_text(encoding="utf-8")
    wanted = (package, None) if with_others else (package,)
    blocks = [found for found in BLOCK.finditer(text) if found["package"] in wanted]
    return [(text.count("\n", 0, found.start("code")), found["code"]) for found in blocks]


def run_blocks(page, package, *, with_others=False):
    """Run the blocks of a package, and return their names."""
    namespace = {"__name__": "__main__"}
    with warnings.catch_warnings():
        for line, code in read_blocks(page, package, with_others=with_others):
            exec(compile("\n" * line + code, page, "exec"), namespace)
    return namespace

"""What the package says about itself: the oldest versions that are tested are the oldest that are allowed."""

import re
import tomllib
from pathlib import Path

from packaging.version import Version

ROOT = Path(__file__).parents[1]


def test_the_oldest_versions_that_are_tested_are_the_oldest_that_are_allowed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    allowed = dict(dependency.split(">=") for dependency in project["dependencies"])
    tested = dict(
        re.findall(r"^([\w-]+)==(\S+)$", (ROOT / ".ci" / "oldest.txt").read_text(encoding="utf-8"), re.MULTILINE)
    )

    assert {name: Version(version) for name, version in tested.items()} == {
        name: Version(version) for name, version in allowed.items()
    }

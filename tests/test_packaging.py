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


# Not below the first versions without published faults: skops CVE-2025-54886, PyMySQL CVE-2024-36039, Dask's
# distributed CVE-2026-23528, MLflow CVE-2026-2614, CVE-2026-2652 and CVE-2026-0545 (up to 3.10.1).
FIRST_SAFE_VERSIONS = {"skops": "0.13", "pymysql": "1.1.1", "mlflow": "3.12", "distributed": "2026.1"}


def test_optional_packages_are_newer_than_their_published_security_advisories():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    allowed = [dependency.split(">=") for extra in extras.values() for dependency in extra if ">=" in dependency]
    found = {name for name, version in allowed if name in FIRST_SAFE_VERSIONS}

    assert found == set(FIRST_SAFE_VERSIONS)
    for name, version in allowed:
        assert name not in FIRST_SAFE_VERSIONS or Version(version) >= Version(FIRST_SAFE_VERSIONS[name])

"""What the package says about itself: versions, extras, addresses, and how the package index shows README.md."""

import re
import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

import sklearn_autotune

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
REPOSITORY = PROJECT["urls"]["Source"]


def test_the_oldest_versions_that_are_tested_are_the_oldest_that_are_allowed():
    allowed = dict(dependency.split(">=") for dependency in PROJECT["dependencies"])
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
    allowed = [dependency.split(">=") for extra in EXTRAS.values() for dependency in extra if ">=" in dependency]
    found = {name for name, version in allowed if name in FIRST_SAFE_VERSIONS}

    assert found == set(FIRST_SAFE_VERSIONS)
    for name, version in allowed:
        assert name not in FIRST_SAFE_VERSIONS or Version(version) >= Version(FIRST_SAFE_VERSIONS[name])


# -- extras ---------------------------------------------------------------------------------------------------------


def test_a_package_has_the_same_oldest_version_in_every_extra():
    requirements = [Requirement(line) for extra in EXTRAS.values() for line in extra]
    bounds = {}
    for requirement in requirements:
        bounds.setdefault(requirement.name, set()).add(str(requirement.specifier))

    assert {name: versions for name, versions in bounds.items() if len(versions) > 1} == {}


def test_the_extra_all_has_every_extra_that_adds_something_to_the_package():
    for_developers = {"all", "test", "docs", "bench", "demo", "ecosystem"}

    assert Requirement(EXTRAS["all"][0]).extras == set(EXTRAS) - for_developers


# -- README.md on the package index ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def build():
    """The file that Hatchling runs when the package is built."""
    pytest.importorskip("hatchling", reason="builds the package; the extra `test` has it")
    spec = spec_from_file_location("hatch_build", ROOT / ".ci" / "hatch_build.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[spaces](docs/spaces.md#sets)", "[spaces](HOST/blob/v1.0/docs/spaces.md#sets)"),
        ("[`compare`](./docs/compare.md)", "[`compare`](HOST/blob/v1.0/docs/compare.md)"),
        ("![Times](results/times.png)", "![Times](HOST/raw/v1.0/results/times.png)"),
        ("[![Times](times.png)](docs/times.md)", "[![Times](HOST/raw/v1.0/times.png)](HOST/blob/v1.0/docs/times.md)"),
        ('<img src="times.svg" width="600">', '<img src="HOST/raw/v1.0/times.svg" width="600">'),
        ('<a href="docs/index.md">', '<a href="HOST/blob/v1.0/docs/index.md">'),
        ("[install](#installing)", "[install](HOST/blob/v1.0/README.md#installing)"),
        ("[docs]: docs/index.md", "[docs]: HOST/blob/v1.0/docs/index.md"),
    ],
)
def test_a_relative_link_of_the_readme_leads_to_the_repository_on_the_package_index(build, text, expected):
    assert build.make_links_absolute(text, "HOST", "v1.0") == expected


@pytest.mark.parametrize(
    "text",
    [
        "[scikit-learn](https://scikit-learn.org)",
        "[mail](mailto:someone@example.org)",
        "`functions[0](data)`",
        "```python\nfunctions[0](data)\n```",
    ],
)
def test_code_and_absolute_links_of_the_readme_are_left_alone(build, text):
    assert build.make_links_absolute(text, "HOST", "v1.0") == text


@pytest.mark.parametrize(
    ("version", "ref"),
    [("0.1.0", "v0.1.0"), ("1.2.0rc1", "v1.2.0rc1"), ("0.2.0.dev0", "main"), ("0.1.0+local", "main")],
)
def test_links_lead_to_the_tag_of_a_release_and_to_the_main_branch_before_it(build, version, ref):
    assert build.choose_ref(version) == ref


def test_the_description_of_the_package_is_the_readme_with_links_to_the_repository(build):
    metadata = {"urls": PROJECT["urls"], "version": "0.1.0"}

    build.ReadmeHook(str(ROOT), {}).update(metadata)

    text = metadata["readme"]["text"]
    assert f"]({REPOSITORY}/blob/v0.1.0/docs/" in text
    assert "](docs/" not in text


# -- addresses and versions -----------------------------------------------------------------------------------------


def test_addresses_of_the_package_are_those_that_pyproject_names():
    files = [ROOT / "CITATION.cff", *(path for path in (ROOT / ".github").rglob("*") if path.is_file())]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    owners = re.findall(r"@(\S+)/\S+", (ROOT / ".github" / "CODEOWNERS").read_text(encoding="utf-8"))
    urls = PROJECT["urls"]

    assert all(urls[name].startswith(f"{REPOSITORY}/") for name in ("Issues", "Changelog"))
    assert set(re.findall(r"https://[\w./-]*sklearn-autotune[\w./-]*", text)) == {REPOSITORY, urls["Documentation"]}
    assert set(owners) == {REPOSITORY.split("/")[-2]}


def test_the_citation_names_the_version_and_the_license_of_the_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))

    assert citation["version"] == sklearn_autotune.__version__
    assert citation["license"] == PROJECT["license"]

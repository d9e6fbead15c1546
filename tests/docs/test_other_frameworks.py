"""Blocks for packages that the extra `test` does not bring run where the packages are installed."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.docs.marked_blocks import BLOCK, GUIDES, list_packages, run_blocks

ROOT = Path(__file__).parents[2]
PAGE = "other-frameworks.md"
PACKAGES = ("hyperopt", "flaml", "tpot")
WHERE = "python -m tests.ecosystem.page installs it, and runs its blocks"


@pytest.mark.parametrize(("page", "packages"), [(PAGE, set(PACKAGES)), ("compare.md", {"scikit-survival"})])
def test_each_block_that_does_not_run_everywhere_names_what_to_install(page, packages):
    text = (GUIDES / page).read_text(encoding="utf-8")

    n_blocks = len(re.findall("^```py(thon)?$", text, re.MULTILINE))
    assert len(list(BLOCK.finditer(text))) == n_blocks
    assert list_packages(page) == packages


def test_only_what_the_tests_do_not_bring_is_left_out_of_them():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]

    packages = (*PACKAGES, "scikit-survival")
    assert [package for package in packages if any(one.startswith(package) for one in extras["test"])] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_the_blocks_of_a_framework_run_and_it_takes_part(package, tmp_path, monkeypatch):
    pytest.importorskip(package, reason=WHERE)
    monkeypatch.chdir(tmp_path)

    comparison = run_blocks(PAGE, package, with_others=True)["comparison"]

    rows = [row for row in comparison.rows if row["method"] == package]
    assert len(rows) == comparison.n_folds
    assert [row["error"] for row in rows] == [None] * len(rows)
    assert all(row["score"] > 0.7 for row in rows)


def test_the_block_for_survival_models_runs():
    pytest.importorskip("sksurv", reason=WHERE)

    assert run_blocks("compare.md", "scikit-survival")["survival"].metric == "concordance_index_censored"

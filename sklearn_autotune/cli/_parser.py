"""Reads the command line. The message about a mistake suggests a similar word, and is JSON too with --json."""

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from sklearn_autotune._compat.messages import make_encodable, suggest_name

__all__ = ["CommandParser", "UsageError", "exit_with_usage", "print_error"]

EXIT_CANNOT_START = 2


class UsageError(Exception):
    """The command line cannot be understood.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        The parser of the command, or of the whole command line if there is no such command.
    message : str
    """

    def __init__(self, parser: argparse.ArgumentParser, message: str) -> None:
        super().__init__(message)
        self.usage = parser.format_usage()
        self.program = parser.prog


class CommandParser(argparse.ArgumentParser):
    """A parser that raises `UsageError` instead of exiting the process.

    Attributes
    ----------
    commands : mapping of str to ArgumentParser
        The parser of each command, by its name.
    """

    commands: Mapping[str, argparse.ArgumentParser]

    def error(self, message: str) -> NoReturn:
        """Raise UsageError."""
        raise UsageError(self, message)

    def read(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Read a command line.

        Raises
        ------
        UsageError
            If it cannot be understood. The message suggests a similar command or option.
        """
        name = next((argument for argument in arguments if not argument.startswith("-")), None)
        if name is not None and name not in self.commands:
            self.error(_describe_unknown_command(name, self.commands))
        args, unknown = self.parse_known_args(arguments)
        if unknown:
            command = self.commands[args.name]
            raise UsageError(command, _describe_unknown_argument(unknown[0], command))
        return args


def _describe_unknown_command(name: str, commands: Mapping[str, argparse.ArgumentParser]) -> str:
    if name.endswith((".yaml", ".yml")):
        return f"there is no command {name!r}; to search as this file describes, write 'run' before it"
    if name == "help":
        return "there is no command 'help'; write --help, also after a command"
    return f"there is no command {name!r}{suggest_name(name, commands)}"


def _describe_unknown_argument(argument: str, command: argparse.ArgumentParser) -> str:
    if not argument.startswith("-"):
        return f"{argument!r} is one argument too many"
    option, _, _ = argument.partition("=")
    key = option.lstrip("-").replace("-", "_")
    if key in _list_config_keys():
        return f"there is no option {option}; it is a key of the YAML file: write '{key}: …' there"
    known = dict.fromkeys(re.findall(r"--[a-z][a-z-]*", command.format_help()))
    return f"there is no option {option}{suggest_name(option, known)}"


def _list_config_keys() -> list[str]:
    """List the keys of a YAML file; the import is here, because only a mistake needs them."""
    try:
        from sklearn_autotune.runner._config import Config
    except ImportError:  # the extra run is not installed
        return []
    return list(Config.model_fields)


def exit_with_usage(error: UsageError, arguments: Sequence[str]) -> NoReturn:
    """Print why a command line cannot be understood, and exit with 2."""
    sys.stderr.write(error.usage)
    print_error(str(error), as_json="--json" in arguments, program=error.program)
    sys.exit(EXIT_CANNOT_START)


def print_error(message: str, *, as_json: bool, program: str | None = None) -> None:
    """Print an error on the standard error, and with ``as_json`` also as JSON on the standard output."""
    if as_json:
        sys.stdout.write(json.dumps({"error": message}, indent=2) + "\n")
    start = "error" if program is None else f"{program}: error"
    sys.stderr.write(make_encodable(f"{start}: {message}\n"))

"""Optional packages: the error if one is missing, and the versions of those that are installed."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from sklearn_autotune._compat import optional
from sklearn_autotune._compat.optional import format_install_command, get_versions, import_onnx_parser, import_optional


def test_a_missing_package_is_named_with_what_needs_it():
    with pytest.raises(ImportError, match="Drawing needs no_such_package: pip install no_such_package"):
        import_optional("no_such_package.part", "Drawing")


def test_a_module_inside_a_package_is_returned():
    import json.decoder

    assert import_optional("json.decoder", "Reading") is json.decoder


def test_the_parser_of_skl2onnx_is_that_by_which_it_parses_a_model():
    skl2onnx = pytest.importorskip("skl2onnx")

    parse = import_onnx_parser("Conversion")

    assert (parse.__module__.partition(".")[0], parse.__name__) == (skl2onnx.__name__, "parse_sklearn")


def test_the_packages_of_an_extra_are_named_with_their_versions():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = {name: packages for name, packages in project["optional-dependencies"].items() if name in ("run", "plot")}

    for extra, packages in extras.items():
        command = format_install_command(extra)
        assert command.startswith("pip install '")
        assert sorted(re.findall("'(.*?)'", command)) == sorted(packages)


def test_versions_are_those_that_are_installed_in_the_order_asked_for():
    assert get_versions(["scipy", "no-such-package", "numpy"]) == {"scipy": version("scipy"), "numpy": version("numpy")}


def test_a_package_is_found_under_its_other_name(monkeypatch):
    monkeypatch.setattr(optional, "OTHER_NAMES", {"no-such-package": "numpy"})

    assert get_versions(["no-such-package"]) == {"no-such-package": version("numpy")}

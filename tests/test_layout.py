"""Every module has a test file of the same name, in the folder of the same name; the top level has no other files."""

from pathlib import Path

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "sklearn_autotune"

# Each file of these folders describes models or steps, or draws one figure. A few files test all of them.
SHEETS = ("families", "spaces", "plotting")


def test_every_module_has_a_test_file_of_its_name():
    modules = [path for path in PACKAGE.rglob("*.py") if path.stem != "__init__" and path.parent.name not in SHEETS]
    without = {
        path.relative_to(PACKAGE).as_posix()
        for path in modules
        if not (TESTS / path.parent.relative_to(PACKAGE) / f"test_{path.stem.removeprefix('_')}.py").exists()
    }

    assert len(modules) > 100
    assert without == set(), "write tests/<room>/test_<module>.py"


def test_no_test_file_is_longer_than_500_lines():
    lengths = {path.relative_to(TESTS).as_posix(): len(path.read_text().splitlines()) for path in TESTS.rglob("*.py")}

    assert {name: length for name, length in lengths.items() if length > 500} == {}


def test_the_top_level_has_no_other_files():
    expected = {"CHANGELOG.md", "CITATION.cff", "LICENSE", "README.md", "pyproject.toml"}

    assert {
        path.name for path in TESTS.parent.iterdir() if path.is_file() and not path.name.startswith(".")
    } <= expected

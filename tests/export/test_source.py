"""Expressions are laid out in lines, and a definition of the package is copied with everything that it uses."""

from sklearn_autotune.export._expressions import ExpressionWriter
from sklearn_autotune.export._source import SourceCollector, render


def test_a_long_call_has_a_line_for_each_part():
    long = ["a" * 40, "b" * 40, "c" * 40]

    code = render(ExpressionWriter().write(long, "value"), indent=4)

    assert code.splitlines() == ["[", *(f'        "{text}",' for text in long), "    ]"]


def test_a_definition_of_the_package_brings_what_it_uses():
    sources = SourceCollector()

    assert sources.add_definition("sklearn_autotune.export._script_ensemble", "BlendedRegressor") == "BlendedRegressor"

    code = "\n".join(sources.definitions)
    assert code.index("class BaseBlended") < code.index("class BlendedRegressor")
    assert "class TableReader" in code
    assert not [line for line in sources.imports if "sklearn_autotune" in line]
    compile("\n".join([*sources.imports, code]), "script.py", "exec")

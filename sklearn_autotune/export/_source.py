"""Expressions with parts, their layout in lines, and definitions that are copied from this package."""

import ast
import inspect
from dataclasses import dataclass
from importlib import import_module

__all__ = ["PACKAGE", "Expression", "SourceCollector", "render"]

PACKAGE = __name__.partition(".")[0]
MAX_WIDTH = 110


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression with an opening text, parts that have a prefix each (such as ``name=``), and a closing text."""

    opening: str
    parts: tuple[tuple[str, "Expression | str"], ...]
    closing: str
    needs_comma: bool = False

    def write_flat(self) -> str:
        """Return the expression on one line."""
        inner = ", ".join(
            before + (part if isinstance(part, str) else part.write_flat()) for before, part in self.parts
        )
        return self.opening + inner + ("," if self.needs_comma else "") + self.closing


def render(node: Expression | str, indent: int = 0, before: int = 0) -> str:
    """Return an expression as code: on one line if it fits, otherwise with one part per line.

    Parameters
    ----------
    node : Expression or str
    indent : int, default=0
        The number of spaces at the start of its first line.
    before : int, default=0
        The number of characters between these spaces and the expression.

    Returns
    -------
    code : str

    Examples
    --------
    >>> print(render(Expression("f(", (("a=", "1"), ("b=", Expression("[", (("", "2"), ("", "3")), "]"))), ")")))
    f(a=1, b=[2, 3])
    """
    if isinstance(node, str):
        return node
    write_flat = node.write_flat()
    if indent + before + len(write_flat) < MAX_WIDTH or not node.parts:
        return write_flat
    pad = " " * (indent + 4)
    lines = [f"{pad}{name}{render(part, indent + 4, len(name))},\n" for name, part in node.parts]
    return f"{node.opening}\n{''.join(lines)}{' ' * indent}{node.closing}"


class SourceCollector:
    """Collects definitions of this package that are copied into a script, with everything that they use and import.

    Attributes
    ----------
    definitions : list of str
        The source code; each definition comes after those that it uses.
    imports : set of str
        The import statements that the definitions need.
    """

    def __init__(self) -> None:
        self.definitions: list[str] = []
        self.imports: set[str] = set()
        self._module_of_name: dict[str, str] = {}

    def get_defined_names(self) -> list[str]:
        """Return the names that the definitions have in the script."""
        return list(self._module_of_name)

    def add_definition(self, module: str, name: str) -> str:
        """Add a definition and everything that it uses, and return its name.

        Raises
        ------
        ValueError
            If a definition of the same name has been added from another module.
        """
        if name in self._module_of_name:
            if self._module_of_name[name] != module:
                raise ValueError(
                    f"Both {module} and {self._module_of_name[name]} define {name}. A script can contain only one."
                )
            return name
        text = inspect.getsource(import_module(module))
        tree = ast.parse(text)
        statement = _find_imports(tree).get(name)
        if statement is not None:
            self._add_import(statement, name)
            return name
        self._module_of_name[name] = module
        definition = _find_definitions(tree)[name]
        self._add_used_definitions(definition, tree, module, name)
        self.definitions.append(_extract_source(text, definition))
        return name

    def _add_used_definitions(self, definition: ast.stmt, tree: ast.Module, module: str, own_name: str) -> None:
        defined, imported = _find_definitions(tree), _find_imports(tree)
        used = {node.id for node in ast.walk(definition) if isinstance(node, ast.Name)}
        for name in sorted(used - {own_name}):
            if name in defined:
                self.add_definition(module, name)
            elif name in imported:
                self._add_import(imported[name], name)

    def _add_import(self, statement: ast.Import | ast.ImportFrom, name: str) -> None:
        (alias,) = [alias for alias in statement.names if (alias.asname or alias.name) == name]
        renamed = f" as {alias.asname}" if alias.asname else ""
        if isinstance(statement, ast.Import):
            self.imports.add(f"import {alias.name}{renamed}")
        elif (statement.module or "").partition(".")[0] == PACKAGE:
            self.add_definition(statement.module or "", alias.name)
        else:
            self.imports.add(f"from {statement.module} import {alias.name}{renamed}")


def _find_definitions(tree: ast.Module) -> dict[str, ast.stmt]:
    defined: dict[str, ast.stmt] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                defined |= {part.id: node for part in ast.walk(target) if isinstance(part, ast.Name)}
    return defined


def _find_imports(tree: ast.Module) -> dict[str, ast.Import | ast.ImportFrom]:
    statements = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    return {alias.asname or alias.name: node for node in statements for alias in node.names}


def _extract_source(text: str, definition: ast.stmt) -> str:
    """Return the source code of a definition, with its decorators."""
    decorators = getattr(definition, "decorator_list", [])
    first = min([definition.lineno, *(decorator.lineno for decorator in decorators)])
    return "\n".join(text.splitlines()[first - 1 : definition.end_lineno])

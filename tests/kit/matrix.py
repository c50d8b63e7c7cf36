"""The fault matrix in two places: the tests that carry its cases, and the page about them."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "reliability.md"
CASES = range(1, 44)

_ROW = re.compile(r"^\| (\d+) \|[^|]*\|[^|]*\| (.+) \|$", re.MULTILINE)
_TEST = re.compile(r"`([^`]+)`")


def marked_tests() -> Mapping[int, set[str]]:
    """The tests marked with each case, as `file::name` without the folder."""
    found: defaultdict[int, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                for case in _cases(node):
                    found[case].add(f"{path.name}::{node.name}")
    return found


def rows_of_page() -> Mapping[int, set[str]]:
    """The tests that the page names for each case."""
    page = PAGE.read_text(encoding="utf-8")
    return {int(number): set(_TEST.findall(tests)) for number, tests in _ROW.findall(page)}


def _cases(function: ast.FunctionDef) -> Iterator[int]:
    for decorator in function.decorator_list:
        match decorator:
            case ast.Call(func=ast.Attribute(attr="case"), args=[ast.Constant(value=int(number))]):
                yield number

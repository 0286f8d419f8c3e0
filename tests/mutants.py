"""Automatic mutants of a function's source: one operator, number, comparison, axis, name or call changed at a time."""

import ast
import copy
from collections.abc import Iterator

SWAPS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
# Attributes and functions that learners take one for the other.
NAMES = {
    "amax": "amin",
    "max": "min",
    "min": "max",
    "argmax": "argmin",
    "sum": "mean",
    "mean": "sum",
    "tril": "triu",
    "triu": "tril",
    "ones": "zeros",
    "zeros": "ones",
    "any": "all",
    "all": "any",
    "exp": "abs",
    "log": "abs",
    "sigmoid": "tanh",
    "cumsum": "cumprod",
    "append": "remove",
    "keys": "values",
}


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """What a node may become."""
    for field in ("op",):
        if type(getattr(node, field, None)) in SWAPS:
            yield _with(node, op=SWAPS[type(node.op)]())
    if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
        yield _with(node, ops=[SWAPS[type(node.ops[0])](), *node.ops[1:]])
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert | ast.Not | ast.USub):
        yield node.operand
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield _with(node, value=not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield _with(node, value=node.value + 1)
        yield _with(node, value=node.value - 1)
    if isinstance(node, ast.Attribute) and node.attr in NAMES:
        yield _with(node, attr=NAMES[node.attr])
    if isinstance(node, ast.Attribute) and node.attr in ("mT", "T"):
        yield node.value
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        yield _with(node, test=ast.Constant(isinstance(node, ast.IfExp)))


def _with(node: ast.AST, **fields: object) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return ast.copy_location(changed, node)


class _Replace(ast.NodeTransformer):
    """Puts one node in the place of another, found by its number in the walk."""

    def __init__(self, target: ast.AST, other: ast.AST):
        self.target, self.other = target, other

    def visit(self, node: ast.AST) -> ast.AST:
        return self.other if node is self.target else self.generic_visit(node)


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """(what was changed, the changed source) for each change in the bodies of the functions of a source.

    Docstrings, annotations and default values stay. The description has no line number, so that an allow-list survives
    a change elsewhere; what occurs twice is numbered.
    """
    seen: dict[str, int] = {}
    tree = ast.parse(source)
    for number, node in enumerate(ast.walk(tree)):
        if not _counts(tree, node):
            continue
        for place, _ in enumerate(changes(node)):
            fresh = ast.parse(source)
            target = list(ast.walk(fresh))[number]
            other = list(changes(target))[place]
            before = ast.unparse(target) if isinstance(target, ast.expr) else ast.unparse(target).split("\n")[0]
            after = ast.unparse(other).split("\n")[0]
            name = f"{before} -> {after}"
            seen[name] = seen.get(name, 0) + 1
            name += f" ({seen[name]})" if seen[name] > 1 else ""
            yield name, ast.unparse(ast.fix_missing_locations(_Replace(target, other).visit(fresh)))


def _counts(tree: ast.Module, node: ast.AST) -> bool:
    """Whether a node stands in the body of a function, and is no docstring."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            body = function.body[1:] if ast.get_docstring(function) else function.body
            if any(node is inner for statement in body for inner in ast.walk(statement)):
                return True
    return False

"""The language of `when` and `until`: `classify.label == 'billing' and not exists(error)`.

Comparisons, `and`, `or`, `not`, `in`, `exists(path)`, `length(path)`, paths, numbers, texts, lists,
`true`, `false` and `null`. Read with Python's own parser and walked here; nothing is ever executed.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from llm_orc.domain.json import JsonValue

_LONGEST = 2000
_DEEPEST = 50
_WORDS: dict[str, JsonValue] = {
    "true": True, "false": False, "null": None, "True": True, "False": False, "None": None,
}  # fmt: skip
_Values: TypeAlias = Mapping[str, JsonValue]
_Term: TypeAlias = Callable[[_Values], JsonValue]


class ConditionFault(ValueError):
    """A condition that cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class CheckedCondition:
    """A condition that was read without faults."""

    source: str
    names: frozenset[str]
    term: _Term

    def holds(self, values: Mapping[str, JsonValue]) -> bool:
        return bool(self.term(values))


def compile_condition(source: str) -> CheckedCondition:
    """Raises `ConditionFault`."""
    if len(source) > _LONGEST:
        raise ConditionFault(f"a condition has at most {_LONGEST} characters")
    try:
        tree = ast.parse(source.strip(), mode="eval")
    except SyntaxError as error:
        raise ConditionFault(f"this is not a condition: {error.msg}") from error
    except (RecursionError, MemoryError, ValueError) as error:
        raise ConditionFault("this condition cannot be read") from error
    reader = _Reader()
    term = reader.read(tree.body)
    return CheckedCondition(source, frozenset(reader.names), term)


def all_of(conditions: Sequence[CheckedCondition]) -> CheckedCondition | None:
    """The condition that holds where each of these does; None where there is none."""
    if len(conditions) < 2:
        return conditions[0] if conditions else None
    terms = [condition.term for condition in conditions]
    return CheckedCondition(
        source=" and ".join(f"({condition.source.strip()})" for condition in conditions),
        names=frozenset[str]().union(*(condition.names for condition in conditions)),
        term=lambda values: all(bool(term(values)) for term in terms),
    )


class _Reader:
    """Turns a syntax tree into functions of the values, and collects the names that they read."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self._depth = 0

    def read(self, node: ast.expr) -> _Term:
        """The meaning of one part. Raises `ConditionFault` for what is not in the language."""
        reads: Callable[[ast.expr], _Term | None] | None = getattr(self, f"_{type(node).__name__}", None)
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ConditionFault(f"a condition is at most {_DEEPEST} levels deep")
        term = reads(node) if reads is not None else None
        self._depth -= 1
        if term is None:
            raise ConditionFault(f"{ast.unparse(node)!r} is not part of the language of conditions")
        return term

    def _Constant(self, node: ast.Constant) -> _Term | None:  # noqa: N802 - named as in `ast`
        value = node.value
        if value is not None and not isinstance(value, str | int | float):
            return None
        return lambda values: value

    def _Name(self, node: ast.Name) -> _Term:  # noqa: N802
        if node.id in _WORDS:
            return lambda values: _WORDS[node.id]
        self.names.add(node.id)
        return lambda values: values.get(node.id)

    def _Attribute(self, node: ast.Attribute) -> _Term:  # noqa: N802
        base = self.read(node.value)
        return lambda values: _member(base(values), node.attr)

    def _Subscript(self, node: ast.Subscript) -> _Term | None:  # noqa: N802
        base, key = self.read(node.value), getattr(node.slice, "value", None)
        return (lambda values: _member(base(values), key)) if isinstance(key, str | int) else None

    def _List(self, node: ast.List | ast.Tuple) -> _Term:  # noqa: N802
        terms = [self.read(part) for part in node.elts]
        return lambda values: [term(values) for term in terms]

    _Tuple = _List

    def _BoolOp(self, node: ast.BoolOp) -> _Term:  # noqa: N802
        terms = [self.read(part) for part in node.values]
        every = all if isinstance(node.op, ast.And) else any
        return lambda values: every(bool(term(values)) for term in terms)

    def _UnaryOp(self, node: ast.UnaryOp) -> _Term | None:  # noqa: N802
        if isinstance(node.op, ast.Not):
            term = self.read(node.operand)
            return lambda values: not term(values)
        number = getattr(node.operand, "value", None)
        if isinstance(node.op, ast.USub) and isinstance(number, int | float):
            return lambda values: -number
        return None

    def _Compare(self, node: ast.Compare) -> _Term:  # noqa: N802
        return _comparison([self.read(part) for part in (node.left, *node.comparators)], node.ops)

    def _Call(self, node: ast.Call) -> _Term | None:  # noqa: N802
        apply = _FUNCTIONS.get(getattr(node.func, "id", ""))
        if apply is None or len(node.args) != 1 or node.keywords:
            return None
        term = self.read(node.args[0])
        return lambda values: apply(term(values))


def _comparison(terms: Sequence[_Term], ops: Sequence[ast.cmpop]) -> _Term:
    tests = [_COMPARE.get(type(op)) for op in ops]
    if None in tests:
        raise ConditionFault("compare with ==, !=, <, <=, >, >=, in or not in")

    def compare(values: _Values) -> bool:
        found = [term(values) for term in terms]
        return all(
            test(left, right)
            for test, left, right in zip(tests, found, found[1:], strict=False)
            if test is not None
        )

    return compare


def _member(value: JsonValue, key: str | int) -> JsonValue:
    """A key of an object or a place of a list; null where there is none."""
    if isinstance(key, str):
        return value.get(key) if isinstance(value, Mapping) else None
    if isinstance(value, str) or not isinstance(value, Sequence) or not -len(value) <= key < len(value):
        return None
    return value[key]


def _length(value: JsonValue) -> int:
    return len(value) if isinstance(value, Sequence | Mapping) else 0


def _in(left: JsonValue, right: JsonValue) -> bool:
    if isinstance(right, str):
        return isinstance(left, str) and left in right
    if isinstance(right, Mapping):
        return isinstance(left, str) and left in right
    return isinstance(right, Sequence) and left in right


def _ordered(test: Callable[[Any, Any], bool]) -> Callable[[JsonValue, JsonValue], bool]:
    def compare(left: JsonValue, right: JsonValue) -> bool:
        """Numbers with numbers and texts with texts; anything else is not in order."""
        for kind in (str, int | float):
            if isinstance(left, kind) and isinstance(right, kind):
                return test(left, right)
        return False

    return compare


_FUNCTIONS: dict[str, Callable[[JsonValue], JsonValue]] = {
    "exists": lambda value: value is not None,
    "length": _length,
}
_COMPARE: dict[type[ast.cmpop], Callable[[JsonValue, JsonValue], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: _ordered(operator.lt),
    ast.LtE: _ordered(operator.le),
    ast.Gt: _ordered(operator.gt),
    ast.GtE: _ordered(operator.ge),
    ast.In: _in,
    ast.NotIn: lambda left, right: not _in(left, right),
}

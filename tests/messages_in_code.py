"""The messages that the code of a half can print, read from its syntax tree.

A message is the text of an error or warning where it is made. What only a run knows is `…`. Followed are f-strings, `%` and
`+`, both branches of conditions, local names, constants, texts that a function returns, and parameters to their call sites.
"""

from __future__ import annotations

import ast
import builtins
import itertools
import re
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

UNKNOWN = "…"
MOST = 400
"""Texts that one expression may stand for; what has more is `…`."""

DEEPEST = 8
"""Names and functions that are followed, one to the next."""

LOGGED = re.compile(r"((self|cls)\.)?_?logger\.(warning|error|exception|critical)")
BUILTIN = frozenset(
    name
    for name, kind in vars(builtins).items()
    if isinstance(kind, type) and issubclass(kind, Exception) and kind is not AssertionError
)

Function = ast.FunctionDef | ast.AsyncFunctionDef
Texts = frozenset[str]
NOTHING_KNOWN: Texts = frozenset({UNKNOWN})


@dataclass(frozen=True)
class Message:
    """A text that the code can print, and where it is made."""

    place: str
    text: str


@dataclass(frozen=True)
class Scope:
    """Where an expression stands: its module and functions, the innermost first; what is known of their parameters."""

    module: str
    functions: tuple[Function, ...] = ()
    bound: Mapping[str, tuple[ast.expr, Scope]] | None = None
    seen: frozenset[object] = frozenset()


class Half:
    """One package: its functions, classes, constants and calls by name."""

    def __init__(self, package: Path) -> None:
        self._imports: dict[tuple[str, str], str] = {}
        self._functions: dict[str, list[tuple[Function, Scope]]] = defaultdict(list)
        self._classes: dict[str, ast.ClassDef] = {}
        self._homes: dict[str, str] = {}
        self._constants: dict[tuple[str, str], list[ast.expr]] = defaultdict(list)
        self._calls: dict[str, list[tuple[ast.Call, Scope]]] = defaultdict(list)
        self._raised: set[ast.Call] = set()
        self._made: list[tuple[str, ast.Call, Scope]] = []
        self.literals: list[str] = []
        """Each text of the code, as it stands there."""
        for module in sorted(package.rglob("*.py")):
            place = module.relative_to(package.parent)
            name = ".".join(place.with_suffix("").parts).removesuffix(".__init__")
            self._read(ast.parse(module.read_text()), str(place), Scope(name))

    def _read(self, node: ast.AST, place: str, scope: Scope) -> None:
        for child in ast.iter_child_nodes(node):
            self._note(child, place, scope)
            inner = scope
            if isinstance(child, Function):
                inner = replace(scope, functions=(child, *scope.functions))
            elif not scope.functions:
                for name, value in _assigned(child):
                    self._constants[scope.module, name].append(value)
            self._read(child, place, inner)

    def _note(self, node: ast.AST, place: str, scope: Scope) -> None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._functions[node.name].append((node, scope))
            case ast.ClassDef(name=name):
                self._classes[name], self._homes[name] = node, scope.module
            case ast.ImportFrom(names=names):
                for each in names:
                    self._imports[scope.module, each.asname or each.name] = f"{node.module}.{each.name}"
            case ast.Raise(exc=ast.Call() as call):
                self._raised.add(call)
            case ast.Call(func=called):
                self._calls[_name(called)].append((node, scope))
                self._made.append((f"{place}:{node.lineno}", node, scope))
            case ast.Constant() | ast.JoinedStr():
                parts = node.values if isinstance(node, ast.JoinedStr) else [node]
                texts = (str(part.value) if isinstance(part, ast.Constant) else UNKNOWN for part in parts)
                self.literals.append(" ".join(re.sub("%[sd]", UNKNOWN, "".join(texts)).split()))

    def messages(self) -> Iterator[Message]:
        """Give each text of each error and warning."""
        for place, call, scope in self._made:
            texts = [self._error(name, call, scope) for name in self._errors(call, scope)]
            if LOGGED.fullmatch(ast.unparse(call.func)):
                texts.append(self._logged(call, scope))
            yield from (Message(place, " ".join(text.split())) for text in sorted(frozenset().union(*texts)))

    def _is_error(self, name: str) -> bool:
        """Whether a class is an error. An `AssertionError` is a defect, which is for the log."""
        bases = self._classes[name].bases if name in self._classes else []
        return name in BUILTIN or any(map(self._is_error, map(_name, bases)))

    def _errors(self, call: ast.Call, scope: Scope) -> set[str]:
        """Give the classes of errors that a call makes one of; a local name may stand for them."""
        wanted = _name(call.func)
        values = [
            value
            for function in scope.functions
            for each in ast.walk(function)
            for name, value in _assigned(each)
            if name == wanted and isinstance(value, ast.IfExp)
        ]
        chosen = {_name(part) for value in values for part in (value.body, value.orelse)}
        if (
            call in self._raised
            and not chosen
            and wanted not in self._functions
            and wanted != "AssertionError"
        ):
            return {wanted}
        return set(filter(self._is_error, {wanted, *chosen}))

    # What a call makes

    def _logged(self, call: ast.Call, scope: Scope) -> Texts:
        values = iter([self._texts(value, scope) for value in call.args[1:]])
        return _union(_filled(text, values) for text in self._texts(call.args[0], scope))

    def _error(self, name: str, call: ast.Call, scope: Scope) -> Texts:
        """Give the text of a new error: that of its `__str__`, of its `__init__`, or its arguments."""
        if (written := self._method(name, "__str__")) is not None:
            return self._returned(written, Scope("", (written,), {}, scope.seen))
        init = self._method(name, "__init__")
        if init is None:
            return _joined([self._texts(value, scope) for value in call.args], " ")
        owner = self._owner(name, init)
        inner = Scope(self._homes[owner.name], (init,), self._bound(init, call, scope), scope.seen)
        for node in ast.walk(init):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "super().__init__":
                base = next(filter(self._is_error, map(_name, owner.bases)), "Exception")
                return self._error(base, node, inner)
        return NOTHING_KNOWN

    def _method(self, name: str, wanted: str) -> Function | None:
        for owner in self._family(name):
            for node in owner.body:
                if isinstance(node, Function) and node.name == wanted:
                    return node
        return None

    def _owner(self, name: str, method: Function) -> ast.ClassDef:
        return next(owner for owner in self._family(name) if method in owner.body)

    def _family(self, name: str) -> Iterator[ast.ClassDef]:
        if name in self._classes:
            yield self._classes[name]
            for base in self._classes[name].bases:
                yield from self._family(_name(base))

    def _bound(self, function: Function, call: ast.Call, scope: Scope) -> dict[str, tuple[ast.expr, Scope]]:
        parameters = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
        if parameters[:1] in (["self"], ["cls"]):
            parameters = parameters[1:]
        given = itertools.takewhile(lambda value: not isinstance(value, ast.Starred), call.args)
        bound = {name: (value, scope) for name, value in zip(parameters, given, strict=False)}
        return bound | {each.arg: (each.value, scope) for each in call.keywords if each.arg}

    # What an expression stands for

    def _texts(self, node: ast.expr | None, scope: Scope) -> Texts:
        """Give every text that an expression can stand for."""
        found = self._literal(node, scope) if len(scope.seen) < DEEPEST else NOTHING_KNOWN
        return found if 0 < len(found) <= MOST else NOTHING_KNOWN

    def _literal(self, node: ast.expr | None, scope: Scope) -> Texts:  # noqa: C901, PLR0911 - a case each
        match node:
            case ast.Constant(value=None):
                return frozenset({""})
            case ast.Constant(value=str(text)):
                return frozenset({text})
            case ast.JoinedStr(values=parts):
                return _joined([self._texts(part, scope) for part in parts])
            case ast.FormattedValue(value=value) | ast.NamedExpr(value=value):
                return self._texts(value, scope)
            case ast.BinOp(op=ast.Add()):
                return _joined([self._texts(node.left, scope), self._texts(node.right, scope)])
            case ast.BinOp(op=ast.Mod()):
                values = node.right.elts if isinstance(node.right, ast.Tuple) else [node.right]
                filled = iter([self._texts(value, scope) for value in values])
                return _union(_filled(text, filled) for text in self._texts(node.left, scope))
            case ast.IfExp():
                return self._texts(node.body, scope) | self._texts(node.orelse, scope)
            case ast.BoolOp(values=values):
                return _union(self._texts(value, scope) for value in values)
            case ast.Subscript(value=value) | ast.Call(func=ast.Attribute(value=value, attr="get")):
                return self._entries(value, scope)
            case ast.Call():
                return self._called(node, scope)
            case ast.Name(id=name):
                return self._named(name, scope)
            case _:
                return NOTHING_KNOWN

    def _entries(self, node: ast.expr, scope: Scope) -> Texts:
        """Give the texts that a table or list, which has a name, holds."""
        texts: list[Texts] = []
        for value in self._constants.get(self._origin(node, scope.module), ()):
            if isinstance(value, ast.Dict):
                texts += [self._texts(each, scope) for each in value.values]
        return _union(texts)

    def _called(self, call: ast.Call, scope: Scope) -> Texts:
        name = _name(call.func)
        if name == "str" and call.args:
            return self._texts(call.args[0], scope)
        if isinstance(call.func, ast.Attribute):
            if name == "format":
                return frozenset(
                    re.sub(r"{[^}]*}", UNKNOWN, text) for text in self._texts(call.func.value, scope)
                )
            if name == "join" and isinstance(call.args[0], ast.List | ast.Tuple):
                (separator, *_) = self._texts(call.func.value, scope)
                return _joined([self._texts(each, scope) for each in call.args[0].elts], separator)
        texts = []
        for function, outer in self._meant(call.func, scope.module):
            if _is_text(function.returns) and function not in scope.seen:
                chain, seen = (function, *outer.functions), scope.seen | {function}
                inner = Scope(outer.module, chain, self._bound(function, call, scope), seen)
                texts.append(self._returned(function, inner))
        return _union(texts)

    def _origin(self, node: ast.expr, module: str) -> tuple[str, str]:
        """Give the module that a name is of, and its name there."""
        if isinstance(node, ast.Attribute):
            owner = _name(node.value)
            return module if owner in {"self", "cls"} else self._imports.get((module, owner), ""), node.attr
        home, _, name = self._imports.get((module, _name(node)), f"{module}.{_name(node)}").rpartition(".")
        return home, name

    def _meant(self, node: ast.expr, module: str) -> list[tuple[Function, Scope]]:
        """Give the functions that a call may mean: a method's class is not known, so each of its name."""
        home, name = self._origin(node, module)
        named = self._functions.get(name, [])
        found = [(function, scope) for function, scope in named if scope.module == home]
        return found or (named if isinstance(node, ast.Attribute) else [])

    def _returned(self, function: Function, scope: Scope) -> Texts:
        returns = (node for node in ast.walk(function) if isinstance(node, ast.Return) and node.value)
        return _union(self._texts(node.value, scope) for node in returns)

    def _named(self, name: str, scope: Scope) -> Texts:
        """Give what a name stands for: a parameter, a local name or a constant."""
        if scope.bound and name in scope.bound:
            value, outer = scope.bound[name]
            return self._texts(value, replace(outer, seen=scope.seen))
        if (name, scope.functions) in scope.seen:
            return NOTHING_KNOWN
        inner = replace(scope, seen=scope.seen | {(name, scope.functions)})
        for function in scope.functions:
            values = [
                value for node in ast.walk(function) for wanted, value in _assigned(node) if wanted == name
            ]
            if values:
                texts = _union(self._texts(value, inner) for value in values)
                added = [self._texts(value, inner) for value in _appended(function, name)]
                return _joined([texts, *({"", *more} for more in added)])
            if name in _stored(function):
                return NOTHING_KNOWN
            parameters = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
            for parameter in parameters:
                if parameter.arg == name:
                    return (
                        self._passed(function, name, inner)
                        if _is_text(parameter.annotation)
                        else NOTHING_KNOWN
                    )
        origin = self._origin(ast.Name(name), scope.module)
        there = Scope(origin[0], seen=inner.seen)
        return _union(self._texts(value, there) for value in self._constants.get(origin, ()))

    def _passed(self, function: Function, name: str, scope: Scope) -> Texts:
        """Give what the callers of a function pass for a parameter."""
        if scope.bound is not None or function.name == "__init__":
            return NOTHING_KNOWN  # its default, or what makes an object, whose class is not followed
        texts = []
        for call, where in self._calls.get(function.name, ()):
            if function not in (meant for meant, _ in self._meant(call.func, where.module)):
                continue
            caller = replace(where, seen=scope.seen)
            value, at = self._bound(function, call, caller).get(name, (None, caller))
            texts.append(self._texts(value, at) if value is not None else NOTHING_KNOWN)
        return _union(texts)


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _is_text(annotation: ast.expr | None) -> bool:
    return annotation is not None and "str" in ast.unparse(annotation).split(" | ")


def _assigned(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Give each name that a statement gives a value, and the value."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _unpacked(target, value)
        case (
            ast.AnnAssign(target=target, value=ast.expr() as value)
            | ast.NamedExpr(target=target, value=value)
        ):
            yield from _unpacked(target, value)
        case ast.For(target=target, iter=ast.Tuple(elts=values) | ast.List(elts=values)):
            for value in values:
                yield from _unpacked(target, value)
        case _:
            return


def _unpacked(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for each, part in zip(target.elts, value.elts, strict=True):
            yield from _unpacked(each, part)


def _stored(function: Function) -> set[str]:
    """Give the names that a function itself gives a value, in whatever way."""
    nodes = list(ast.walk(function))
    caught = {node.name for node in nodes if isinstance(node, ast.ExceptHandler) and node.name}
    return caught | {
        node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def _appended(function: Function, name: str) -> Iterator[ast.expr]:
    for node in ast.walk(function):
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) and node.target.id == name:
            yield node.value


def _joined(parts: Iterable[Iterable[str]], separator: str = "") -> Texts:
    """Give every way to write parts one after the other; a part with too many texts is `…`."""
    whole: Texts = frozenset({""})
    for number, part in enumerate(parts):
        texts = frozenset(part)
        if len(texts) * len(whole) > MOST:
            texts = NOTHING_KNOWN
        before = separator if number else ""
        whole = frozenset(f"{start}{before}{end}" for start, end in itertools.product(whole, texts))
    return whole


def _filled(text: str, values: Iterator[Texts]) -> Texts:
    parts = re.split(r"(%[-+ 0-9.]*[sdrfi])", text)
    return _joined([next(values, NOTHING_KNOWN) if part.startswith("%") else {part} for part in parts])


def _union(texts: Iterable[Texts]) -> Texts:
    return frozenset().union(*texts) or NOTHING_KNOWN

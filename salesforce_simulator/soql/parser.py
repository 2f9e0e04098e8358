"""From the text of a query to its syntax tree."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path as FilePath
from typing import Any, NoReturn

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedToken, v_args

from salesforce_simulator.soql import syntax
from salesforce_simulator.soql.errors import SoqlError, at
from salesforce_simulator.soql.relative_dates import NAMES, NAMES_WITH_NUMBER

MAX_LENGTH = 100_000
"""Characters that a query may have (SOQL and SOSL limits)."""

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|[\s\S])", re.ASCII)


class _InvalidValueError(Exception):
    def __init__(self, position: int, problem: str) -> None:
        super().__init__(problem)
        self.position = position
        self.problem = problem


def _unescape(token: Token) -> str:
    r"""Undo the escapes of a string literal, but leave `\_` and `\%`, which only LIKE can tell apart."""

    def replace(match: re.Match[str]) -> str:
        code = match[1]
        if code in "_%":
            return match[0]
        plain = chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPES.get(code.lower())
        if plain is None:
            position = (token.start_pos or 0) + match.start() + 1
            raise _InvalidValueError(position, f"Illegal escape sequence '\\{code}'")
        # A backslash stays doubled, as LIKE's own escape; readers without LIKE undo it.
        return "\\\\" if plain == "\\" else plain

    text = _ESCAPE.sub(replace, token[1:-1])
    # Escapes name UTF-16 units: pairs make one character, and half a pair makes none.
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


@v_args(inline=True)
class _Builder(Transformer[Token, Any]):
    """Builds the tree bottom-up while the parser reduces, so that no parse tree is kept."""

    def start(self, query: syntax.Query) -> syntax.Query:
        return query

    def query(
        self, select_token: Token, items: Any, _from: Token, tables: Any, *clauses: Any
    ) -> syntax.Query:
        query = syntax.Query(items, tables)
        query.positions["select"] = select_token.start_pos or 0
        for name, position, value in clauses:
            query.positions[name] = position
            if value is not None:
                setattr(query, name, value)
        return query

    def select_list(self, *items: syntax.SelectItem) -> tuple[syntax.SelectItem, ...]:
        return items

    table_list = select_list
    path_list = select_list
    arguments = select_list
    value_list = select_list

    def column(self, expression: syntax.Expression, alias: Token | None = None) -> syntax.Column:
        return syntax.Column(expression, alias and str(alias), (alias and alias.start_pos) or 0)

    def alias(self, name: Token) -> Token:
        return name

    def child(self, query: syntax.Query) -> syntax.Child:
        return syntax.Child(query, query.positions["select"])

    def type_of(self, token: Token, path: syntax.Path, *rest: Any) -> syntax.TypeOf:
        branches = tuple(item for item in rest if isinstance(item, tuple) and item[0] != "else")
        otherwise = next((item[1] for item in rest if isinstance(item, tuple) and item[0] == "else"), ())
        return syntax.TypeOf(path, branches, otherwise, token.start_pos or 0)

    def when(
        self, _when: Token, path: syntax.Path, _then: Token, paths: tuple[syntax.Path, ...]
    ) -> tuple[Any, Any]:
        return path, paths

    def otherwise(self, _else: Token, paths: tuple[syntax.Path, ...]) -> tuple[str, Any]:
        return "else", paths

    def path(self, *names: Token) -> syntax.Path:
        return syntax.Path(tuple(map(str, names)), names[0].start_pos or 0)

    def call(self, name: Token, arguments: tuple[syntax.Expression, ...] = ()) -> syntax.Call:
        return syntax.Call(str(name), arguments, name.start_pos or 0)

    def table(self, path: syntax.Path, *alias: Token) -> syntax.Table:
        return syntax.Table(path, str(alias[-1]) if alias else None)

    def using(self, token: Token, _scope: Token, name: Token) -> tuple[str, int, str]:
        scope = name.lower()
        if scope not in ("everything", "mine"):
            raise _InvalidValueError(name.start_pos or 0, f"Invalid scope: {name}")
        return "scope", token.start_pos or 0, scope

    def where(self, token: Token, condition: syntax.Condition) -> tuple[str, int, Any]:
        return "where", token.start_pos or 0, condition

    def having(self, token: Token, condition: syntax.Condition) -> tuple[str, int, Any]:
        return "having", token.start_pos or 0, condition

    def all_of(self, *terms: Any) -> syntax.And:
        return syntax.And(terms[::2])

    def any_of(self, *terms: Any) -> syntax.Or:
        return syntax.Or(terms[::2])

    def none_of(self, _not: Token, term: syntax.Condition) -> syntax.Not:
        return syntax.Not(term)

    def operator(self, token: Token) -> str:
        return "!=" if token == "<>" else str(token)

    def compare(self, left: syntax.Expression, operator: str, right: syntax.Literal) -> syntax.Comparison:
        return syntax.Comparison(left, operator, right, left.position)

    def like(self, left: syntax.Expression, _like: Token, right: syntax.Literal) -> syntax.Comparison:
        return syntax.Comparison(left, "like", right, left.position)

    def in_list(self, values: Any) -> Any:
        return values

    def in_(self, left: syntax.Expression, _in: Token, right: Any) -> syntax.Comparison:
        return syntax.Comparison(left, "in", right, left.position)

    def not_in(self, left: syntax.Expression, _not: Token, _in: Token, right: Any) -> syntax.Comparison:
        return syntax.Comparison(left, "not in", right, left.position)

    def includes(self, left: syntax.Expression, _token: Token, right: Any) -> syntax.Comparison:
        return syntax.Comparison(left, "includes", right, left.position)

    def excludes(self, left: syntax.Expression, _token: Token, right: Any) -> syntax.Comparison:
        return syntax.Comparison(left, "excludes", right, left.position)

    def string(self, token: Token) -> syntax.Literal:
        return syntax.Literal("string", _unescape(token), token.start_pos or 0)

    def number(self, token: Token) -> syntax.Literal:
        return syntax.Literal("number", Decimal(str(token)), token.start_pos or 0)

    def datetime(self, token: Token) -> syntax.Literal:
        return syntax.Literal("datetime", str(token).upper(), token.start_pos or 0)

    def date(self, token: Token) -> syntax.Literal:
        return syntax.Literal("date", str(token), token.start_pos or 0)

    def time(self, token: Token) -> syntax.Literal:
        return syntax.Literal("time", str(token).upper(), token.start_pos or 0)

    def relative(self, token: Token) -> syntax.Literal:
        name, _, _number = token.upper().partition(":")
        position = token.start_pos or 0
        if name not in NAMES_WITH_NUMBER:
            raise _InvalidValueError(position + len(name), "Bind variables only allowed in Apex code")
        return syntax.Literal("relative", token.upper(), position)

    def word(self, token: Token) -> syntax.Literal:
        position = token.start_pos or 0
        word = token.upper()
        if word == "NULL":
            return syntax.Literal("null", None, position)
        if word in ("TRUE", "FALSE"):
            return syntax.Literal("boolean", word == "TRUE", position)
        if word in NAMES:
            return syntax.Literal("relative", word, position)
        raise _InvalidValueError(position, f"unexpected token: '{token}'")

    def group(self, token: Token, _by: Token, *expressions: syntax.Expression) -> tuple[str, int, Any]:
        return "group_by", token.start_pos or 0, expressions

    def order(self, token: Token, _by: Token, *orderings: syntax.Ordering) -> tuple[str, int, Any]:
        return "order_by", token.start_pos or 0, orderings

    def ordering(self, expression: syntax.Expression, *modifiers: str) -> syntax.Ordering:
        return syntax.Ordering(expression, "desc" in modifiers, "last" in modifiers)

    def direction(self, token: Token) -> str:
        return token.lower()

    def nulls(self, _nulls: Token, token: Token) -> str:
        return token.lower()

    def limit(self, token: Token, number: Token) -> tuple[str, int, int]:
        return "limit", token.start_pos or 0, _whole(number)

    def offset(self, token: Token, number: Token) -> tuple[str, int, int]:
        return "offset", token.start_pos or 0, _whole(number)

    def for_view(self, token: Token, *_: Token) -> tuple[str, int, None]:
        return "for_view", token.start_pos or 0, None

    def for_update(self, token: Token, *_: Token) -> tuple[str, int, None]:
        return "for_update", token.start_pos or 0, None

    def update(self, token: Token, *_: Token) -> tuple[str, int, None]:
        return "update", token.start_pos or 0, None

    def all_rows(self, token: Token, *_: Token) -> tuple[str, int, None]:
        return "all_rows", token.start_pos or 0, None


def _whole(token: Token) -> int:
    if not token.isdigit():
        raise _InvalidValueError(token.start_pos or 0, f"unexpected token: '{token}'")
    return int(token)


@cache
def _grammar() -> Lark:
    """The grammar's parser; making it takes a quarter of a second, which an org's start does not wait for."""
    return Lark(
        (FilePath(__file__).parent / "grammar.lark").read_text(encoding="utf-8"),
        parser="lalr",
        transformer=_Builder(),
    )


@lru_cache(maxsize=512)
def parse(text: str) -> syntax.Query:
    """Parse a query into its syntax tree, which callers share: not to be changed.

    Raises:
        SoqlError: MALFORMED_QUERY, with the place; SOQL over 100,000 characters likewise, without one.
    """
    if len(text) > MAX_LENGTH:
        raise SoqlError("MALFORMED_QUERY", f"SOQL statements cannot be longer than {MAX_LENGTH} characters.")
    if not text.strip():
        raise SoqlError("MALFORMED_QUERY", "A query string has to be specified")
    try:
        query: syntax.Query = _grammar().parse(text)  # type: ignore[assignment]
    except UnexpectedToken as error:
        _refuse_token(text, error)
    except UnexpectedCharacters as error:
        _refuse_character(text, error.pos_in_stream or 0)
    except _InvalidValueError as error:
        raise at(text, error.position, "MALFORMED_QUERY", error.problem) from None
    return query


_HALF_DATETIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?![\d+Zz-])")


def _refuse_token(text: str, error: UnexpectedToken) -> NoReturn:
    token = error.token
    if token.type == "$END":
        raise at(text, len(text), "MALFORMED_QUERY", "unexpected token: '<EOF>'") from None
    position = token.start_pos or 0
    for half in _HALF_DATETIME.finditer(text):
        # A "+" of an offset that was not URL-encoded arrives as a blank; the message names the character.
        if half.start() <= position <= half.end():
            _refuse_lexeme(text, half.end())
    raise at(text, position, "MALFORMED_QUERY", f"unexpected token: '{token}'") from None


def _refuse_character(text: str, position: int) -> NoReturn:
    character = text[position]
    if character == ":":
        raise at(text, position, "MALFORMED_QUERY", "Bind variables only allowed in Apex code") from None
    if character == "'":
        row, column = _place(text, len(text))
        problem = f"line {row}:{column} mismatched character '<EOF>' expecting '''"
        raise at(text, len(text) - 1, "MALFORMED_QUERY", problem) from None
    if word := re.match(r"\w+|[=<>!]+|[().,]", text[position:]):
        raise at(text, position, "MALFORMED_QUERY", f"unexpected token: '{word[0]}'") from None
    _refuse_lexeme(text, position)


def _refuse_lexeme(text: str, position: int) -> NoReturn:
    """Refuse a character of which no token can be made; Salesforce's caret then stands one place to the left."""
    row, column = _place(text, position)
    character = text[position] if position < len(text) else "<EOF>"
    problem = f"line {row}:{column} no viable alternative at character '{character}'"
    raise at(text, max(position - 1, 0), "MALFORMED_QUERY", problem) from None


def _place(text: str, position: int) -> tuple[int, int]:
    return text.count("\n", 0, position) + 1, position - (text.rfind("\n", 0, position) + 1)

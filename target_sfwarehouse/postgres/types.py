"""From JSON schema to Postgres types, and from a column's type to a wider one. The rules in prose: docs/types.md."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from target_sfwarehouse.errors import BadSchemaError, shown
from target_sfwarehouse.postgres.alternatives import type_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

BIGINT_DIGITS = 19
BIGINT_RANGE = (-(2**63), 2**63 - 1)
MAX_VARCHAR = 10_485_760
MAX_PRECISION = 1000
MICROSECONDS = 6
SQL_TYPE = "x-sql-datatype"
"""Keyword by which a schema asks for a column's type."""

FORMATS = {
    "date-time": "timestamp with time zone",
    "date": "date",
    "time": "time without time zone",
    "uuid": "uuid",
    "x-singer.decimal": "numeric",
    "singer.decimal": "numeric",
}
DOUBLE_FORMATS = frozenset({"double", "float"})
"""OpenAPI's words for a binary number. A plain `number` is decimal, as JSON writes it."""

_JSON_TYPES = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    Decimal: "number",
    list: "array",
    type(None): "null",
}

_FAMILIES = {
    "text": "text",
    "character varying": "text",
    "character": "text",
    "citext": "text",
    "name": "text",
    "boolean": "boolean",
    "smallint": "integer",
    "integer": "integer",
    "bigint": "integer",
    "numeric": "number",
    "real": "number",
    "double precision": "number",
    "json": "json",
    "jsonb": "json",
    "bytea": "bytes",
}
_ASKED = re.compile(
    r"(?P<name>[a-z_][\w.$]*(?: (?!with)[a-z_]\w*)*?) ?(?P<arguments>\([\w ,-]*\))?(?P<zone> with(?:out)? time zone)?"
    r"(?P<array>(?: ?\[\d*\])*)",
    re.ASCII,
)
_ALIASES = {
    "serial": "integer",
    "serial2": "smallint",
    "serial4": "integer",
    "serial8": "bigint",
    "smallserial": "smallint",
    "bigserial": "bigint",
    "int": "integer",
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "float": "double precision",
    "float4": "real",
    "float8": "double precision",
    "double": "double precision",
    "decimal": "numeric",
    "dec": "numeric",
    "bool": "boolean",
    "varchar": "character varying",
    "char varying": "character varying",
    "char": "character",
    "bpchar": "character",
    "time": "time without time zone",
    "timetz": "time with time zone",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
}
_SPELLED = re.compile(
    r"^(?P<name>[a-z ]+?)\s*(?:\((?P<arguments>[\d, -]+)\))?(?P<rest> with(?:out)? time zone)?$"
)


@dataclass(frozen=True)
class SqlType:
    """A Postgres type.

    Attributes:
        name: Without arguments, as `format_type` spells it, e.g. `numeric`, `timestamp with time zone`.
        arguments: Length, or precision and scale.
        over_moment: Whether it is a domain over a date or time.
    """

    name: str
    arguments: tuple[int, ...] = ()
    over_moment: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        """Return the type as SQL."""
        if not self.arguments:
            return self.name
        name, zone, rest = (
            self.name.partition(" with") if self.name.endswith(" zone") else (self.name, "", "")
        )
        return f"{name}({','.join(map(str, self.arguments))}){zone}{rest}"

    @property
    def family(self) -> str:
        """How values are written to it: text, boolean, integer, number, json, bytes or other."""
        return _FAMILIES.get(self.name, "other")

    @property
    def can_mark(self) -> bool:
        """Whether a value of it can mark a deleted row: it holds a boolean, or a date with or without a time."""
        return self.name == "boolean" or self.name in MOMENTS

    @property
    def items(self) -> SqlType | None:
        """What an array of it holds; None if it is no array."""
        return SqlType(self.name.removesuffix("[]")) if self.name.endswith("[]") else None

    @property
    def is_moment(self) -> bool:
        """Whether it holds dates or times, which a server may read in more than one way."""
        return self.name in MOMENTS or self.name.startswith("time ") or self.over_moment

    @property
    def holds_moments(self) -> bool:
        """Whether it is a range or an array of dates or times."""
        return self.name in DATE_RANGES or (self.items is not None and self.items.is_moment)


TEXT, JSONB, BIGINT, NUMERIC = SqlType("text"), SqlType("jsonb"), SqlType("bigint"), SqlType("numeric")
DOUBLE, BOOLEAN, BYTEA = SqlType("double precision"), SqlType("boolean"), SqlType("bytea")
BINARY_NUMBERS = frozenset({"real", "double precision"})
DATE, TIMESTAMPTZ = SqlType("date"), SqlType("timestamp with time zone")
TIMESTAMP = SqlType("timestamp without time zone")
TIME = SqlType("time without time zone")
DATE_RANGES = frozenset(f"{kind}{many}range" for kind in ("date", "ts", "tstz") for many in ("", "multi"))


def parse_type(spelled: str, *, over_moment: bool = False) -> SqlType:
    """Read a type as `format_type` spells it."""
    match = _SPELLED.match(spelled)
    if match is None or over_moment:
        return SqlType(spelled, over_moment=over_moment)
    arguments = tuple(int(part) for part in match["arguments"].split(",")) if match["arguments"] else ()
    return SqlType(match["name"] + (match["rest"] or ""), arguments)


def declared_types(schemas: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Collect the JSON types that a property's alternatives allow, without null."""
    return frozenset(name for schema in schemas for name in _own_types(schema))


def _own_types(schema: Mapping[str, Any]) -> set[str]:
    if not schema.get("type") and (
        values := schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    ):
        return {_JSON_TYPES.get(type(value), "object") for value in values} - {"null"}
    return type_names(schema) - {"null"}


def column_type(
    schemas: Sequence[Mapping[str, Any]], *, varchar: bool = False, decode_bytes: bool = False
) -> SqlType:
    """Choose the column type of a property from its alternatives. Raises BadSchemaError for a type that has no name."""
    if asked := {str(schema[SQL_TYPE]) for schema in schemas if schema.get(SQL_TYPE)}:
        return _asked_type(asked)
    chosen = {
        _scalar_type(name, schema, varchar=varchar, decode_bytes=decode_bytes)
        for schema in schemas
        for name in _own_types(schema)
    }
    if not chosen:
        return TEXT if any(type_names(schema) == {"null"} for schema in schemas) else JSONB
    if len(chosen) == 1:
        return chosen.pop()
    return _union(chosen)


def _asked_type(asked: set[str]) -> SqlType:
    """Read the type that a schema asks for, and spell it as `format_type` does; the server knows whether there is one."""
    if len(asked) > 1:
        raise BadSchemaError(
            f"its alternatives ask for several types by {SQL_TYPE}: {', '.join(sorted(asked))}"
        )
    # It becomes part of a statement.
    match = _ASKED.fullmatch(" ".join(min(asked).lower().split()))
    if match is None:
        raise BadSchemaError(f"`{SQL_TYPE}` {shown(min(asked))} is not how Postgres spells a type")
    name = match["name"].removeprefix("pg_catalog.") + (match["zone"] or "")
    name, zone, rest = _ALIASES.get(name, name).partition(" with")
    arguments = (match["arguments"] or "").replace(" ", "")
    if name == "numeric" and arguments and "," not in arguments:
        arguments = arguments.replace(")", ",0)")
    elif name == "character" and not arguments:
        arguments = "(1)"
    return parse_type(name + arguments + zone + rest + ("[]" if match["array"] else ""))


def _union(types: set[SqlType]) -> SqlType:
    """Find the type for a property that may hold several; text takes any mixture of scalars that has strings."""
    if JSONB in types:
        return JSONB
    if all(found.family in {"integer", "number"} for found in types):
        numerics = [found for found in types if found.name == "numeric"]
        return NUMERIC if DOUBLE in types else _joined_numeric(numerics, with_bigint=BIGINT in types)
    if {found.name for found in types} <= {DATE.name, TIMESTAMPTZ.name}:
        return TIMESTAMPTZ
    lengths = [found.arguments[0] for found in types if found.name == "character varying"]
    if len(lengths) == len(types):
        return SqlType("character varying", (max(lengths),))
    if any(found.family not in {"boolean", "integer", "number"} for found in types):
        return TEXT
    return JSONB


def _joined_numeric(numerics: list[SqlType], *, with_bigint: bool) -> SqlType:
    """Find the numeric(p,s) that holds every value of the given ones, and of bigint if asked."""
    if any(not found.arguments for found in numerics):
        return NUMERIC
    scale = max(found.arguments[1] for found in numerics)
    whole = max(found.arguments[0] - found.arguments[1] for found in numerics)
    precision = max(whole, BIGINT_DIGITS if with_bigint else 0) + scale
    return SqlType("numeric", (precision, scale)) if precision <= MAX_PRECISION else NUMERIC


def _scalar_type(name: str, schema: Mapping[str, Any], *, varchar: bool, decode_bytes: bool) -> SqlType:
    match name:
        case "boolean":
            return BOOLEAN
        case "integer":
            low, high = schema.get("minimum"), schema.get("maximum")
            beyond = (low is not None and low < BIGINT_RANGE[0]) or (
                high is not None and high > BIGINT_RANGE[1]
            )
            return NUMERIC if beyond else BIGINT
        case "number":
            return _number_type(schema)
        case "string":
            return _string_type(schema, varchar=varchar, decode_bytes=decode_bytes)
        case _:
            return JSONB


def _number_type(schema: Mapping[str, Any]) -> SqlType:
    """Numbers are exact, unless the schema says that they are binary; they have a limit where it gives their precision."""
    if schema.get("format") in DOUBLE_FORMATS:
        return DOUBLE
    precision, scale, step = schema.get("precision"), schema.get("scale"), schema.get("multipleOf")
    if scale is None and step is not None:
        try:
            digits = Decimal(str(step)).normalize()
        except InvalidOperation:
            return NUMERIC
        if digits.as_tuple().digits != (1,):
            return NUMERIC
        scale = max(0, -int(digits.as_tuple().exponent))
    if not isinstance(precision, int) or not isinstance(scale, int) or not 0 <= scale <= precision:
        return NUMERIC
    return SqlType("numeric", (precision, scale)) if 0 < precision <= MAX_PRECISION else NUMERIC


def _string_type(schema: Mapping[str, Any], *, varchar: bool, decode_bytes: bool) -> SqlType:
    if decode_bytes and schema.get("contentEncoding") in {"base64", "base16"}:
        return BYTEA
    if known := FORMATS.get(schema.get("format", "")):
        return SqlType(known)
    length = schema.get("maxLength")
    if varchar and isinstance(length, int) and 0 < length <= MAX_VARCHAR:
        return SqlType("character varying", (length,))
    return TEXT


@dataclass(frozen=True)
class Widening:
    """How a column gets a wider type.

    Attributes:
        to: The new type.
        using: SQL expression for the old values; `{column}` stands for the column.
    """

    to: SqlType
    using: str = "{column}"


_AS_TEXT = frozenset(
    {
        "boolean",
        "smallint",
        "integer",
        "bigint",
        "numeric",
        "real",
        "double precision",
        "uuid",
        "date",
        "time without time zone",
    }
)
MOMENTS = frozenset({DATE.name, TIMESTAMP.name, TIMESTAMPTZ.name})


def widened(current: SqlType, wanted: SqlType) -> Widening | None:  # noqa: PLR0911 - one a kind
    """Decide what a column must become to hold what it has and what a new schema may bring."""
    if _stays(current, wanted):
        return Widening(current)
    if current.family == "text":
        return _widened_text(current, wanted)
    if wanted.family == "json":
        return Widening(wanted, "to_jsonb({column})")
    if {current.family, wanted.family} <= {"integer", "number"}:
        return _widened_number(current, wanted)
    if current.name == "money" and wanted.family in {"integer", "number"}:
        return Widening(NUMERIC, "{column}::numeric")  # it rounds to cents
    if {current.name, wanted.name} <= MOMENTS or current.name == wanted.name == TIME.name:
        return _widened_moment(current, wanted)
    if wanted.family != "text":
        return None
    if current.name in {TIMESTAMP.name, TIMESTAMPTZ.name}:
        moment = "{column}" if current.name == TIMESTAMPTZ.name else "{column} AT TIME ZONE 'UTC'"
        return Widening(TEXT, f"to_jsonb({moment}) #>> '{{{{}}}}'")  # as ISO 8601
    return Widening(TEXT, "{column}::text") if current.name in _AS_TEXT else None


def _stays(current: SqlType, wanted: SqlType) -> bool:
    """Whether a column stays as it is, whatever its values."""
    if current == wanted or current.family == "json":
        return True
    # The server may name the schema that a type is in.
    names = {str(each).lower().rpartition(".")[2] for each in (current, wanted)}
    return len(names) == 1 and current.family == wanted.family == "other"


def _exactest(kind: SqlType) -> SqlType:
    """Return a type of times in microseconds, which is what it has without an argument."""
    full = not kind.arguments or kind.arguments[0] == MICROSECONDS
    return kind if full else SqlType(kind.name)


def _widened_moment(current: SqlType, wanted: SqlType) -> Widening:
    exact, wanted = _exactest(current), SqlType(wanted.name)
    if wanted == DATE:
        return Widening(current)
    if exact.name in {TIMESTAMPTZ.name, wanted.name}:
        return Widening(exact)
    return Widening(wanted, "{column}::timestamp AT TIME ZONE 'UTC'" if wanted == TIMESTAMPTZ else "{column}")


def _widened_text(current: SqlType, wanted: SqlType) -> Widening:
    if current.name == "name":
        return Widening(TEXT)  # it cuts what has more than 63 bytes
    if current.name == "text" or not current.arguments:
        return Widening(current)
    if wanted.name == "character varying" and wanted.arguments:
        longer = wanted.arguments[0] > current.arguments[0]
        return Widening(wanted if longer else current)
    return Widening(TEXT)


def _widened_number(current: SqlType, wanted: SqlType) -> Widening:
    order = ("smallint", "integer", "bigint")
    if current.name in order and wanted.name in order:
        return Widening(wanted if order.index(wanted.name) > order.index(current.name) else current)
    if "numeric" not in (current.name, wanted.name):
        if current.family == wanted.family:
            return Widening(DOUBLE if DOUBLE in (current, wanted) else current)
        # An integer beyond 2^53 has no double: what holds both is numeric.
        return Widening(NUMERIC, "{column}::text::numeric")
    if current == NUMERIC:
        return Widening(current)
    pair = (current, wanted)
    if all(found.name == "numeric" or found.name in order for found in pair):
        numerics = [found for found in pair if found.name == "numeric"]
        return Widening(_joined_numeric(numerics, with_bigint=len(numerics) < len(pair)))
    # The text of a double is its shortest exact form; a cast to numeric would keep 15 digits only.
    return Widening(NUMERIC, "{column}::text::numeric")

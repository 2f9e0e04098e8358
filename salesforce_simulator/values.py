"""One value in its three shapes: JSON from a client, what the store holds, and what REST or Bulk hands out.

The store's shapes: text TEXT, boolean 0 or 1, int INTEGER, double/currency/percent INTEGER scaled by 10**scale, or REAL
scaled so where a number has more decimals than that, date TEXT `YYYY-MM-DD`, datetime and time INTEGER milliseconds (UTC,
since the epoch or midnight), base64 BLOB.
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from salesforce_simulator.clock import from_ms, to_ms
from salesforce_simulator.errors import ApiError
from salesforce_simulator.ids import is_id, to_18

if TYPE_CHECKING:
    from collections.abc import Callable

    from salesforce_simulator.schema import Field

Stored = str | int | float | bytes | None


# Java writes doubles of so many digits before the point plainly.
_PLAIN_DIGITS = 7


class Double(Decimal):
    """A number as the org hands it out: exact, and written as Java writes doubles (`number_text`)."""

    def text(self) -> str:
        """The number in JSON or CSV."""
        whole, point, fraction = str(self).partition(".")
        if point and len(whole) <= _PLAIN_DIGITS and whole not in ("0", "-0") and "E" not in fraction:
            return f"{whole}.{fraction.rstrip('0') or '0'}"
        _, digits, exponent = self.as_tuple()
        assert isinstance(exponent, int)
        scale = max(0, -exponent)
        stored = int("".join(map(str, digits))) * 10 ** max(0, exponent)
        return number_text(scale, -stored if self.is_signed() else stored)


# Salesforce keeps dates between these years (guide: "Primitive Data Types", valid date range).
FIRST_DATE = date(1700, 1, 1)
LAST_DATE = date(4000, 12, 31)
_INT_LIMIT = 2**31
_EXACT = Context(prec=60)
# Digits that a double keeps whatever they are.
_DOUBLE = Context(prec=15, rounding=ROUND_HALF_UP)
_LAST_DECIMAL = Decimal("1E-24")
_DAY_MS = 86_400_000


def to_storage(field: Field, value: Any) -> Stored:
    """A JSON value as the store holds it; the field must not be a compound one.

    Decimal, date, datetime, time and bytes are taken as well.

    Raises:
        ApiError: the value is not one of the field's type, or too large for it.
    """
    if value is None or value == "":
        return None
    reader = _READERS.get(field.type, _text_in)
    return reader(field, value)


def to_rest(field: Field, stored: Stored) -> Any:
    """A stored value as REST JSON has it.

    Numbers of type double, currency and percent come as `Double`, exact.
    """
    if stored is None:
        return False if field.type == "boolean" else None
    writer = _REST.get(field.type)
    return stored if writer is None else writer(field, stored)


def to_csv(field: Field, stored: Stored) -> str:
    """A stored value as a Bulk CSV cell; null is the empty cell."""
    if stored is None:
        return "false" if field.type == "boolean" else ""
    writer = _CSV.get(field.type)
    return str(stored) if writer is None else str(writer(field, stored))


def number_text(scale: int, stored: float) -> str:
    """A scaled number as Java writes doubles: `47.0`, `0.25`, but `1.2345678E7` from eight digits on and below 0.001.

    Salesforce's help ("Why do I see exponential values for custom number field?") has it so in every API.
    """
    if not isinstance(stored, int):
        return _unscaled(stored, scale).text()
    sign, digits = ("-", str(-stored)) if stored < 0 else ("", str(stored))
    exponent = len(digits) - 1 - scale
    if stored and not -3 <= exponent < 7:
        return f"{sign}{digits[0]}.{digits[1:].rstrip('0') or '0'}E{exponent}"
    digits = digits.rjust(scale + 1, "0")
    whole, fraction = digits[: len(digits) - scale], digits[len(digits) - scale :]
    return f"{sign}{whole}.{fraction.rstrip('0') or '0'}"


def _mismatch(field: Field, value: object) -> ApiError:
    shown = str(value)[:80]
    return ApiError(
        "JSON_PARSER_ERROR",
        f"Cannot deserialize instance of {field.type} from {_json_kind(value)} value {shown} or request may be "
        f"missing a required field at [line:1, column:1]",
        (field.name,),
    )


def _json_kind(value: object) -> str:
    if isinstance(value, bool):
        return f"VALUE_{str(value).upper()}"
    if isinstance(value, int):
        return "VALUE_NUMBER_INT"
    if isinstance(value, float | Decimal):
        return "VALUE_NUMBER_FLOAT"
    if isinstance(value, dict | list):
        return "START_OBJECT" if isinstance(value, dict) else "START_ARRAY"
    return "VALUE_STRING"


def _text_in(field: Field, value: object) -> Stored:
    if isinstance(value, dict | list | bytes):
        raise _mismatch(field, value)
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        raise _mismatch(field, "text that is no Unicode") from None
    if field.type == "multipicklist":
        text = ";".join(dict.fromkeys(part.strip() for part in text.split(";") if part.strip()))
    if field.length and len(text) > field.length:
        raise ApiError(
            "STRING_TOO_LONG",
            f"{field.label}: data value too large: {text[:255]} (max length={field.length})",
            (field.name,),
        )
    return text or None


def _id_in(field: Field, value: object) -> Stored:
    if isinstance(value, str) and is_id(value):
        return to_18(value)
    raise ApiError("MALFORMED_ID", f"{field.label}: id value of incorrect type: {value}", (field.name,))


def _boolean_in(field: Field, value: object) -> Stored:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return int(value.lower() == "true")
    if isinstance(value, int) and value in (0, 1):
        return value
    raise _mismatch(field, value)


def _decimal(field: Field, value: object) -> Decimal:
    if isinstance(value, bool):
        raise _mismatch(field, value)
    try:
        number = Decimal(repr(value) if isinstance(value, float) else str(value))
    except InvalidOperation:
        raise _mismatch(field, value) from None
    if not number.is_finite():
        raise _mismatch(field, value)
    return number


def _int_in(field: Field, value: object) -> Stored:
    number = _decimal(field, value)
    if number != number.to_integral_value():
        raise _mismatch(field, value)
    if not -_INT_LIMIT <= number < _INT_LIMIT:
        raise ApiError(
            "NUMBER_OUTSIDE_VALID_RANGE",
            f"{field.label}: value outside of valid range: {value}",
            (field.name,),
        )
    return int(number)


def _number_in(field: Field, value: object) -> Stored:
    """A number with all its decimals, for a field's scale binds what pages show and not what an API writes.

    Knowledge articles 000387302 and 000212661: up to 24 decimals, whatever the scale, as far as a Java double holds them; the
    digits before the point are bound by the field.
    """
    number = _decimal(field, value)
    limit = 10 ** (field.precision - field.scale)
    if abs(number) < limit:
        number = number.quantize(_LAST_DECIMAL, ROUND_HALF_UP, _EXACT)
        scaled = number.scaleb(field.scale, _EXACT)
        if scaled != scaled.to_integral_value():
            scaled = _DOUBLE.plus(scaled)
        if abs(scaled) < limit * 10**field.scale:
            return int(scaled) if scaled == scaled.to_integral_value() else float(scaled)
    raise ApiError(
        "NUMBER_OUTSIDE_VALID_RANGE",
        f"{field.label}: value outside of valid range on numeric field: {value}",
        (field.name,),
    )


def _unscaled(stored: float, scale: int) -> Double:
    """The number that a scaled one with more decimals than its field's stands for."""
    return Double(Decimal(f"{stored:.{_DOUBLE.prec}g}").scaleb(-scale, _EXACT))


def _date_in(field: Field, value: object) -> Stored:
    if isinstance(value, datetime):
        value = value.date()
    try:
        day = value if isinstance(value, date) else date.fromisoformat(str(value)[:10])
    except ValueError:
        raise _mismatch(field, value) from None
    _check_day(field, day, value)
    return day.isoformat()


def _check_day(field: Field, day: date, value: object) -> None:
    if not FIRST_DATE <= day <= LAST_DATE:
        raise ApiError("NUMBER_OUTSIDE_VALID_RANGE", f"{field.label}: invalid date: {value}", (field.name,))


def parse_datetime(text: str) -> datetime:
    """A moment in any ISO form that Salesforce takes, `+0000` and `Z` included.

    Raises:
        ValueError: it is none.
    """
    moment = datetime.fromisoformat(re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", text))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _datetime_in(field: Field, value: object) -> Stored:
    try:
        moment = value if isinstance(value, datetime) else parse_datetime(str(value))
    except (ValueError, OverflowError):
        raise _mismatch(field, value) from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    _check_day(field, moment.date(), value)
    # Datetimes hold whole seconds; fractions are cut off.
    return to_ms(moment.replace(microsecond=0))


def _time_in(field: Field, value: object) -> Stored:
    try:
        moment = value if isinstance(value, time) else time.fromisoformat(str(value).removesuffix("Z"))
    except ValueError:
        raise _mismatch(field, value) from None
    seconds = (moment.hour * 60 + moment.minute) * 60 + moment.second
    return seconds * 1000 + moment.microsecond // 1000


def _base64_in(field: Field, value: object) -> Stored:
    if isinstance(value, bytes):
        return value
    try:
        return base64.b64decode(str(value), validate=True)
    except (binascii.Error, ValueError):
        raise _mismatch(field, value) from None


def _datetime_rest(_field: Field, stored: Any) -> str:
    return from_ms(stored).strftime("%H:%M:%S.").join(_around(stored, "+0000"))


def _datetime_csv(_field: Field, stored: Any) -> str:
    return from_ms(stored).strftime("%H:%M:%S.").join(_around(stored, "Z"))


def _around(stored: int, zone: str) -> tuple[str, str]:
    return f"{from_ms(stored).date().isoformat()}T", f"{stored % 1000:03d}{zone}"


def _time_out(_field: Field, stored: Any) -> str:
    seconds, millis = divmod(stored % _DAY_MS, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{millis:03d}Z"


def _number_rest(field: Field, stored: Any) -> Double:
    return _unscaled(stored, field.scale) if isinstance(stored, float) else Double(f"{stored}E{-field.scale}")


def _number_csv(field: Field, stored: Any) -> str:
    return number_text(field.scale, stored)


def _int_rest(field: Field, stored: Any) -> int | Decimal:
    return Decimal(f"{stored}.0") if field.decimal_text else int(stored)


def _base64_out(_field: Field, stored: Any) -> str:
    return base64.b64encode(stored).decode()


_READERS: dict[str, Callable[[Field, Any], Stored]] = {
    "id": _id_in,
    "reference": _id_in,
    "boolean": _boolean_in,
    "int": _int_in,
    "double": _number_in,
    "currency": _number_in,
    "percent": _number_in,
    "date": _date_in,
    "datetime": _datetime_in,
    "time": _time_in,
    "base64": _base64_in,
}
_REST: dict[str, Callable[[Field, Any], Any]] = {
    "boolean": lambda _field, stored: bool(stored),
    "int": _int_rest,
    "double": _number_rest,
    "currency": _number_rest,
    "percent": _number_rest,
    "datetime": _datetime_rest,
    "time": _time_out,
    "base64": _base64_out,
}
_CSV: dict[str, Callable[[Field, Any], Any]] = {
    **_REST,
    "boolean": lambda _field, stored: "true" if stored else "false",
    "double": _number_csv,
    "currency": _number_csv,
    "percent": _number_csv,
    "datetime": _datetime_csv,
}

"""Values on their way in and out."""

from __future__ import annotations

import string
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesforce_simulator.errors import ApiError
from salesforce_simulator.http.messages import encode
from salesforce_simulator.schema import Field
from salesforce_simulator.values import to_csv, to_rest, to_storage

TEXT = Field("T", "textarea", length=131_072)
MONEY = Field("M", "currency", precision=18, scale=2)


def code_of(field: Field, value: Any) -> str:
    with pytest.raises(ApiError) as refusal:
        to_storage(field, value)
    assert refusal.value.fields == (field.name,)
    return refusal.value.error_code


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_loses_nothing(text: str) -> None:
    stored = to_storage(TEXT, text)
    assert to_rest(TEXT, stored) == (text or None)
    assert to_csv(TEXT, stored) == text


@given(st.integers(0, 17), st.integers(-(10**18) + 1, 10**18 - 1))
def test_decimals_of_18_digits_are_exact(scale: int, digits: int) -> None:
    field = Field("D", "double", precision=18, scale=scale)
    value = Decimal(digits).scaleb(-scale)
    stored = to_storage(field, str(value))
    assert stored == digits
    assert to_rest(field, stored) == value
    assert Decimal(to_csv(field, stored)) == value
    assert "." in to_csv(field, stored)
    plain = not value or Decimal("0.001") <= abs(value) < 10_000_000
    assert ("E" in to_csv(field, stored)) is not plain


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1234567", "1234567.0"),
        ("9999999.99", "9999999.99"),
        ("12345678", "1.2345678E7"),
        ("-10000000", "-1.0E7"),
        ("0.001", "0.001"),
        ("-0.00012", "-1.2E-4"),
        ("0", "0.0"),
        ("-0.5", "-0.5"),
        ("1234567890123.45678", "1.23456789012345678E12"),
    ],
)
def test_numbers_are_written_as_java_does(value: str, text: str) -> None:
    field = Field("D", "double", precision=18, scale=5)
    stored = to_storage(field, value)
    assert to_csv(field, stored) == text
    assert encode(to_rest(field, stored)) == text.encode()


@given(st.datetimes(datetime(1700, 1, 1), datetime(4000, 12, 31, 23, 59, 59)))  # noqa: DTZ001 - zone follows
def test_datetimes_between_the_ends(moment: datetime) -> None:
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    field = Field("D", "datetime")
    stored = to_storage(field, moment.isoformat())
    assert to_rest(field, stored) == moment.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    assert to_csv(field, stored) == moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert to_storage(field, to_rest(field, stored)) == to_storage(field, to_csv(field, stored)) == stored


@pytest.mark.parametrize(
    ("kind", "value", "rest", "csv"),
    [
        ("boolean", True, True, "true"),
        ("boolean", "FALSE", False, "false"),
        ("date", "2024-02-29", "2024-02-29", "2024-02-29"),
        ("date", date(1700, 1, 1), "1700-01-01", "1700-01-01"),
        ("time", "10:11:12.013Z", "10:11:12.013Z", "10:11:12.013Z"),
        ("int", "47.0", 47, "47"),
        ("base64", "aGk=", "aGk=", "aGk="),
        ("reference", "001Hs0000000001", "001Hs0000000001IAA", "001Hs0000000001IAA"),
        ("multipicklist", "b; a;b", "b;a", "b;a"),
        ("string", "", None, ""),
        ("string", 7, "7", "7"),
    ],
)
def test_what_goes_in_comes_out(kind: str, value: Any, rest: Any, csv: str) -> None:
    field = Field("F", kind)
    stored = to_storage(field, value)
    assert to_rest(field, stored) == rest
    assert to_csv(field, stored) == csv


def test_an_int_can_leave_as_a_decimal() -> None:
    field = Field("I", "int", decimal_text=True)
    assert str(to_rest(field, 47)) == to_csv(field, 47) == "47.0"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("237.631", "237.631"),
        ("0.005", "0.005"),
        ("-0.00012", "-1.2E-4"),
        (0.1, "0.1"),
        ("1e-24", "1.0E-24"),
        ("4e-25", "0.0"),
        ("12345678.123", "1.2345678123E7"),
        ("9999999.995", "9999999.995"),
        # A double's digits; KB 000394530 has such examples.
        ("49.9999999999999972", "50.0"),
        ("237.123456789012345678901234", "237.123456789012"),
        ("1222333444555666.88", "1.22233344455566688E15"),
    ],
)
def test_the_scale_binds_pages_and_not_what_an_api_writes(value: Any, text: str) -> None:
    stored = to_storage(MONEY, value)
    assert to_csv(MONEY, stored) == text
    assert encode(to_rest(MONEY, stored)) == text.encode()


@given(st.integers(0, 10), st.decimals(-(10**7), 10**7, places=8, allow_nan=False))
def test_decimals_beyond_the_scale_are_kept(scale: int, value: Decimal) -> None:
    field = Field("D", "double", precision=18, scale=scale)
    stored = to_storage(field, value)
    assert to_rest(field, stored) == Decimal(to_csv(field, stored)) == value
    assert to_storage(field, to_rest(field, stored)) == stored


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        (Field("F", "string", length=3), "abcd", "STRING_TOO_LONG"),
        (Field("F", "string"), "half \ud800 pair", "JSON_PARSER_ERROR"),
        (Field("F", "string"), {"a": 1}, "JSON_PARSER_ERROR"),
        (Field("F", "boolean"), "maybe", "JSON_PARSER_ERROR"),
        (Field("F", "int"), "4.5", "JSON_PARSER_ERROR"),
        (Field("F", "int"), 2**31, "NUMBER_OUTSIDE_VALID_RANGE"),
        (MONEY, "1e16", "NUMBER_OUTSIDE_VALID_RANGE"),
        (MONEY, "1e999999", "NUMBER_OUTSIDE_VALID_RANGE"),
        (MONEY, "9999999999999999.995", "NUMBER_OUTSIDE_VALID_RANGE"),
        (MONEY, "NaN", "JSON_PARSER_ERROR"),
        (MONEY, True, "JSON_PARSER_ERROR"),
        (Field("F", "date"), "2024-02-30", "JSON_PARSER_ERROR"),
        (Field("F", "date"), "1699-12-31", "NUMBER_OUTSIDE_VALID_RANGE"),
        (Field("F", "datetime"), "4001-01-01T00:00:00Z", "NUMBER_OUTSIDE_VALID_RANGE"),
        (Field("F", "datetime"), "soon", "JSON_PARSER_ERROR"),
        (Field("F", "time"), "25:00", "JSON_PARSER_ERROR"),
        (Field("F", "reference"), "001", "MALFORMED_ID"),
        (Field("F", "base64"), "!", "JSON_PARSER_ERROR"),
    ],
)
def test_refusals(field: Field, value: Any, code: str) -> None:
    assert code_of(field, value) == code


@given(
    st.sampled_from(["string", "int", "double", "date", "datetime", "time", "boolean", "reference", "base64"])
)
def test_null_is_null(kind: str) -> None:
    field = Field("F", kind)
    assert to_storage(field, None) is None
    assert to_csv(field, None) == ("false" if kind == "boolean" else "")


@given(st.text(string.printable))
def test_any_text_is_taken_or_refused(text: str) -> None:
    for kind in ("int", "double", "date", "datetime", "time", "boolean", "reference", "base64"):
        try:
            to_storage(Field("F", kind), text)
        except ApiError:
            continue

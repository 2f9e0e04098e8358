"""Record ids in their two forms."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesforce_simulator.errors import ApiError
from salesforce_simulator.ids import DIGITS, id_run, is_id, make_id, parse_id, to_18

ids_15 = st.text(DIGITS, min_size=15, max_size=15)


def test_known_ids() -> None:
    # Examples of Salesforce's documentation and forums.
    assert to_18("00530000003xqAb") == "00530000003xqAbAAI"
    assert to_18("001A000000KUFpW") == "001A000000KUFpWIAX"


@given(ids_15)
def test_the_long_form_tells_case_apart(short: str) -> None:
    long = to_18(short)
    assert parse_id(short) == parse_id(long) == long
    swapped = short.swapcase()
    if swapped != short:
        assert to_18(swapped)[15:] != long[15:]
        assert not is_id(swapped + long[15:])


@pytest.mark.parametrize(
    "text", ["", "001", "001Hs0000000001IA", "001Hs0000000001IAAX", "001Hs000000000!", 7, None]
)
def test_what_is_no_id(text: object) -> None:
    with pytest.raises(ApiError) as refusal:
        parse_id(text)
    assert refusal.value.error_code == "MALFORMED_ID"


@given(st.integers(1, 10**6))
def test_runs_of_ids_sort_and_agree_with_single_ones(first: int) -> None:
    run = list(islice(id_run("a00", first), 70))
    assert run == [make_id("a00", number) for number in range(first, first + 70)]
    assert run == sorted(run)

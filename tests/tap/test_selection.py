"""Selection agrees with the SDK's own reading of a catalog, whatever marks it bears."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from singer_sdk.singerlib import Catalog

from tap_sfsource.api.describe import Field, SObject
from tap_sfsource.catalog.listing import catalog_of
from tap_sfsource.catalog.patterns import matches
from tap_sfsource.catalog.plan import plan_of
from tap_sfsource.catalog.selection import read_catalog
from tap_sfsource.config import Settings
from tap_sfsource.errors import CatalogError
from tests.fix_process import PROJECT

ACCOUNT = SObject(
    name="Account",
    label="Account",
    replicateable=True,
    fields=(
        Field(name="Id", type="id", length=18),
        Field(name="IsDeleted", type="boolean"),
        Field(name="SystemModstamp", type="datetime"),
        Field(name="Name", type="string", length=255),
        Field(name="Industry", type="picklist", length=40),
        Field(name="BillingAddress", type="address"),
        Field(name="BillingCity", type="string", length=40),
        Field(name="Logo__c", type="base64"),
    ),
)
PLAN = plan_of(ACCOUNT, "accounts", Settings())
MARKS = st.fixed_dictionaries(
    {},
    optional={
        "selected": st.booleans() | st.none(),
        "selected-by-default": st.booleans(),
    },
)


@given(st.lists(MARKS, min_size=9, max_size=9))
def test_marks_mean_what_they_mean_to_the_sdk(marks: list[dict[str, Any]]) -> None:
    catalog = copy.deepcopy(catalog_of([PLAN]))
    for part, mark in zip(catalog["streams"][0]["metadata"], marks, strict=True):
        # Nobody deselects by default what discovery offers, so the mark replaces that of discovery.
        part["metadata"].update(mark)
    mask = Catalog.from_dict(catalog).streams[0].metadata.resolve_selection()

    (selection,) = read_catalog(catalog)

    assert selection.selected == mask[()]
    if selection.selected:
        read = {column.property for column in PLAN.selecting(selection.is_selected).columns}
        assert read == {column.property for column in PLAN.columns if mask["properties", column.property]}


@given(st.sets(st.sampled_from([column.property for column in PLAN.columns])), st.booleans())
def test_a_catalog_with_bare_properties_reads_what_it_lists(listed: set[str], mark_stream: bool) -> None:
    metadata = [{"breadcrumb": [], "metadata": {"selected": True}}] if mark_stream else []
    entry = {
        "tap_stream_id": "accounts",
        "metadata": metadata,
        "schema": {"properties": {name: {} for name in listed}},
    }

    (selection,) = read_catalog({"streams": [entry]})

    read = {column.property for column in PLAN.selecting(selection.is_selected).columns}
    assert selection.selected
    if listed:
        assert read == (listed | {"id", "is_deleted", "system_modstamp"}) - {"billing_address"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
WORDS = st.sampled_from(["properties", "selected", "name", "*", "accounts"])
NAMED = st.fixed_dictionaries({"tap_stream_id": WORDS})
NEARLY = st.dictionaries(
    st.sampled_from(
        ["tap_stream_id", "stream", "schema", "metadata", "selected", "key_properties", "replication_key"]
    ),
    JSON
    | WORDS
    | st.fixed_dictionaries({"properties": st.dictionaries(WORDS, JSON)})
    | st.lists(
        st.fixed_dictionaries(
            {"breadcrumb": st.lists(WORDS) | JSON, "metadata": st.dictionaries(WORDS, JSON) | JSON}
        ),
        max_size=3,
    ),
)

ENTRIES = st.builds(lambda nearly, named: {**nearly, **named}, NEARLY, NAMED)


@given(JSON | st.fixed_dictionaries({"streams": st.lists(ENTRIES | JSON, max_size=3) | JSON}))
def test_whatever_is_given_as_a_catalog_is_read_or_refused_in_words(catalog: Any) -> None:
    try:
        selections = read_catalog(catalog)
    except CatalogError:
        return
    for selection in selections:
        PLAN.selecting(selection.is_selected)
        selection.unknown(PLAN.columns)


@pytest.mark.parametrize(
    ("patterns", "api_name", "stream", "means"),
    [
        (["Account"], "Account", "accounts", True),
        (["accounts"], "Account", "accounts", True),
        (["ACC*"], "Account", "accounts", True),
        (["*__c"], "Invoice__c", "invoice_c", True),
        (["invoice_?"], "Invoice__c", "invoice_c", True),
        (["Account"], "AccountTag", "account_tags", False),
        (["_group"], "Group", "_group", True),
        ([], "Account", "accounts", False),
    ],
)
def test_patterns_go_by_either_name_in_any_case(
    patterns: list[str], api_name: str, stream: str, means: bool
) -> None:
    assert matches(patterns, api_name, stream) is means


def documented_catalogs() -> list[str]:
    page = PROJECT / "docs" / "selective-sync.md"
    return re.findall(r"^```jsonc\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def test_the_documented_catalogs_read_what_their_text_says() -> None:
    excluding, naming = (read_catalog(json.loads(block))[0] for block in documented_catalogs())

    read = {column.property for column in PLAN.selecting(excluding.is_selected).columns}
    assert excluding.selected
    assert read == {column.property for column in PLAN.columns} - {"billing_address", "logo_c"}
    read = {column.property for column in PLAN.selecting(naming.is_selected).columns}
    assert naming.selected
    assert read == {"id", "is_deleted", "system_modstamp", "name", "billing_city"}


def test_a_later_pattern_goes_before_an_earlier_one_and_a_name_before_both() -> None:
    marks = {"*": False, "billing_*": True, "BillingCity": False, "name": True}
    metadata = [
        {"breadcrumb": ["properties", name], "metadata": {"selected": value}} for name, value in marks.items()
    ]

    (selection,) = read_catalog({"streams": [{"tap_stream_id": "accounts", "metadata": metadata}]})

    read = {column.property for column in PLAN.selecting(selection.is_selected).columns}
    assert read == {"id", "is_deleted", "system_modstamp", "name"}

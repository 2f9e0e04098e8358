"""What discovery says of an org, and that it can be handed back as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from singer_sdk.singerlib import Catalog

from salesforce_simulator import strangers
from salesforce_simulator.schema import Field as OrgField
from tap_sfsource.api.describe import Field, SObject
from tap_sfsource.catalog.listing import catalog_of
from tap_sfsource.catalog.naming import COLLECTIONS
from tap_sfsource.catalog.plan import plan_of
from tap_sfsource.catalog.types import property_schema
from tap_sfsource.config import Settings
from tap_sfsource.rows.json_rows import JsonRows
from tap_sfsource.rows.layout import Layout
from tap_sfsource.tap import TapSFSource

if TYPE_CHECKING:
    from tests.fix_org import OrgServer


def catalog_from(org_server: OrgServer, **settings: Any) -> dict[str, dict[str, Any]]:
    """Stream name to catalog entry."""
    tap = TapSFSource(config=org_server.config(**settings), setup_mapper=False)
    return {entry["tap_stream_id"]: entry for entry in tap.catalog_dict["streams"]}


def metadata_of(entry: dict[str, Any], *breadcrumb: str) -> dict[str, Any]:
    return next(part["metadata"] for part in entry["metadata"] if part["breadcrumb"] == list(breadcrumb))


def test_the_48_are_selected_and_everything_else_is_there_unselected(org_server: OrgServer) -> None:
    catalog = catalog_from(org_server)
    by_default = {name for name, entry in catalog.items() if metadata_of(entry)["selected-by-default"]}

    assert by_default == {*COLLECTIONS.values(), "sync_reports"} & catalog.keys()
    assert metadata_of(catalog["record_type"])["selected-by-default"] is False


def test_names_says_where_it_comes_from_and_offers_more_than_it_selects(org_server: OrgServer) -> None:
    entry = catalog_from(org_server)["names"]

    assert metadata_of(entry)["sfsource.note"].startswith("Salesforce does not let it be queried")
    by_default = {
        name
        for name in entry["schema"]["properties"]
        if metadata_of(entry, "properties", name)["selected-by-default"]
    }
    assert by_default == {"id", "type", "name", "first_name", "last_name"}
    assert "alias" in entry["schema"]["properties"]


def test_an_object_that_answers_no_plain_query_says_so(org_server: OrgServer) -> None:
    org_server.org.add_objects(strangers.objects("Vote"))
    told = metadata_of(catalog_from(org_server)["vote"])

    assert told["inclusion"] == "unsupported"
    assert told["sfsource.unsupported"] == "Salesforce answers only queries for some of its rows, not for all"


def test_a_child_that_is_read_by_its_parents_ids_is_offered_as_any_other(org_server: OrgServer) -> None:
    told = metadata_of(catalog_from(org_server)["content_document_link"])

    assert told["inclusion"] == "available"
    assert told["forced-replication-method"] == "FULL_TABLE"


def test_a_big_object_says_why_it_is_not_read() -> None:
    """With its Ids in a query Salesforce answers that there are no rows: an empty table would be a lie."""
    plan = plan_of(SObject(name="Phone_Book__b"), "phone_book_b", Settings())

    assert plan.entry()["metadata"][0]["metadata"]["inclusion"] == "unsupported"
    assert "big object" in plan.unsupported


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        *(
            (name, "some of its rows")
            for name in ("UserRecordAccess", "OutgoingEmail", "OutgoingEmailRelation")
        ),
        *((name, "some of its rows") for name in ("DataType", "FlowTestView", "EntityDefinition")),
        *((name, "some of its rows") for name in ("ListViewChartInstance", "RelatedListDefinition")),
        *((name, "big object") for name in ("LoginEvent", "ApiEvent", "UriEvent", "ActivityFieldHistory")),
    ],
)
def test_objects_that_refuse_a_plain_query_are_known(name: str, reason: str) -> None:
    assert reason in plan_of(SObject(name=name), name, Settings()).unsupported


def test_a_streams_metadata_keeps_what_its_name_does_not_tell(org_server: OrgServer) -> None:
    entry = catalog_from(org_server)["opportunity_product"]

    assert entry["key_properties"] == ["id"]
    assert entry["replication_key"] == "system_modstamp"
    assert metadata_of(entry)["sfsource.api-name"] == "OpportunityLineItem"
    assert metadata_of(entry)["sfsource.label"]
    assert metadata_of(entry, "properties", "opportunity_id")["sfsource.references"] == ["Opportunity"]
    assert metadata_of(entry, "properties", "id")["inclusion"] == "automatic"
    assert metadata_of(entry, "properties", "system_modstamp")["inclusion"] == "automatic"
    assert metadata_of(entry, "properties", "is_deleted")["inclusion"] == "automatic"
    assert metadata_of(entry, "properties", "quantity")["inclusion"] == "available"


@pytest.mark.parametrize(
    ("stream", "key"),
    [
        ("accounts", "system_modstamp"),
        ("campaign_shares", "last_modified_date"),
        ("opportunity_field_history", "created_date"),
        ("user_login", "last_modified_date"),
    ],
)
def test_the_replication_key_is_the_best_that_the_object_has(
    org_server: OrgServer, stream: str, key: str
) -> None:
    assert catalog_from(org_server)[stream]["replication_key"] == key


def test_every_stream_but_names_has_is_deleted_also_where_the_object_lacks_it(org_server: OrgServer) -> None:
    catalog = catalog_from(org_server)

    for name in set(COLLECTIONS.values()) & catalog.keys() - {"names"}:
        assert catalog[name]["schema"]["properties"]["is_deleted"]["type"] == ["boolean", "null"], name
    assert "sfsource.api-name" not in metadata_of(catalog["users"], "properties", "is_deleted")


def test_compound_fields_say_that_their_parts_are_there(org_server: OrgServer) -> None:
    accounts = catalog_from(org_server)["accounts"]
    told = metadata_of(accounts, "properties", "billing_address")

    assert told["inclusion"] == "unsupported"
    assert "its parts are columns of their own" in told["sfsource.unsupported"]
    assert "billing_city" in accounts["schema"]["properties"]


def test_base64_is_left_out_unless_asked_for(org_server: OrgServer) -> None:
    plain, asked = catalog_from(org_server), catalog_from(org_server, include_base64=True)

    assert metadata_of(plain["documents"], "properties", "body")["selected-by-default"] is False
    assert metadata_of(asked["documents"], "properties", "body")["selected-by-default"] is True
    assert plain["documents"]["schema"]["properties"]["body"]["contentEncoding"] == "base64"


def test_a_formula_is_marked(org_server: OrgServer) -> None:
    org_server.org.add_field(
        "Account",
        OrgField("Twice__c", "double", precision=18, scale=2, calculated=True, custom=True, formula="2"),
    )
    told = metadata_of(catalog_from(org_server)["accounts"], "properties", "twice_c")

    assert told["sfsource.formula"] is True
    assert told["sfsource.api-name"] == "Twice__c"
    assert (told["sfsource.precision"], told["sfsource.scale"]) == (18, 2)


@pytest.mark.parametrize(
    ("field", "schema"),
    [
        (Field(name="Id", type="id", length=18), {"type": ["string"], "maxLength": 18}),
        (Field(name="A", type="reference", length=18), {"type": ["string", "null"], "maxLength": 18}),
        (Field(name="A", type="textarea", length=32000), {"type": ["string", "null"], "maxLength": 32000}),
        (Field(name="A", type="multipicklist", length=4099), {"type": ["string", "null"], "maxLength": 4099}),
        (Field(name="A", type="boolean"), {"type": ["boolean", "null"]}),
        (Field(name="A", type="int"), {"type": ["integer", "null"]}),
        (
            Field(name="A", type="currency", precision=18, scale=2),
            {"type": ["number", "null"], "scale": 2},
        ),
        (
            Field(name="A", type="percent", precision=5, scale=0),
            {"type": ["number", "null"], "scale": 0},
        ),
        (Field(name="A", type="double"), {"type": ["number", "null"]}),
        (Field(name="A", type="date"), {"type": ["string", "null"], "format": "date"}),
        (Field(name="A", type="datetime"), {"type": ["string", "null"], "format": "date-time"}),
        (Field(name="A", type="time"), {"type": ["string", "null"], "format": "time"}),
        (Field(name="A", type="anyType"), {"type": ["string", "null"]}),
        (Field(name="A", type="base64"), {"type": ["string", "null"], "contentEncoding": "base64"}),
        (Field(name="A", type="somethingNew", length=5), {"type": ["string", "null"]}),
        (Field(name="A", type="boolean", label="Is A"), {"type": ["boolean", "null"], "title": "Is A"}),
    ],
    ids=lambda value: value.type if isinstance(value, Field) else "",
)
def test_each_type_has_its_schema(field: Field, schema: dict[str, Any]) -> None:
    assert property_schema(field) == schema


def test_an_unknown_type_is_text_with_a_warning_and_does_not_stop_discovery(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sobject = SObject(
        name="X__c", fields=(Field(name="Id", type="id"), Field(name="New__c", type="hologram"))
    )

    plan = plan_of(sobject, "x_c", Settings())

    assert plan.columns[1].schema == {"type": ["string", "null"]}
    assert "X__c.New__c has type hologram, which is unknown: read as text" in caplog.text


def test_a_value_of_an_unknown_type_is_text_whatever_its_shape() -> None:
    sobject = SObject(
        name="X__c", fields=(Field(name="Id", type="id"), Field(name="New__c", type="hologram"))
    )
    rows = JsonRows(Layout("x_c", plan_of(sobject, "x_c", Settings()).columns))

    found = list(rows.values(b'[{"Id": "a", "New__c": {"ids": [1]}}, {"Id": "b", "New__c": "plain"}]'))

    assert [row[1] for row in found] == ['{"ids":[1]}', "plain"]


def test_exact_decimals_pass_other_targets_validation() -> None:
    """JSON Schema's multipleOf would refuse 0.07 as no multiple of 0.01; see `property_schema`."""
    schema = property_schema(Field(name="A", type="currency", precision=18, scale=2))

    jsonschema.Draft7Validator(schema).validate(0.07)


def test_the_sdks_own_catalog_keeps_everything_that_it_reads(org_server: OrgServer) -> None:
    entries = list(catalog_from(org_server).values())

    for entry, back in zip(entries, Catalog.from_dict({"streams": entries}).streams, strict=True):
        assert back.key_properties == entry["key_properties"]
        assert back.replication_key == entry.get("replication_key")
        assert {key: value["type"] for key, value in back.schema.to_dict()["properties"].items()} == {
            key: value["type"] for key, value in entry["schema"]["properties"].items()
        }


def test_an_object_without_an_id_cannot_be_a_stream() -> None:
    plan = plan_of(SObject(name="X", fields=(Field(name="Name", type="string"),)), "x", Settings())

    assert plan.unsupported == "it has no Id"
    assert catalog_of([plan])["streams"][0]["metadata"][0]["metadata"]["inclusion"] == "unsupported"


def test_salesforce_naming_keeps_api_names_throughout(org_server: OrgServer) -> None:
    catalog = catalog_from(org_server, naming="salesforce")

    assert catalog["Account"]["key_properties"] == ["Id"]
    assert catalog["Account"]["replication_key"] == "SystemModstamp"
    assert "IsDeleted" in catalog["User"]["schema"]["properties"]

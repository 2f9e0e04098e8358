"""Fields and objects that come, go and come back: rows whose stamps do not move get the values that they have now."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from salesforce_simulator.custom import custom_field, custom_object
from salesforce_simulator.users import Permissions
from tap_sfsource.sync.identity import begin_again
from tap_sfsource.tap import TapSFSource
from tests.masked import SALT
from tests.tap.syncs import Syncs, accounts

if TYPE_CHECKING:
    from salesforce_simulator.clock import Clock
    from tests.fix_org import OrgServer


def test_a_field_made_anew_with_another_type_is_read_for_every_row(
    org_server: OrgServer, frozen: Clock
) -> None:
    org = org_server.org
    old, new = accounts(org_server, 2)
    org.add_field("Account", custom_field("Size__c", "string"))
    org.update(old, {"Size__c": "large"})
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account")
    syncs.sync()
    org.remove_field("Account", "Size__c")
    org.add_field("Account", custom_field("Size__c", "double", scale=1))
    org.update(new, {"Size__c": 12.5})
    frozen.advance(hours=3)
    syncs.sync()
    assert syncs.row("accounts", old)["size_c"] is None
    assert syncs.row("accounts", new)["size_c"] == Decimal("12.5")
    assert syncs.sync() == {}


def test_a_renamed_field_is_a_new_column_filled_for_every_row(org_server: OrgServer, frozen: Clock) -> None:
    org = org_server.org
    (record_id,) = accounts(org_server, 1)
    org.add_field("Account", custom_field("Size__c", "string"))
    org.update(record_id, {"Size__c": "large"})
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account")
    syncs.sync()
    org.rename_field("Account", "Size__c", "Extent__c")
    syncs.sync()
    assert syncs.row("accounts", record_id)["extent_c"] == "large"


@pytest.mark.parametrize("full_catalog", [False, True])
def test_a_new_field_never_takes_the_name_of_an_old_column(
    org_server: OrgServer, frozen: Clock, full_catalog: bool
) -> None:
    org = org_server.org
    (record_id,) = accounts(org_server, 1)
    org.add_field("Account", custom_field("My_Size__c", "string"))
    org.update(record_id, {"My_Size__c": "old"})
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account")
    syncs.sync()
    # By API-name order this one would be `my_size_c`, and the older one `my_size_c_2`.
    org.add_field("Account", custom_field("MySize__c", "string"))
    org.update(record_id, {"MySize__c": "new"})
    catalog = TapSFSource(config=syncs.config).catalog_dict if full_catalog else None
    for _ in range(3):
        frozen.advance(hours=3)
        syncs.sync()
        row = syncs.row("accounts", record_id)
        assert (row["my_size_c"], row["my_size_c_2"]) == ("old", "new")
    # A catalog that was made later, without the state, does not turn the names round.
    syncs.sync(catalog)
    row = syncs.row("accounts", record_id)
    assert (row["my_size_c"], row["my_size_c_2"]) == ("old", "new")


@pytest.mark.parametrize("why", ["deselected", "refused", "another type"])
def test_a_new_field_never_takes_the_name_of_a_column_that_was_left_out(
    org_server: OrgServer, frozen: Clock, why: str
) -> None:
    org, refused = org_server.org, org_server.server.settings.refused_columns
    (record_id,) = accounts(org_server, 1)
    org.add_field("Account", custom_field("My_Size__c", "string"))
    org.update(record_id, {"My_Size__c": "old"})
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account")
    syncs.sync()
    catalog = None
    if why == "deselected":
        hidden = {"breadcrumb": ["properties", "my_size_c"], "metadata": {"selected": False}}
        catalog = {"streams": [{"tap_stream_id": "accounts", "metadata": [hidden]}]}
    elif why == "refused":
        refused["Account.My_Size__c"] = "read"
    else:
        org.remove_field("Account", "My_Size__c")
        org.add_field("Account", custom_field("My_Size__c", "textarea"))
        org.update(record_id, {"My_Size__c": "old"})
    if why != "another type":
        syncs.sync(catalog)
    org.add_field("Account", custom_field("MySize__c", "string"))
    org.update(record_id, {"MySize__c": "new"})
    for given in (catalog, catalog, None, None):
        frozen.advance(hours=3)
        if given is None:
            refused.clear()
        syncs.sync(given)
        row = syncs.row("accounts", record_id)
        assert (row["my_size_c"], row["my_size_c_2"]) == ("old", "new")


AFTERWARDS = ["at once", "older state", "catalog", "read again", "other org", "masked", "end of its days"]


@pytest.mark.parametrize("how", AFTERWARDS)
def test_a_new_field_never_takes_the_name_of_a_column_that_nobody_sees_any_more(
    org_server: OrgServer, frozen: Clock, how: str
) -> None:
    org, user = org_server.org, org_server.user.username
    (record_id,) = accounts(org_server, 1)
    org.add_field("Account", custom_field("My_Size__c", "string"))
    org.update(record_id, {"My_Size__c": "old"})
    frozen.advance(hours=3)
    masks = {"mask": {"Account.*y_Size__c": "hash"}, "mask_salt": SALT} if how == "masked" else {}
    syncs = Syncs(org_server, "Account", **masks)
    syncs.sync()
    given = syncs.row("accounts", record_id)["my_size_c"]
    assert syncs.target.state is not None
    bookmark = syncs.target.state["bookmarks"]["accounts"]
    if how == "older state":
        del bookmark["names"]
        frozen.advance(hours=3)
        assert syncs.sync() == {}
    elif how == "read again":
        begin_again(bookmark, sweeps=True, asks_log=False)
    elif how == "other org":
        bookmark["org"] = "00D000000000001"
    if how == "end of its days":
        org.remove_field("Account", "My_Size__c")
    else:
        org.set_permissions(user, Permissions().without_field("Account.My_Size__c"))
    if how == "read again":
        frozen.advance(hours=3)
        syncs.sync()
    org.add_field("Account", custom_field("MySize__c", "string"))
    org.update(record_id, {"MySize__c": "new"})
    # Without the state the new field is the only one that wants the name.
    catalog = TapSFSource(config=syncs.config).catalog_dict if how == "catalog" else None
    for _ in range(2):
        frozen.advance(hours=3)
        syncs.sync(catalog)
        row = syncs.row("accounts", record_id)
        assert (row["my_size_c"], row["my_size_c_2"]) == (given, "new")
    if how == "end of its days":
        return
    org.set_permissions(user, Permissions())
    org.update(record_id, {"My_Size__c": "back"})
    for _ in range(2):
        frozen.advance(hours=3)
        syncs.sync()
        row = syncs.row("accounts", record_id)
        assert (row["my_size_c"] == "back", row["my_size_c_2"]) == (how != "masked", "new")
        assert row["my_size_c"] not in {given, "new"}


def test_many_fields_that_wanted_one_name_keep_theirs(org_server: OrgServer, frozen: Clock) -> None:
    """Each is hidden as the next comes; more of them than have been named together."""
    org, user = org_server.org, org_server.user.username
    (record_id,) = accounts(org_server, 1)
    fields = [f"a{one}1{two}b{three}2__c" for one, two, three in itertools.product(("", "_"), repeat=3)]
    syncs = Syncs(org_server, "Account")
    for count, name in enumerate(fields):
        org.add_field("Account", custom_field(name, "string"))
        org.update(record_id, {name: name})
        org.set_permissions(user, Permissions().without_field(*(f"Account.{old}" for old in fields[:count])))
        for _ in range(2):
            frozen.advance(hours=3)
            syncs.sync()
    org.set_permissions(user, Permissions())
    frozen.advance(hours=3)
    syncs.sync()
    names = ["a_1_b_2_c", *(f"a_1_b_2_c_{number}" for number in range(2, len(fields) + 1))]
    assert [syncs.row("accounts", record_id)[name] for name in names] == fields


@pytest.mark.parametrize("kind", ["textarea", "double"])
def test_a_field_of_another_type_keeps_its_name_with_none_beside_it(
    org_server: OrgServer, frozen: Clock, kind: str
) -> None:
    org = org_server.org
    accounts(org_server, 1)
    org.add_field("Account", custom_field("My_Size__c", "string"))
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account")
    syncs.sync()
    org.remove_field("Account", "My_Size__c")
    org.add_field("Account", custom_field("My_Size__c", kind))
    frozen.advance(hours=3)
    syncs.sync()
    assert syncs.target.names("accounts")["My_Size__c"] == "my_size_c"


def test_a_field_that_was_hidden_for_a_while_is_read_for_every_row(
    org_server: OrgServer, frozen: Clock
) -> None:
    org, name = org_server.org, org_server.user.username
    (record_id,) = accounts(org_server, 1)
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Account")
    syncs.sync()
    org.set_permissions(name, Permissions().without_field("Account.Industry"))
    org.update(record_id, {"Industry": "Energy"})
    syncs.sync()
    assert syncs.complete
    assert syncs.row("accounts", record_id)["industry"] is None
    frozen.advance(hours=3)
    org.set_permissions(name, Permissions())
    syncs.sync()
    assert syncs.row("accounts", record_id)["industry"] == "Energy"


def test_a_new_custom_object_is_read_as_soon_as_a_pattern_reaches_it(
    org_server: OrgServer, frozen: Clock
) -> None:
    syncs = Syncs(org_server, "Account", "*__c")
    syncs.sync()
    assert syncs.complete
    org_server.org.add_object(custom_object("Visit__c", []))
    record_id = org_server.org.create("Visit__c", {"Name": "first"})
    frozen.advance(hours=3)
    assert syncs.sync() == {"visit_c": 1}
    assert syncs.row("visit_c", record_id)["name"] == "first"


def test_an_object_that_is_gone_is_skipped_and_its_rows_stay(org_server: OrgServer, frozen: Clock) -> None:
    org = org_server.org
    org.add_object(custom_object("Visit__c", []))
    record_id = org.create("Visit__c", {"Name": "first"})
    frozen.advance(hours=3)
    catalog = {"streams": [{"tap_stream_id": "accounts"}, {"tap_stream_id": "visit_c"}]}
    syncs = Syncs(org_server)
    syncs.sync(catalog)
    org.remove_object("Visit__c")
    assert syncs.sync(catalog) == {}
    assert syncs.complete
    assert syncs.row("visit_c", record_id)["is_deleted"] is False


def test_an_object_made_anew_under_its_name_is_read_from_the_start(
    org_server: OrgServer, frozen: Clock
) -> None:
    org = org_server.org
    org.add_object(custom_object("Visit__c", []))
    old = org.create("Visit__c", {"Name": "old"})
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "Visit__c")
    syncs.sync()
    org.remove_object("Visit__c")
    org.add_object(custom_object("Visit__c", [custom_field("Size__c", "double", scale=1)]))
    new = org.create("Visit__c", {"Name": "new", "Size__c": 3})
    frozen.advance(hours=3)
    syncs.sync()
    assert syncs.row("visit_c", old)["is_deleted"] is True
    assert syncs.row("visit_c", new)["name"] == "new"
    assert not syncs.row("visit_c", new)["is_deleted"]
    assert syncs.sync() == {}


@pytest.mark.parametrize("full_catalog", [False, True])
def test_a_new_object_never_takes_the_name_of_an_old_stream(
    org_server: OrgServer, frozen: Clock, full_catalog: bool
) -> None:
    org = org_server.org
    org.add_object(custom_object("My_Visit__c", []))
    old = org.create("My_Visit__c", {"Name": "old"})
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "*__c")
    syncs.sync()
    # By API-name order this one would be `my_visit_c`, and the older one `my_visit_c_2`.
    org.add_object(custom_object("MyVisit__c", []))
    new = org.create("MyVisit__c", {"Name": "new"})
    frozen.advance(hours=3)
    catalog = TapSFSource(config=syncs.config).catalog_dict if full_catalog else None
    for expected in ({"my_visit_c_2": 1}, {}):
        assert syncs.sync(catalog) == expected
        assert syncs.complete
        assert syncs.row("my_visit_c", old)["is_deleted"] is False
        assert syncs.row("my_visit_c_2", new)["name"] == "new"
        frozen.advance(hours=3)


@pytest.mark.parametrize("selected", ["MyVisit__c", "catalog"])
def test_a_name_stays_with_an_object_that_is_not_read_any_more(
    org_server: OrgServer, frozen: Clock, selected: str
) -> None:
    org = org_server.org
    org.add_object(custom_object("My_Visit__c", []))
    old = org.create("My_Visit__c", {"Name": "old"})
    frozen.advance(hours=3)
    syncs = Syncs(org_server, "My_Visit__c")
    syncs.sync()
    org.remove_object("My_Visit__c")
    org.add_object(custom_object("MyVisit__c", []))
    org.create("MyVisit__c", {"Name": "new"})
    frozen.advance(hours=3)
    catalog = {"streams": [{"tap_stream_id": "MyVisit__c"}]} if selected == "catalog" else None
    assert syncs.sync(catalog, objects=["MyVisit__c"]) == {"my_visit_c_2": 1}
    assert set(syncs.target.tables["my_visit_c"]) == {old}

"""Stream maps that mean nothing of what a run reads are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.tap.syncs import Syncs, accounts

if TYPE_CHECKING:
    from tests.fix_org import OrgServer


@pytest.mark.parametrize(
    ("maps", "warning"),
    [
        ({"acounts": {"phone": "md5(phone)"}}, "acounts is no stream that the run reads. Is it accounts?"),
        ({"all": {"__source__": "acc*s2"}}, "acc*s2 is no stream that the run reads."),
        ({"accounts": {"phne": None}}, "accounts has no property phne to remove. Is it phone?"),
        ({"*": {"phne": "__NULL__"}}, "* has no property phne to remove. Is it phone?"),
    ],
)
def test_what_a_stream_map_means_to_hide_and_does_not_is_told(
    org_server: OrgServer, caplog: pytest.LogCaptureFixture, maps: dict[str, Any], warning: str
) -> None:
    accounts(org_server, 1)
    syncs = Syncs(org_server, "Account", "Contact", stream_maps=maps)
    syncs.sync()
    assert syncs.complete
    assert f"Setting stream_maps: {warning}" in caplog.text


@pytest.mark.parametrize(
    "maps",
    [
        {"accounts": {"fone": "phone", "phone": None}},
        {"*": {"last_name": None}, "__else__": "__NULL__"},
        {"some": {"__source__": "acc*", "__alias__": "x", "__filter__": "id"}},
        {"contacts": None},
    ],
)
def test_what_a_stream_map_may_say_is_no_mistake(
    org_server: OrgServer, caplog: pytest.LogCaptureFixture, maps: dict[str, Any]
) -> None:
    Syncs(org_server, "Account", "Contact", stream_maps=maps).sync()
    assert "Setting stream_maps" not in caplog.text

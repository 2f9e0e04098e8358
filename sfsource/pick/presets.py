"""Selections that many start from, by API name; those of the checkout's catalogs/."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tap_sfsource.catalog.naming import API_NAMES, COLLECTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

_SALES = """accounts account_contact_roles campaigns campaign_members contacts contracts leads opportunities
opportunity_competitor opportunity_contact_role opportunity_field_history opportunity_product
opportunity_line_item_schedules opportunity_stage price_books price_book_entries products users role"""

_SUPPORT = """accounts cases case_comments case_contact_role case_solution contacts solutions tasks events users _group"""

PRESETS: Final[Mapping[str, tuple[str, ...]]] = {
    "The 48 collections": tuple(COLLECTIONS),
    "Sales": tuple(API_NAMES[name] for name in _SALES.split()),
    "Support": tuple(API_NAMES[name] for name in _SUPPORT.split()),
    "Nothing": (),
}

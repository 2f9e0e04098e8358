"""The model of the histories: objects that hang on each other, their records, and metadata that comes and goes."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from salesforce_simulator.custom import custom_field, custom_object

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from salesforce_simulator.schema import Field, SObject

# The reference to the parent, and the objects that it can be of.
CHILDREN = {
    "Contact": ("AccountId", ("Account",)),
    "Case": ("AccountId", ("Account",)),
    "CaseComment": ("ParentId", ("Case",)),
    "Task": ("WhatId", ("Account", "Case")),
    "Visit__c": ("Account__c", ("Account",)),
}
# A child of these does not exist without its parent; one of the others loses it and lives on.
DETAILS = ("CaseComment", "Visit__c")
# A living one of these forbids to delete its parent; it does not go along.
RESTRICTING = ("Case",)
VALUES: dict[str, Callable[[str], dict[str, Any]]] = {
    "Account": lambda text: {"Name": text or "x", "Phone": text[:40] or None},
    "Contact": lambda text: {"LastName": text[:80] or "x"},
    "Case": lambda text: {"Subject": text or None},
    "CaseComment": lambda text: {"CommentBody": text or None},
    "Task": lambda text: {"Subject": text or None},
    "Visit__c": lambda text: {"Name": text or "x"},
}
# Custom fields that come and go, and what a row has in one before it is set.
CUSTOM: dict[str, tuple[Callable[[], Field], Any]] = {
    "Word__c": (lambda: custom_field("Word__c", "string"), None),
    "Checked__c": (lambda: custom_field("Checked__c", "boolean"), False),
    "Price__c": (lambda: custom_field("Price__c", "currency", precision=18), None),
    "Other__c": (lambda: custom_field("Other__c", "reference", reference_to=("Account", "Case")), None),
}
SETTABLE: dict[str, st.SearchStrategy[Any]] = {
    "Word__c": st.none() | st.sampled_from(["x", "a\0b", "two\r\nlines", '"', "שלום"]),
    "Checked__c": st.booleans(),
    "Price__c": st.none()
    | st.sampled_from([Decimal("-0.01"), Decimal("0.125"), Decimal("9999999999999999.99")]),
}
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


class Row:
    """A record in the model."""

    def __init__(self, sobject: str, values: dict[str, Any], parent: str | None, stamp: datetime) -> None:
        self.sobject = sobject
        self.values = values
        self.parent = parent
        self.created = self.stamp = stamp
        self.root: str | None = None  # whose delete took it
        self.gone_at: datetime | None = None
        self.in_bin = False


def visit() -> SObject:
    """A custom object that comes and goes, a detail of accounts."""
    master = custom_field(
        "Account__c", "reference", reference_to=("Account",), nillable=False, cascade_delete=True
    )
    return custom_object("Visit__c", [master])

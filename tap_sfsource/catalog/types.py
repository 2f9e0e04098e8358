"""What Salesforce's field types mean for a stream: their JSON schemas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_sfsource.api.describe import Field

TEXT_TYPES: Final = frozenset(
    {
        "id",
        "reference",
        "string",
        "textarea",
        "picklist",
        "multipicklist",
        "combobox",
        "phone",
        "url",
        "email",
        "encryptedstring",
        "datacategorygroupreference",
    }
)
"""Types whose values are text of a limited length."""

JSON_TYPES: Final[Mapping[str, Mapping[str, Any]]] = {
    "boolean": {"type": ["boolean", "null"]},
    "int": {"type": ["integer", "null"]},
    "long": {"type": ["integer", "null"]},
    "double": {"type": ["number", "null"]},
    "currency": {"type": ["number", "null"]},
    "percent": {"type": ["number", "null"]},
    "date": {"type": ["string", "null"], "format": "date"},
    "datetime": {"type": ["string", "null"], "format": "date-time"},
    "time": {"type": ["string", "null"], "format": "time"},
    "base64": {"type": ["string", "null"], "contentEncoding": "base64"},
    "anyType": {"type": ["string", "null"]},
    "address": {"type": ["object", "null"]},
    "location": {"type": ["object", "null"]},
}
"""Types with a schema of their own."""

_DECIMAL_TYPES: Final = frozenset({"double", "currency", "percent"})
SINGER_DECIMAL: Final[Mapping[str, Any]] = {
    "type": ["string", "null"],
    "format": "x-singer.decimal",
    "precision": 38,
    "scale": 18,
}
"""A number as text, as the SDK's targets know it. Its digits are those of the widest decimal that warehouses agree on."""
COMPOUND_TYPES: Final = frozenset({"address", "location"})
"""Types whose values are those of other fields, put together."""


def property_schema(field: Field, *, singer_decimal: bool = False) -> dict[str, Any]:
    """The JSON schema of a field: type, format, length or digits, and the label as its title.

    A number's `scale` says that it is a decimal, not a float, and so that no digit may be lost. It says no more:
    length and decimal places of a field bind only those who type into Salesforce's pages, while the API stores and
    returns more digits (Salesforce help, article 000387302). So there is no `precision`, which would make a
    warehouse round, and no `multipleOf`, by which targets that validate would refuse the row; what the field was defined
    with is in the catalog's metadata. `singer_decimal` makes it text that no target takes for a float.
    """
    schema: dict[str, Any]
    if field.type in TEXT_TYPES:
        schema = {"type": ["string"] if field.name == "Id" else ["string", "null"]}
        if field.length:
            schema["maxLength"] = field.length
    else:
        schema = dict(JSON_TYPES.get(field.type, {"type": ["string", "null"]}))
    if field.type in _DECIMAL_TYPES and singer_decimal:
        schema = dict(SINGER_DECIMAL)
    elif field.type in _DECIMAL_TYPES and field.precision:
        schema["scale"] = field.scale
    if field.label:
        schema["title"] = field.label
    return schema

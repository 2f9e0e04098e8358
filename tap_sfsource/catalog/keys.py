"""Keys by which schemas and the catalog's metadata say more than Singer asks for."""

from __future__ import annotations

from typing import Final

API_NAME_KEY: Final = "x-sfsource-api-name"
"""Key of a schema that tells the API name, which a warehouse may show beside the label (the `title`)."""

SOFT_DELETE_KEY: Final = "x-soft-delete"
"""Key of a property's schema: the property marks deleted rows. Any tap may say so."""

SOURCE_KEY: Final = "x-source"
"""Key of a schema: the system that its rows are of. A target can refuse rows of another one in the same table."""

REFERENCES_KEY: Final = "x-references"
"""Key of a property's schema: the streams whose keys its values are. Any tap may say so."""

MASKED_KEY: Final = "x-masked"
"""Key of a property's schema: how the values are masked."""

API_NAME: Final = "sfsource.api-name"
LABEL: Final = "sfsource.label"
TYPE: Final = "sfsource.type"
REFERENCES: Final = "sfsource.references"
FAILED: Final = "sfsource.failed-discovery"
"""Why the discovery failed that made a catalog, and the error's code."""

FORMULA: Final = "sfsource.formula"
PRECISION: Final = "sfsource.precision"
SCALE: Final = "sfsource.scale"
UNSUPPORTED: Final = "sfsource.unsupported"
NOTE: Final = "sfsource.note"
CREATED: Final = "CreatedDate"
"""The field of a shard's window: Salesforce never changes it."""

CREATED_FROM: Final = "sfsource.created-from"
CREATED_BEFORE: Final = "sfsource.created-before"
"""The window of a shard: only rows created from the one moment on and before the other are read. Either may be absent."""

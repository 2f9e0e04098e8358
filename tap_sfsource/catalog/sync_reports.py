"""The stream `sync_reports` in catalogs: its columns, its schema, and whether it is selected.

It is no object of the org, so nothing here asks Salesforce: a run whose login fails has a record too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tap_sfsource.catalog.columns import Column
from tap_sfsource.catalog.keys import FAILED
from tap_sfsource.catalog.selection import read_catalog
from tap_sfsource.errors import CatalogError, DiscoveryError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_sfsource.catalog.selection import StreamSelection
    from tap_sfsource.config import Settings

STREAM: Final = "sync_reports"
KEY: Final = "id"
MOMENT: Final = "finished_at"
"""The property by which a later record is told from an earlier one."""

RUN_KEY: Final = "x-run-id"
"""Key of the stream's schema: the run that the records are of. A target can note it beside what it did itself."""

_TEXT: Final = {"type": ["string", "null"]}
_TEXTS: Final = {"type": ["array", "null"], "items": {"type": "string"}}
_COUNT: Final = {"type": ["integer", "null"]}
_MOMENT: Final = {"type": ["string", "null"], "format": "date-time"}

COLUMNS: Final[Mapping[str, tuple[Mapping[str, Any], str]]] = {
    "id": ({"type": "string"}, "run_id of the run's own row, run_id/collection of a collection's"),
    "run_id": ({"type": "string"}, "The run of the tap"),
    "org_id": (_TEXT, "Id of the org; NULL before a login or the org has told it"),
    "collection": (_TEXT, "The stream; NULL in the run's own row"),
    "object": (_TEXT, "API name of the object"),
    "status": ({"type": "string"}, "success, partial, failed or skipped"),
    "error_code": (_TEXT, "Salesforce's errorCode, or the kind of error"),
    "error_message": (_TEXT, "What went wrong and what to do, or why the collection is skipped"),
    "notices": (_TEXTS, "Remarks of the summary; in the run's row the warnings of its log"),
    "started_at": (_MOMENT, "By the org's clock, where it has told the time"),
    "finished_at": (_MOMENT, "By the org's clock, where it has told the time"),
    "rows": (_COUNT, "Rows read with all of their columns"),
    "deletions": (
        _COUNT,
        "Rows that Salesforce's deletion log, or without it the recycle bin, shows as deleted",
    ),
    "partial_rows": (_COUNT, "Rows read with some columns only: new columns, formulas, sweeps"),
    "reader": (_TEXT, "REST or Bulk"),
    "api_calls": (_COUNT, "API calls: the collection's own, or all of the run"),
    "api_calls_left": (_COUNT, "Calls left of the org's day; in the run's row"),
    "new_columns": (_TEXTS, "Columns that earlier rows did not have"),
    "vanished_columns": (_TEXTS, "Columns that earlier rows had: gone, hidden or deselected"),
    "bookmark": (
        _TEXT,
        "Every change before it has been read; in the run's row the oldest of its collections",
    ),
    "lag_seconds": ({"type": ["number", "null"]}, "finished_at minus bookmark"),
    "tap_version": (_TEXT, "Version of the tap"),
}
"""Each property's JSON schema and what it means, in the order of the records."""


def schema_of(columns: tuple[str, ...]) -> dict[str, Any]:
    """The JSON schema of records with these columns."""
    properties = {name: {**COLUMNS[name][0], "description": COLUMNS[name][1]} for name in columns}
    return {"type": "object", "title": "Record of each run", "properties": properties, "required": [KEY]}


class ReportsPlan:
    """The stream among the plans that discovery lists."""

    stream_name = STREAM

    def __init__(self, failed: tuple[str, str] | None = None) -> None:
        """Take the text and the code of the error that kept a discovery from listing any other stream."""
        self._failed = failed

    def entry(self) -> dict[str, Any]:
        """Its catalog entry."""
        root: dict[str, Any] = {
            "inclusion": "available",
            "selected-by-default": True,
            "table-key-properties": [KEY],
            "forced-replication-method": "INCREMENTAL",
            "valid-replication-keys": [MOMENT],
            "replication-key": MOMENT,
        }
        if self._failed is not None:
            root[FAILED] = [*self._failed]
        metadata: list[dict[str, Any]] = [{"breadcrumb": [], "metadata": root}]
        for name in COLUMNS:
            inclusion = "automatic" if name == KEY else "available"
            told = {"inclusion": inclusion, "selected-by-default": True}
            metadata.append({"breadcrumb": ["properties", name], "metadata": told})
        return {
            "tap_stream_id": STREAM,
            "stream": STREAM,
            "key_properties": [KEY],
            "replication_method": "INCREMENTAL",
            "replication_key": MOMENT,
            "schema": schema_of((*COLUMNS,)),
            "metadata": metadata,
        }


def is_reports(entry: StreamSelection) -> bool:
    """Whether a catalog's entry is this stream, and not an object of the same name."""
    return entry.stream_name == STREAM and not entry.api_name


def selected_columns(catalog: Mapping[str, Any] | None, settings: Settings) -> tuple[str, ...]:
    """The columns of the run's reports, none where no reports are wanted: a catalog that is given has to select them."""
    if not settings.sync_reports:
        return ()
    if catalog is None:
        return (*COLUMNS,)
    try:
        entry = next((entry for entry in read_catalog(catalog) if is_reports(entry)), None)
    except CatalogError:
        return ()  # which the plan of the run will raise
    if entry is None or not entry.selected:
        return ()
    return tuple(
        name
        for name, (schema, _) in COLUMNS.items()
        if name == KEY or entry.is_selected(Column(name, name, "", schema))
    )


def check_discovered(catalog: Mapping[str, Any] | None) -> None:
    """Make sure that a catalog is not the one that a failed discovery has left.

    Raises:
        DiscoveryError: It is; the error is that of the discovery.
    """
    streams = catalog.get("streams") if catalog is not None else None
    for entry in streams if isinstance(streams, list) else ():
        for part in entry.get("metadata") or () if isinstance(entry, dict) else ():
            failed = part.get("metadata", {}).get(FAILED) if isinstance(part, dict) else None
            if isinstance(failed, list):
                raise DiscoveryError(*map(str, failed))

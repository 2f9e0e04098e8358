"""The rows of a Bulk API 1.0 batch as a file: CSV, JSON or XML.

JSON has the records of REST: `attributes` with type and URL in each, in nested ones too, and times that end in `+0000`. (The
guide's own sample has milliseconds since the epoch; recorded results do not.) What XML 1.0 cannot hold (most control
characters) is left out of it.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from salesforce_simulator import values
from salesforce_simulator.http.messages import encode

if TYPE_CHECKING:
    from salesforce_simulator import soql

CONTENT_TYPES = {
    "CSV": "text/csv; charset=UTF-8",
    "JSON": "application/json",
    "XML": "application/xml; charset=UTF-8",
}
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><queryResult xmlns="http://www.force.com/2009/06/asyncapi/dataload" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
)


def write(path: Path, result: "soql.BulkResult", content_type: str, seed: int) -> int:
    """Write the rows of a query as CSV or XML; gives how many."""
    if content_type == "XML":
        rows = [_xml_record(result, row) for row in result.rows()]
        path.write_text(f"{_HEAD}{''.join(rows)}</queryResult>", "utf-8", newline="")
        return len(rows)
    count = 0
    with path.open("wb") as file:
        file.write(result.csv_header())
        for lines, lengths in result.csv_lines(seed=seed):
            file.write(lines)
            count += len(lengths)
    return count


def write_json(path: Path, result: "soql.RestResult") -> int:
    """Write the records of a query; gives how many."""
    records = result.records()
    path.write_bytes(encode(records))
    return len(records)


def _nested(result: "soql.BulkResult", row: Any) -> dict[str, Any]:
    """A row with the fields of parents in records of their own."""
    record: dict[str, Any] = {}
    for name, of, value in zip(result.columns, result.fields, row, strict=True):
        place = record
        *parents, last = name.split(".")
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = values.to_csv(of, value)
    return record


def _xml_record(result: "soql.BulkResult", row: Any) -> str:
    record = _nested(result, row)
    # As in SOAP, every record has its type and an Id in front, be it asked for or not.
    head = {"type": result.sobject, "Id": record.get("Id", "")}
    return f'<records xsi:type="sObject">{_elements(head)}{_elements(record)}</records>'


def _elements(record: dict[str, Any]) -> str:
    return "".join(
        f'<{name} xsi:type="sObject">{_elements(value)}</{name}>'
        if isinstance(value, dict)
        else f"<{name}>{_text(value)}</{name}>"
        if value
        else f'<{name} xsi:nil="true"/>'
        for name, value in record.items()
    )


def _text(value: str) -> str:
    # A bare carriage return would reach the reader as a line feed.
    return escape(_NOT_XML.sub("", value), {"\r": "&#13;"})

"""Names of tables and columns as Postgres takes them."""

from __future__ import annotations

import hashlib

from target_sfwarehouse.errors import BadSchemaError

__all__ = ["LIMIT", "identifier", "quoted", "table_name", "with_parameters"]

LIMIT = 63
"""Bytes of a Postgres identifier (NAMEDATALEN - 1)."""

DIGEST = 8


def identifier(name: str) -> str:
    """Return the name that a property or stream has in Postgres.

    Names are kept as they are, case included. One over 63 bytes, which Postgres would cut (and so let two names
    meet), keeps its first 54 bytes and gets an underscore and eight digits of its SHA-1.

    Args:
        name: Property or stream name.

    Returns:
        A name of at most 63 bytes.

    Raises:
        BadSchemaError: The name is empty or has a NUL character.
    """
    if not name or "\0" in name:
        raise BadSchemaError(f"{name!r} cannot be a name in Postgres: it is empty or has a NUL character.")
    encoded = name.encode("utf-8", "surrogatepass")
    if len(encoded) <= LIMIT:
        return name
    digest = hashlib.sha1(encoded, usedforsecurity=False).hexdigest()[:DIGEST]
    return encoded[: LIMIT - DIGEST - 1].decode("utf-8", "ignore") + "_" + digest


def quoted(*parts: str) -> str:
    """Return names as a quoted, dotted SQL identifier, safe for any character.

    Args:
        *parts: Names from the outside in, e.g. schema, table.

    Returns:
        For example `"sfdc"."accounts"`.
    """
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def with_parameters(part: str) -> str:
    """Return a part of a statement whose text names may have a % in, for a statement that has parameters.

    Args:
        part: For example `"sfdc"."50%_off"`.

    Returns:
        The same with each % doubled, as the driver asks.
    """
    return part.replace("%", "%%")


def table_name(stream: str) -> str:
    """Return the table of a stream: the part after the last hyphen, as the SDK's SQL targets do.

    Args:
        stream: Stream name; database taps send `schema-table`.

    Returns:
        The table's name.

    Raises:
        BadSchemaError: The name cannot be an identifier.
    """
    return identifier(stream.rpartition("-")[2] or stream)

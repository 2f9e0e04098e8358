"""The target's settings: names, kinds, defaults and descriptions in one place.

`Settings` is what the code reads. `json_schema()` of the same class is what `--about`, Meltano and the SDK's validation
see.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from typing import TYPE_CHECKING, Any, Final, Self

from target_sfwarehouse.errors import SettingsError
from target_sfwarehouse.masks import file_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LAST_PORT: Final = 65535
NAME_BYTES: Final = 63
"""Bytes of a Postgres identifier (NAMEDATALEN - 1)."""

DEFAULT_SCHEMA: Final = "salesforce"


def _setting(
    kind: str | tuple[str, ...],
    description: str,
    *,
    default: Any = None,
    secret: bool = False,
    choices: tuple[str, ...] = (),
    minimum: int | None = None,
    parts: Mapping[str, Any] | None = None,
) -> Any:
    """Declare a setting; an object's `parts` are JSON schemas of its members, or keywords beside them."""
    schema: dict[str, Any] = {"type": [*([kind] if isinstance(kind, str) else kind), "null"]}
    if kind == "array":
        schema["items"] = {"type": ["string"]}
    if parts is not None:
        schema |= {"properties": parts, "additionalProperties": True}
    if default is not None:
        schema["default"] = list(default) if kind == "array" else default
    schema["description"] = description
    if secret:
        schema |= {"secret": True, "writeOnly": True}
    if choices:
        schema["enum"] = list(choices)
    if minimum is not None:
        schema["minimum"] = minimum
    return dataclasses.field(default=default, repr=not secret, metadata=schema)


def _part(kind: str, description: str, **rest: Any) -> dict[str, Any]:
    return {"type": [kind, "null"], "description": description, **rest}


_SECRET = {"secret": True, "writeOnly": True}
_SSH_TUNNEL = {
    "enable": _part("boolean", "Go through a bastion host.", default=False),
    "host": _part("string", "The bastion host."),
    "port": _part("integer", "Its port.", default=22),
    "username": _part("string", "Who logs in there."),
    "private_key": _part("string", "Private key, as text.", **_SECRET),
    "private_key_password": _part("string", "The key's password.", **_SECRET),
}
_BATCH_CONFIG = {
    "encoding": _part(
        "object",
        "Specifies the format and compression of the batch files.",
        title="Batch Encoding Configuration",
        additionalProperties=True,
        properties={
            "format": _part(
                "string",
                "Format to use for batch files.",
                title="Batch Encoding Format",
                enum=["jsonl", "parquet", "csv"],
            ),
            "compression": _part(
                "string",
                "Compression format to use for batch files.",
                title="Batch Compression Format",
                enum=["gzip", "none"],
            ),
        },
    ),
    "storage": _part(
        "object",
        "Defines the storage layer to use when writing batch files",
        title="Batch Storage Configuration",
        additionalProperties=True,
        properties={
            "root": _part("string", "Root path to use when writing batch files.", title="Batch Storage Root"),
            "prefix": _part(
                "string", "Prefix to use when writing batch files.", title="Batch Storage Prefix"
            ),
        },
    ),
}


_SECRET_PARAMETERS = ("key", "secret", "token", "password", "credential", "connection_string")


def _storage_secrets(batch_config: Any) -> Iterator[str]:
    """Secrets of where BATCH files are: the login in the storage's root, and parameters that are secrets by their names."""
    storage = batch_config.get("storage") if isinstance(batch_config, dict) else None
    if not isinstance(storage, dict):
        return
    yield from file_secrets(str(storage.get("root", "")))
    parameters = storage.get("params")
    for name, value in parameters.items() if isinstance(parameters, dict) else ():
        if isinstance(value, str) and any(part in name.lower() for part in _SECRET_PARAMETERS):
            yield value


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Checked settings of a run; the metadata of each field is its documentation."""

    host: str | None = _setting(
        "string",
        "Host of the warehouse. Without `host` and `sqlalchemy_url` the target starts a Postgres of its own (see "
        "`embedded_directory`).",
    )
    port: int = _setting(("integer", "string"), "Port of the warehouse.", default=5432)
    user: str | None = _setting("string", "Role that logs in.")
    password: str | None = _setting("string", "The role's password.", secret=True)
    database: str | None = _setting("string", "Database; the role's name if it is not given.")
    sqlalchemy_url: str | None = _setting(
        "string",
        "Connection as a URL, `postgresql://user:password@host:port/database?sslmode=...`; takes the place of `host` "
        "and its kin and of the `ssl_*` settings. A driver name after `postgresql+` is ignored.",
        secret=True,
    )
    embedded_directory: str = _setting(
        "string",
        "Folder of the Postgres that the target runs by itself when no warehouse is configured; needs the extra "
        "`embedded`.",
        default=".sfwarehouse",
    )
    default_target_schema: str | None = _setting(
        "string",
        f"Schema that gets a table for each stream; made if it is not there. `{DEFAULT_SCHEMA}` if neither this nor "
        "`schema` is given.",
    )
    schema: str | None = _setting(
        "string", "Short name of `default_target_schema`. If both are given they must be equal."
    )
    schema_mapping: Mapping[str, Any] | None = _setting(
        "object",
        "Schemas of streams by the prefix of their names, as in pipelinewise-target-postgres: with "
        '`{"crm": {"target_schema": "sfdc"}}` the stream `crm-accounts` goes to `sfdc.accounts`. Other streams go to '
        "`default_target_schema`.",
        parts={},
    )
    conform_names: str = _setting(
        "string",
        "Names of tables and columns: `as_is` keeps those of streams and properties; `lower` gives them in lower case, "
        "`snake_case` also with `_` between words, so that nobody has to quote them (`BillingCity`, `Renewal Date`: "
        "`billing_city`, `renewal_date`).",
        default="as_is",
        choices=("as_is", "lower", "snake_case"),
    )
    load_method: str = _setting(
        "string",
        "`upsert`: the last record of a key wins, unchanged rows are not written. `append-only`: every record becomes "
        "a row, no primary key. `overwrite`: as upsert, into a table that the stream's first batch of the run "
        "empties, or the end of a run that brings no record of the stream.",
        default="upsert",
        choices=("upsert", "append-only", "overwrite"),
    )
    batch_size_rows: int = _setting(
        "integer", "Records of one stream in one transaction, at most.", default=50_000, minimum=1
    )
    batch_size_bytes: int = _setting(
        "integer",
        "Bytes of input, over all streams, after which everything read is committed.",
        default=128 * 1024 * 1024,
        minimum=1,
    )
    batch_wait_limit_seconds: int = _setting(
        "integer",
        "What was read is committed after this many seconds also when no batch is full.",
        default=300,
        minimum=0,
    )
    hard_delete: bool = _setting(
        "boolean",
        "ACTIVATE_VERSION removes the rows that the version did not bring, instead of marking them.",
        default=False,
    )
    activate_version: bool = _setting(
        "boolean",
        "Act on ACTIVATE_VERSION messages: rows that the version did not bring are marked as deleted, in the column that "
        "the schema marks with `x-soft-delete`, else in `is_deleted`, else in `_sdc_deleted_at`.",
        default=True,
    )
    add_record_metadata: bool = _setting(
        "boolean",
        "Add Singer's `_sdc_*` columns. They do not count as a change: a row that is otherwise the same keeps those "
        "of its last change.",
        default=False,
    )
    validate_records: bool = _setting(
        "boolean",
        "Check each record against its JSON schema before it is loaded. Off, because Postgres checks every value "
        "against its column anyway and this costs many times the load itself.",
        default=False,
    )
    on_bad_record: str = _setting(
        "string",
        "`fail`: a record that does not fit ends the run after everything before it is committed. `quarantine`: it "
        "goes to the table `_rejected` with the reason, and the run goes on.",
        default="fail",
        choices=("fail", "quarantine"),
    )
    on_other_source: str = _setting(
        "string",
        "What to do with rows of another source (another org, a refreshed sandbox) than those that a table holds, where "
        "the tap names sources as `x-source`: `refuse` ends the run before the table is touched, `allow` loads them.",
        default="refuse",
        choices=("refuse", "allow"),
    )
    lock_behavior: str = _setting(
        "string",
        "What a run does while another one writes the same table: wait for it, or stop with a message.",
        default="wait",
        choices=("wait", "fail"),
    )
    distribute_by: str = _setting(
        "string",
        "On Citus: `key` distributes each table that the target makes by the first column of its key, `schema` makes "
        "the target schema a distributed one, `none` leaves tables on the coordinator.",
        default="none",
        choices=("none", "key", "schema"),
    )
    received_at: bool = _setting(
        "boolean",
        "Keep `received_at` and `uuid_ts` in each table, as Segment does: when the row was inserted or last changed. All "
        "rows of a batch have the same time, and a later batch has a later one. A property of the tap that has one of "
        "these names keeps its column.",
        default=True,
    )
    history: tuple[str, ...] = _setting(
        "array",
        "Tables to keep a history of, with `*` and `?`: `<table>_history` has each state that a row had, with `valid_from`, "
        "`valid_to` and `is_current` (a slowly changing dimension of type 2). Tables without a key have none. It does not go "
        "with `load_method` `overwrite`.",
        default=(),
    )
    sync_runs: bool = _setting(
        "boolean",
        "Keep a table `_sync_runs` in the schema: rows inserted, updated, unchanged, marked deleted and rejected of "
        "each run and stream.",
        default=True,
    )
    grant_select_to: tuple[str, ...] = _setting(
        "array",
        "Roles that may read what the target makes: the schema, each table, its history and the target's own tables. "
        "Rights that a role has already are not granted again, and none is taken back.",
        default=(),
    )
    compatibility: str = _setting(
        "string",
        "`fivetran` keeps a schema `<schema>_fivetran` with a view over each table, for models that want Fivetran's columns: "
        "`_fivetran_synced` and `_fivetran_deleted`, over a history also `_fivetran_start`, `_fivetran_end` and "
        "`_fivetran_active`.",
        default="none",
        choices=("none", "fivetran"),
    )
    string_type: str = _setting(
        "string",
        "`varchar` gives strings with a `maxLength` the type varchar(n); `text` leaves lengths out.",
        default="text",
        choices=("text", "varchar"),
    )
    indexes: tuple[str, ...] = _setting(
        "array",
        "Properties to index in each table that has them, for example `is_deleted`; `replication_key` stands for the "
        "stream's bookmark properties.",
        default=(),
    )
    column_comments: bool = _setting(
        "boolean",
        "Write `title` and `description` of the schema (Salesforce's label and API name) as comments on tables and "
        "columns.",
        default=True,
    )
    interpret_content_encoding: bool = _setting(
        "boolean", "Store strings with `contentEncoding` base64 or base16 as bytea.", default=False
    )
    sanitize_null_text_characters: bool = _setting(
        "boolean",
        "Replace NUL characters, which Postgres cannot store, with U+FFFD. If false, a record that has one is a bad "
        "record.",
        default=True,
    )
    ssl_enable: bool = _setting(
        "boolean",
        "Check the server's identity as `ssl_mode` says. Ignored with `sqlalchemy_url`, like all `ssl_*`.",
        default=False,
    )
    ssl_client_certificate_enable: bool = _setting(
        "boolean", "Log in with a client certificate.", default=False
    )
    ssl_mode: str = _setting(
        "string",
        "libpq's sslmode.",
        default="verify-full",
        choices=("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    )
    ssl_certificate_authority: str = _setting(
        "string",
        "Certificate authority that signed the server's certificate: a file, or the text itself.",
        default="~/.postgresql/root.crt",
    )
    ssl_client_certificate: str = _setting(
        "string", "Client certificate: a file, or the text itself.", default="~/.postgresql/postgresql.crt"
    )
    ssl_client_private_key: str = _setting(
        "string",
        "Private key of the client certificate: a file, or the text itself.",
        default="~/.postgresql/postgresql.key",
        secret=True,
    )
    ssl_storage_directory: str = _setting(
        "string", "Folder for the files that certificates given as text are written to.", default=".secrets"
    )
    ssh_tunnel: Mapping[str, Any] | None = _setting(
        "object", "Reach the warehouse through an SSH tunnel; needs the extra `ssh`.", parts=_SSH_TUNNEL
    )
    batch_config: Mapping[str, Any] | None = _setting(
        "object", "Configuration for BATCH message capabilities.", parts=_BATCH_CONFIG
    )

    batch_files_from: str = _setting(
        "string",
        "Which files a BATCH message may name. `storage`: those below the root of `batch_config`'s storage, and files of the "
        "same name there. `anywhere`: without such a root, every file that the target may read.",
        default="storage",
        choices=("storage", "anywhere"),
    )
    delete_batch_files: bool = _setting(
        "boolean",
        "Delete the files of a BATCH message when their rows are committed and a later STATE is printed.",
        default=False,
    )

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Give the settings as the JSON schema that the SDK prints, documents and validates against."""
        properties = {field.name: dict(field.metadata) for field in dataclasses.fields(cls)}
        properties["batch_config"]["title"] = "Batch Configuration"
        draft = "https://json-schema.org/draft/2020-12/schema"
        return {"type": "object", "properties": properties, "$schema": draft}

    @classmethod
    def secrets(cls) -> frozenset[str]:
        """Names of the settings that no message may show."""
        return frozenset(field.name for field in dataclasses.fields(cls) if field.metadata.get("secret"))

    @classmethod
    def secret_values(cls, config: Mapping[str, Any]) -> Iterator[str]:
        """Give what no message may show of a config that nobody has checked yet.

        Raises SettingsError where a secret is no text: the SDK's own message would quote it.
        """
        tunnel = config.get("ssh_tunnel")
        if not isinstance(tunnel, dict | None):
            raise SettingsError(
                "`ssh_tunnel` must be an object with `enable`, `host`, `username` and `private_key`."
            )
        inside = [name for name, part in _SSH_TUNNEL.items() if part.get("secret")]
        found = {name: config.get(name) for name in sorted(cls.secrets())}
        for name, value in (
            found | {f"ssh_tunnel.{name}": (tunnel or {}).get(name) for name in inside}
        ).items():
            if not isinstance(value, str | None):
                raise SettingsError(f"`{name}` must be a text: write it in quotes.")
            yield value or ""
        yield from _storage_secrets(config.get("batch_config"))

    @classmethod
    def unknown(cls, config: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, str]:
        """Find settings that do not exist among the known ones: name to the nearest known name, perhaps empty."""
        return {
            name: next(iter(difflib.get_close_matches(name, known, 1)), "")
            for name in sorted(config.keys() - known.keys())
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Read a config whose kinds the SDK has checked. Raises SettingsError where settings contradict each other."""
        names = [field.name for field in dataclasses.fields(cls)]
        values = {name: config[name] for name in names if config.get(name) is not None}
        values |= {name: tuple(values.get(name, ())) for name in ("indexes", "history", "grant_select_to")}
        port = str(values.get("port", cls.port))
        if not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) <= LAST_PORT:
            raise SettingsError(f"`port` must be a number from 1 to {LAST_PORT}.")
        values["port"] = int(port)
        settings = cls(**values)
        schemas = {name for name in (settings.schema, settings.default_target_schema) if name}
        if len(schemas) > 1:
            raise SettingsError(
                f"`schema` is '{settings.schema}' but `default_target_schema` is "
                f"'{settings.default_target_schema}': they name the same thing, set one of them."
            )
        if settings.compatibility != "none" and not settings.received_at:
            raise SettingsError(
                f"`compatibility` `{settings.compatibility}` needs the times of `received_at`. Set `received_at` to true, or "
                "remove `compatibility`."
            )
        if settings.history and settings.load_method == "overwrite":
            raise SettingsError(
                "`history` does not go with `load_method` `overwrite`, which removes each row and brings it back: every run "
                "would end its version. Set `load_method` to `upsert`, or remove `history`."
            )
        for prefix, mapped in (settings.schema_mapping or {}).items():
            name = mapped.get("target_schema") if isinstance(mapped, dict) else None
            if not name or not isinstance(name, str):
                raise SettingsError(
                    f'`schema_mapping` has no schema for "{prefix}": write {{"{prefix}": {{"target_schema": "..."}}}}.'
                )
            schemas.add(name)
        for name in sorted(schemas):
            if len(name.encode("utf-8", "replace")) > NAME_BYTES or "\0" in name or name.startswith("pg_"):
                raise SettingsError(
                    f"Schema {name[:NAME_BYTES]!r} of `default_target_schema` or `schema_mapping` must be a name that "
                    f"Postgres takes: at most {NAME_BYTES} bytes, without a NUL character, and not beginning with pg_."
                )
        return settings

    @property
    def target_schema(self) -> str:
        """Name of the schema that the tables are in."""
        return self.schema or self.default_target_schema or DEFAULT_SCHEMA

    def schema_of(self, stream: str) -> str:
        """Name of the schema that a stream's table is in. Its prefix is `crm` of `crm-accounts` and of `db-crm-accounts`."""
        prefix = stream.rpartition("-")[0].rpartition("-")[2]
        mapped = (self.schema_mapping or {}).get(prefix)
        return str(mapped["target_schema"]) if prefix and mapped else self.target_schema

"""The target's settings: names, kinds, defaults and descriptions in one place.

`Settings` is what the code reads. `json_schema()` of the same class is what `--about`, Meltano and the SDK's validation
see.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib.util
import re
from typing import TYPE_CHECKING, Any, Final, Self

from target_sfwarehouse.declared import BATCH_CONFIG, SSH_TUNNEL, setting, storage_secrets
from target_sfwarehouse.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LAST_PORT: Final = 65535
NAME_BYTES: Final = 63
"""Bytes of a Postgres identifier (NAMEDATALEN - 1)."""

DEFAULT_SCHEMA: Final = "salesforce"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Checked settings of a run; the metadata of each field is its documentation."""

    host: str | None = setting(
        "string",
        "Host of the warehouse. Without `host` and `sqlalchemy_url` the target starts a Postgres of its own (see "
        "`embedded_directory`).",
    )
    port: int = setting(("integer", "string"), "Port of the warehouse.", default=5432)
    user: str | None = setting("string", "Role that logs in.")
    password: str | None = setting("string", "The role's password.", secret=True)
    database: str | None = setting("string", "Database. Without it the one with the role's name.")
    sqlalchemy_url: str | None = setting(
        "string",
        "Connection as a URL, `postgresql://user:password@host:port/database?sslmode=...`. It takes the place of "
        "`host`, `port`, `user`, `password`, `database` and the `ssl_*` settings. A driver name after `postgresql+` "
        "is ignored.",
        secret=True,
    )
    embedded_directory: str = setting(
        "string",
        "Folder of the Postgres that the target runs by itself if no warehouse is configured. It needs the extra "
        "`embedded`.",
        default=".sfwarehouse",
    )
    default_target_schema: str | None = setting(
        "string",
        f"Schema that gets a table for each stream. It is made if it is not there. `{DEFAULT_SCHEMA}` if neither this nor "
        "`schema` is given.",
    )
    schema: str | None = setting(
        "string", "Short name of `default_target_schema`. If both are given they must be equal."
    )
    schema_mapping: Mapping[str, Any] | None = setting(
        "object",
        "Schemas of streams by the prefix of their names, as in pipelinewise-target-postgres: with "
        '`{"crm": {"target_schema": "sfdc"}}` the stream `crm-accounts` goes to `sfdc.accounts`. Other streams go to '
        "`default_target_schema`.",
        parts={},
    )
    conform_names: str = setting(
        "string",
        "Names of tables and columns. `as_is` keeps those of streams and properties. `lower` gives them in lower "
        "case. `snake_case` also puts `_` between words, so that nobody has to quote them: `BillingCity` is "
        "`billing_city`.",
        default="as_is",
        choices=("as_is", "lower", "snake_case"),
    )
    load_method: str = setting(
        "string",
        "`upsert`: the last record of a key wins, and unchanged rows are not written. `append-only`: every record "
        "becomes a row, and there is no primary key. `overwrite`: as upsert, but the first batch of a stream empties "
        "its table; so does the end of a run that brings no record of the stream.",
        default="upsert",
        choices=("upsert", "append-only", "overwrite"),
    )
    batch_size_rows: int = setting(
        "integer", "Most records of one stream in one transaction.", default=50_000, minimum=1
    )
    batch_size_bytes: int = setting(
        "integer",
        "Bytes of input, over all streams, after which everything that was read is committed.",
        default=128 * 1024 * 1024,
        minimum=1,
    )
    batch_wait_limit_seconds: int = setting(
        "integer",
        "Seconds after which everything that was read is committed, even if no batch is full.",
        default=300,
        minimum=0,
    )
    hard_delete: bool = setting(
        "boolean",
        "ACTIVATE_VERSION removes the rows that the version did not bring, instead of marking them as deleted.",
        default=False,
    )
    activate_version: bool = setting(
        "boolean",
        "Act on ACTIVATE_VERSION messages: rows that the version did not bring are marked as deleted. The mark goes "
        "into the column that the schema names with `x-soft-delete`, else into `is_deleted`, else into "
        "`_sdc_deleted_at`.",
        default=True,
    )
    add_record_metadata: bool = setting(
        "boolean",
        "Add Singer's `_sdc_*` columns. They do not count as a change: a row that is otherwise the same keeps the old "
        "ones.",
        default=False,
    )
    validate_records: bool = setting(
        "boolean",
        "Check each record against its JSON schema before it is loaded. That takes many times as long as the load "
        "itself, and Postgres checks every value against its column anyway.",
        default=False,
    )
    on_bad_record: str = setting(
        "string",
        "What to do with a record that does not fit. `fail`: end the run, after everything before the record is "
        "committed. `quarantine`: put it into the table `_rejected` with the reason, and go on.",
        default="fail",
        choices=("fail", "quarantine"),
    )
    on_other_source: str = setting(
        "string",
        "What to do with rows of another source than those in the schema, such as another org or a refreshed sandbox. "
        "The tap names its source as `x-source`. `refuse`: end the run before the table is touched. `allow`: load "
        "them.",
        default="refuse",
        choices=("refuse", "allow"),
    )
    lock_behavior: str = setting(
        "string",
        "What a run does while another one writes the same table. `wait`: wait for it. `fail`: stop with a message.",
        default="wait",
        choices=("wait", "fail"),
    )
    distribute_by: str = setting(
        "string",
        "For Citus. `key`: each table that the target makes is distributed by the first column of its key. `schema`: "
        "the target schema is a distributed one. `none`: tables stay on the coordinator.",
        default="none",
        choices=("none", "key", "schema"),
    )
    received_at: bool = setting(
        "boolean",
        "Keep `received_at` and `uuid_ts` in each table, as Segment does: when the row was inserted or last changed. "
        "All rows of a batch have the same time, and a later batch has a later one. If the tap has a property of that "
        "name, it keeps its column.",
        default=True,
    )
    history: tuple[str, ...] = setting(
        "array",
        "Tables to keep a history of, with `*` and `?` as wildcards. `<table>_history` has each state that a row had, "
        "with `valid_from`, `valid_to` and `is_current` (a slowly changing dimension of type 2). Tables without a key "
        "have none. `load_method` `overwrite` does not allow it.",
        default=(),
    )
    sync_runs: bool = setting(
        "boolean",
        "Keep a table `_sync_runs` in the schema. For each run and stream it has the rows inserted, updated, "
        "unchanged, marked deleted and rejected.",
        default=True,
    )
    grant_select_to: tuple[str, ...] = setting(
        "array",
        "Roles that may read what the target makes: the schema, each table, its history and the target's own tables. "
        "Rights that a role has already are not granted again, and no right is taken back.",
        default=(),
    )
    compatibility: str = setting(
        "string",
        "`fivetran` keeps a schema `<schema>_fivetran` with a view of each table, for models that want Fivetran's "
        "columns: `_fivetran_synced` and `_fivetran_deleted`. Views of a history also have `_fivetran_start`, "
        "`_fivetran_end` and `_fivetran_active`.",
        default="none",
        choices=("none", "fivetran"),
    )
    string_type: str = setting(
        "string",
        "Column type of strings with a `maxLength`: `varchar` keeps the length, `text` leaves it out.",
        default="text",
        choices=("text", "varchar"),
    )
    indexes: tuple[str, ...] = setting(
        "array",
        "Properties that get an index in each table that has them, for example `is_deleted`. `replication_key` stands "
        "for the stream's bookmark properties.",
        default=(),
    )
    column_comments: bool = setting(
        "boolean",
        "Write `title` and `description` of the schema (Salesforce's label and API name) as comments on tables and "
        "columns.",
        default=True,
    )
    interpret_content_encoding: bool = setting(
        "boolean", "Store strings with `contentEncoding` base64 or base16 as bytea.", default=False
    )
    sanitize_null_text_characters: bool = setting(
        "boolean",
        "Replace NUL characters, which Postgres cannot store, with U+FFFD. If false, a record that has one is a bad "
        "record.",
        default=True,
    )
    ssl_enable: bool = setting(
        "boolean",
        "Check the server's identity, as `ssl_mode` says. With `sqlalchemy_url` it is ignored, like all `ssl_*` "
        "settings.",
        default=False,
    )
    ssl_client_certificate_enable: bool = setting(
        "boolean", "Log in with a client certificate.", default=False
    )
    ssl_mode: str = setting(
        "string",
        "How the connection is protected: libpq's `sslmode`. `verify-full` checks the server's certificate and name.",
        default="verify-full",
        choices=("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    )
    ssl_certificate_authority: str = setting(
        "string",
        "Certificate authority that signed the server's certificate: a file, or the text itself.",
        default="~/.postgresql/root.crt",
    )
    ssl_client_certificate: str = setting(
        "string", "Client certificate: a file, or the text itself.", default="~/.postgresql/postgresql.crt"
    )
    ssl_client_private_key: str = setting(
        "string",
        "Private key of the client certificate: a file, or the text itself.",
        default="~/.postgresql/postgresql.key",
        secret=True,
    )
    ssl_storage_directory: str = setting(
        "string",
        "Folder for certificates and keys that are given as text. They are written to files that only their owner can "
        "read.",
        default=".secrets",
    )
    ssh_tunnel: Mapping[str, Any] | None = setting(
        "object",
        "Reach the warehouse through an SSH tunnel: an object with `enable`, `host`, `username` and `private_key`. It "
        "needs the extra `ssh`.",
        parts=SSH_TUNNEL,
    )
    batch_config: Mapping[str, Any] | None = setting(
        "object", "Configuration for BATCH message capabilities.", parts=BATCH_CONFIG
    )

    batch_files_from: str = setting(
        "string",
        "Which files a BATCH message may name. `storage`: those below the root of `batch_config`'s storage, and files of the "
        "same name there. `anywhere`: without such a root, every file that the target may read.",
        default="storage",
        choices=("storage", "anywhere"),
    )
    delete_batch_files: bool = setting(
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
        inside = [name for name, part in SSH_TUNNEL.items() if part.get("secret")]
        found = {name: config.get(name) for name in sorted(cls.secrets())}
        for name, value in (
            found | {f"ssh_tunnel.{name}": (tunnel or {}).get(name) for name in inside}
        ).items():
            if not isinstance(value, str | None):
                raise SettingsError(f"`{name}` must be a text: write it in quotes.")
            yield value or ""
        yield from storage_secrets(config.get("batch_config"))

    @classmethod
    def check_choices(cls, config: Mapping[str, Any]) -> None:
        """Refuse a value that is none of its setting's choices; the SDK's own message would list null among them."""
        for field in dataclasses.fields(cls):
            choices, value = field.metadata.get("enum"), config.get(field.name)
            if choices and value not in choices:
                named = ", ".join(filter(None, choices))
                raise SettingsError(
                    f"`{field.name}` is {value!r}, which is not a choice. Choose one of {named}."
                )

    @classmethod
    def unknown(cls, config: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, str]:
        """Find settings that do not exist among the known ones: name to the nearest known name, perhaps empty."""
        return {
            name: next(iter(difflib.get_close_matches(name, known, 1)), "")
            for name in sorted(config.keys() - known.keys())
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Read a config whose kinds the SDK has checked.

        Raises SettingsError where settings contradict each other, or need an extra that is not installed.
        """
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
        if (settings.ssh_tunnel or {}).get("enable") and not importlib.util.find_spec("target_postgres"):
            raise SettingsError(
                "`ssh_tunnel` is enabled; install the extra that opens it: pip install 'sfsource[ssh]'"
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

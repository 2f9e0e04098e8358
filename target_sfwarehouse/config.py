"""The target's settings: the one place that `--about`, the docs and the code read them from."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from singer_sdk import typing as th
from singer_sdk.helpers.capabilities import BATCH_CONFIG

from target_sfwarehouse.errors import SettingsError
from target_sfwarehouse.postgres.identifiers import LIMIT

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CONFIG_JSONSCHEMA", "Settings"]

DEFAULT_SCHEMA = "salesforce"
DEFAULT_BATCH_ROWS = 50_000
DEFAULT_BATCH_BYTES = 128 * 1024 * 1024
SECRETS = ("password", "sqlalchemy_url")

_CONNECTION = (
    th.Property(
        "host",
        th.StringType,
        description="Host of the warehouse. Without `host` and `sqlalchemy_url` the target starts a Postgres of "
        "its own (see `embedded_directory`).",
    ),
    th.Property("port", th.IntegerType, default=5432, description="Port of the warehouse."),
    th.Property("user", th.StringType, description="Role that logs in."),
    th.Property("password", th.StringType, secret=True, description="The role's password."),
    th.Property("database", th.StringType, description="Database; the role's name if it is not given."),
    th.Property(
        "sqlalchemy_url",
        th.StringType,
        secret=True,
        description="Connection as a URL, `postgresql://user:password@host:port/database?sslmode=...`; takes the "
        "place of `host` and its kin and of the `ssl_*` settings. A driver name after `postgresql+` is ignored.",
    ),
    th.Property(
        "embedded_directory",
        th.StringType,
        default=".sfwarehouse",
        description="Folder of the Postgres that the target runs by itself when no warehouse is configured; needs "
        "the extra `embedded`.",
    ),
)

_DESTINATION = (
    th.Property(
        "default_target_schema",
        th.StringType,
        description=f"Schema that gets a table for each stream; made if it is not there. `{DEFAULT_SCHEMA}` if "
        "neither this nor `schema` is given.",
    ),
    th.Property(
        "schema",
        th.StringType,
        description="Short name of `default_target_schema`. If both are given they must be equal.",
    ),
    th.Property(
        "load_method",
        th.StringType,
        default="upsert",
        allowed_values=["upsert", "append-only", "overwrite"],
        description="`upsert`: the last record of a key wins, unchanged rows are not written. `append-only`: every "
        "record becomes a row, no primary key. `overwrite`: as upsert, into a table that the stream's first batch "
        "of the run empties.",
    ),
    th.Property(
        "batch_size_rows",
        th.IntegerType,
        default=DEFAULT_BATCH_ROWS,
        minimum=1,
        description="Records of one stream in one transaction, at most.",
    ),
    th.Property(
        "batch_size_bytes",
        th.IntegerType,
        default=DEFAULT_BATCH_BYTES,
        minimum=1,
        description="Bytes of input, over all streams, after which everything read is committed.",
    ),
    th.Property(
        "batch_wait_limit_seconds",
        th.IntegerType,
        default=300,
        minimum=0,
        description="What was read is committed after this many seconds also when no batch is full.",
    ),
)

_RULES = (
    th.Property(
        "hard_delete",
        th.BooleanType,
        default=False,
        description="ACTIVATE_VERSION removes the rows that the version did not bring, instead of marking them.",
    ),
    th.Property(
        "activate_version",
        th.BooleanType,
        default=True,
        description="Act on ACTIVATE_VERSION messages: rows that the version did not bring get `is_deleted = true` "
        "(or `_sdc_deleted_at`, where a stream has no `is_deleted`).",
    ),
    th.Property(
        "add_record_metadata",
        th.BooleanType,
        default=False,
        description="Add Singer's `_sdc_*` columns. They do not count as a change: a row that is otherwise the same "
        "keeps those of its last change.",
    ),
    th.Property(
        "validate_records",
        th.BooleanType,
        default=False,
        description="Check each record against its JSON schema before it is loaded. Off, because Postgres checks "
        "every value against its column anyway and this costs many times the load itself.",
    ),
    th.Property(
        "on_bad_record",
        th.StringType,
        default="fail",
        allowed_values=["fail", "quarantine"],
        description="`fail`: a record that does not fit ends the run after everything before it is committed. "
        "`quarantine`: it goes to the table `_rejected` with the reason, and the run goes on.",
    ),
    th.Property(
        "lock_behavior",
        th.StringType,
        default="wait",
        allowed_values=["wait", "fail"],
        description="What a run does while another one writes the same table: wait for it, or stop with a message.",
    ),
    th.Property(
        "sync_runs",
        th.BooleanType,
        default=True,
        description="Keep a table `_sync_runs` in the schema: rows inserted, updated, unchanged, marked deleted and "
        "rejected of each run and stream.",
    ),
)

_TABLES = (
    th.Property(
        "string_type",
        th.StringType,
        default="text",
        allowed_values=["text", "varchar"],
        description="`varchar` gives strings with a `maxLength` the type varchar(n); `text` leaves lengths out.",
    ),
    th.Property(
        "indexes",
        th.ArrayType(th.StringType),
        default=[],
        description="Properties to index in each table that has them, for example `is_deleted`; `replication_key` "
        "stands for the stream's bookmark properties.",
    ),
    th.Property(
        "column_comments",
        th.BooleanType,
        default=True,
        description="Write `title` and `description` of the schema (Salesforce's label and API name) as comments on "
        "tables and columns.",
    ),
    th.Property(
        "interpret_content_encoding",
        th.BooleanType,
        default=False,
        description="Store strings with `contentEncoding` base64 or base16 as bytea.",
    ),
    th.Property(
        "sanitize_null_text_characters",
        th.BooleanType,
        default=True,
        description="Replace NUL characters, which Postgres cannot store, with U+FFFD. If false, a record that has "
        "one is a bad record.",
    ),
)

_SSL = (
    th.Property(
        "ssl_enable",
        th.BooleanType,
        default=False,
        description="Check the server's identity as `ssl_mode` says. Ignored with `sqlalchemy_url`, like all `ssl_*`.",
    ),
    th.Property(
        "ssl_client_certificate_enable",
        th.BooleanType,
        default=False,
        description="Log in with a client certificate.",
    ),
    th.Property(
        "ssl_mode",
        th.StringType,
        default="verify-full",
        allowed_values=["disable", "allow", "prefer", "require", "verify-ca", "verify-full"],
        description="libpq's sslmode.",
    ),
    th.Property(
        "ssl_certificate_authority",
        th.StringType,
        default="~/.postgresql/root.crl",
        description="Certificate authority that signed the server's certificate: a file, or the text itself.",
    ),
    th.Property(
        "ssl_client_certificate",
        th.StringType,
        default="~/.postgresql/postgresql.crt",
        description="Client certificate: a file, or the text itself.",
    ),
    th.Property(
        "ssl_client_private_key",
        th.StringType,
        default="~/.postgresql/postgresql.key",
        secret=True,
        description="Private key of the client certificate: a file, or the text itself.",
    ),
    th.Property(
        "ssl_storage_directory",
        th.StringType,
        default=".secrets",
        description="Folder for the files that certificates given as text are written to.",
    ),
)

_SSH = th.Property(
    "ssh_tunnel",
    th.ObjectType(
        th.Property("enable", th.BooleanType, default=False, description="Go through a bastion host."),
        th.Property("host", th.StringType, description="The bastion host."),
        th.Property("port", th.IntegerType, default=22, description="Its port."),
        th.Property("username", th.StringType, description="Who logs in there."),
        th.Property("private_key", th.StringType, secret=True, description="Private key, as text."),
        th.Property("private_key_password", th.StringType, secret=True, description="The key's password."),
    ),
    description="Reach the warehouse through an SSH tunnel.",
)

CONFIG_JSONSCHEMA: dict[str, Any] = th.PropertiesList(
    *_CONNECTION, *_DESTINATION, *_RULES, *_TABLES, *_SSL, _SSH
).to_dict()

# The SDK's own setting, which does not know the encoding that this package adds.
_BATCH_CONFIG = copy.deepcopy(BATCH_CONFIG["properties"]["batch_config"])
_BATCH_CONFIG["properties"]["encoding"]["properties"]["format"]["enum"].append("csv")
CONFIG_JSONSCHEMA["properties"]["batch_config"] = _BATCH_CONFIG


@dataclass(frozen=True)
class Settings:
    """The settings that the loading code reads, checked and with defaults; see `CONFIG_JSONSCHEMA` for meanings."""

    schema: str = DEFAULT_SCHEMA
    load_method: Literal["upsert", "append-only", "overwrite"] = "upsert"
    batch_size_rows: int = DEFAULT_BATCH_ROWS
    batch_size_bytes: int = DEFAULT_BATCH_BYTES
    batch_wait_limit_seconds: int = 300
    hard_delete: bool = False
    activate_version: bool = True
    add_record_metadata: bool = False
    validate_records: bool = False
    on_bad_record: Literal["fail", "quarantine"] = "fail"
    lock_behavior: Literal["wait", "fail"] = "wait"
    sync_runs: bool = True
    string_type: Literal["text", "varchar"] = "text"
    indexes: tuple[str, ...] = ()
    column_comments: bool = True
    interpret_content_encoding: bool = False
    sanitize_null_text_characters: bool = True
    embedded_directory: Path = Path(".sfwarehouse")
    connection: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Settings:
        """Read the settings from a Singer config.

        Args:
            config: The target's config, defaults filled in by the SDK.

        Returns:
            The settings; `connection` is the config itself, for the settings of the connection.

        Raises:
            SettingsError: Two settings contradict each other or one is unusable.
        """
        names = {"default_target_schema", "schema"}
        schemas = {config[name] for name in names if config.get(name)}
        if len(schemas) > 1:
            raise SettingsError(
                f"`schema` is '{config['schema']}' but `default_target_schema` is "
                f"'{config['default_target_schema']}': they name the same thing, set one of them."
            )
        if any(len(schema.encode("utf-8", "replace")) > LIMIT or "\0" in schema for schema in schemas):
            raise SettingsError(
                f"`schema` must be a name of Postgres: at most {LIMIT} bytes, without a NUL character."
            )
        plain = {
            name: config[name]
            for name in cls.__dataclass_fields__
            if config.get(name) is not None and name not in {"schema", "indexes", "embedded_directory"}
        }
        return cls(
            schema=schemas.pop() if schemas else DEFAULT_SCHEMA,
            indexes=tuple(config.get("indexes") or ()),
            embedded_directory=Path(config.get("embedded_directory") or ".sfwarehouse"),
            connection=config,
            **plain,
        )

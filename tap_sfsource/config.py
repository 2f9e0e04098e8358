"""The tap's settings: names, kinds, defaults and descriptions in one place.

`Settings` is what the code reads; `json_schema()` of the same class is what `--about`, Meltano and the SDK's
validation see, so the two cannot drift apart.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any, Final, Self

from tap_sfsource.config_values import check_api_version, checked, is_unset
from tap_sfsource.hosts import LOGIN_HOSTS, check_url

FORMULA_HOURS: Final = 24
"""The default of `refresh_formulas_hours`, also for objects that its patterns do not name."""


def _setting(
    kind: str,
    description: str,
    *,
    default: Any = None,
    secret: bool = False,
    choices: tuple[str, ...] = (),
    minimum: int | None = None,
    maximum: int | None = None,
    path: bool = False,
    by_object: bool = False,
    by_field: bool = False,
) -> Any:
    metadata = {
        "kind": kind,
        "description": description,
        "secret": secret,
        "choices": choices,
        "minimum": minimum,
        "maximum": maximum,
        "path": path,
        "by_object": by_object,
        "by_field": by_field,
    }
    if isinstance(default, tuple | dict):
        told = list(default) if isinstance(default, tuple) else default
        return dataclasses.field(default_factory=lambda: default, metadata={**metadata, "default": told})
    return dataclasses.field(default=default, metadata={**metadata, "default": default})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Checked settings of a run; the metadata of each field is its documentation."""

    environment: str = _setting(
        "string",
        "Where the org lives: production logs in at login.salesforce.com, sandbox at test.salesforce.com.",
        default="production",
        choices=("production", "sandbox"),
    )
    login_url: str | None = _setting(
        "string",
        "Login host in place of the environment's, such as https://acme.my.salesforce.com (a My Domain). "
        "Client credentials need it. Plain http is allowed for localhost only.",
    )
    client_id: str | None = _setting("string", "Consumer key of the connected app or external client app.")
    client_secret: str | None = _setting(
        "string",
        "Consumer secret. With a client_id and nothing else, nor a login by sfsource login, it is the client credentials "
        "grant.",
        secret=True,
    )
    refresh_token: str | None = _setting("string", "Refresh token: the refresh token grant.", secret=True)
    refresh_token_file: str | None = _setting(
        "string",
        "File in which the refresh token of sfsource login, or a rotated one, is kept (readable by its owner only); a "
        "token kept there is used until refresh_token is changed. Without it the file is below the user's data folder, "
        "one for each app and login.",
        path=True,
    )
    username: str | None = _setting("string", "User of the JWT bearer and the username-password login.")
    private_key: str | None = _setting(
        "string", "Private key, PEM text, for the JWT bearer grant.", secret=True
    )
    private_key_file: str | None = _setting(
        "string", "File with the private key, PEM, for the JWT bearer grant.", path=True
    )
    jwt_audience: str | None = _setting(
        "string",
        "Audience of the JWT bearer grant. Without it the shared login host of the environment, which is right for "
        "all but an Experience Cloud site.",
    )
    password: str | None = _setting(
        "string",
        "Password of the username-password login, which Salesforce ends with the Summer '27 release.",
        secret=True,
    )
    security_token: str | None = _setting(
        "string", "Security token of the username-password login.", secret=True
    )
    access_token: str | None = _setting(
        "string",
        "A session's access token, with instance_url. It cannot be renewed when it expires.",
        secret=True,
    )
    instance_url: str | None = _setting("string", "The org's own host, for access_token.")
    trusted_hosts: tuple[str, ...] = _setting(
        "array",
        "Further hosts that a session's token may be sent to. Without it those are hosts of Salesforce, and the "
        "domain of login_url.",
        default=(),
    )
    ca_file: str | None = _setting(
        "string", "File with the certificates to trust, PEM, in place of the usual ones.", path=True
    )
    api_version: str = _setting("string", "Version of Salesforce's API.", default="62.0")
    start_date: str | Mapping[str, str | None] | None = _setting(
        "date-time",
        "Oldest change to read in a stream's first sync (ISO 8601), that moment included. Without it everything is read. "
        "Or an object that gives a date for each object or pattern, as docs/selective-sync.md shows.",
        by_object=True,
    )
    end_date: str | Mapping[str, str | None] | None = _setting(
        "date-time",
        "First change not to read (ISO 8601): rows with this stamp or a later one wait for a run with a later date. Or dates "
        "by object, as for start_date.",
        by_object=True,
    )
    filters: Mapping[str, str | None] = _setting(
        "object",
        'SOQL conditions by object or pattern, such as {"Account": "Industry = \'Energy\'"}: only rows that meet theirs are '
        "read. A changed condition reads the object anew.",
        default={},
        by_object=True,
    )
    mask: Mapping[str, str] = _setting(
        "object",
        'How fields with personal data go out, by Object.Field or pattern, such as {"Contact.*Email": "hash"}: hash (of the '
        "value and mask_salt), null (the column stays empty), drop (no column), keep (as it is, where a pattern says "
        "otherwise). docs/personal-data.md says where values may be kept.",
        default={},
        choices=("hash", "null", "drop", "keep"),
        by_field=True,
    )
    mask_salt: str | None = _setting(
        "string",
        "Secret of the hashes that mask makes: the same value and salt give the same hash. Another salt reads the hashed "
        "columns anew.",
        secret=True,
    )
    new_fields: str | Mapping[str, str | None] = _setting(
        "string",
        "Whether a field is read that appears in the org when its object has been read before: include, or exclude, which "
        "leaves it out until a catalog selects it. Or a choice by object, as for start_date.",
        default="include",
        choices=("include", "exclude"),
        by_object=True,
    )
    objects: tuple[str, ...] = _setting(
        "array",
        "What discovery covers and, without a catalog, what is read: API or collection names, with * and ? as "
        "wildcards. Without it discovery covers every object, of which the 48 collections are selected.",
        default=(),
    )
    exclude_objects: tuple[str, ...] = _setting(
        "array", "Objects to leave out, by API or collection name, with * and ? as wildcards.", default=()
    )
    naming: str = _setting(
        "string",
        "Names of streams and properties: Segment's (accounts, billing_city) or Salesforce's API names.",
        default="segment",
        choices=("segment", "salesforce"),
    )
    deletes: str = _setting(
        "string",
        "Which deletions are seen: soft (is_deleted rows of queryAll, as Segment does), all (also hard deletes, "
        "from Salesforce's deletion log), sweep (all, and a comparison with every id of the org in this "
        "run).",
        default="all",
        choices=("soft", "all", "sweep"),
    )
    reader: str = _setting(
        "string",
        "How rows are read: REST, Bulk API 2.0, or auto, which decides for each collection by its size.",
        default="auto",
        choices=("auto", "rest", "bulk"),
    )
    bulk_threshold: int = _setting(
        "integer",
        "With reader auto, a result of more rows than this is read by Bulk.",
        default=10_000,
        minimum=0,
    )
    lookback_seconds: int = _setting(
        "integer",
        "How far before its bookmark a window starts, for transactions that commit late, where an object has no "
        "deletion log whose watermark tells.",
        default=600,
        minimum=0,
    )
    state_seconds: int = _setting(
        "integer",
        "While rows are read, seconds between two STATE messages: a run that is killed reads that much again. A STATE also "
        "comes before the wait for a Bulk job, with each of its pages, and at the end. 0 writes one behind each page.",
        default=5,
        minimum=0,
    )
    refresh_formulas_hours: int | Mapping[str, int | None] = _setting(
        "integer",
        "Formula values change without a new SystemModstamp: read them again for every row before they are this many hours "
        "old. 0 never does. Or hours by object, as for start_date. Formulas over fields of their own row need it not.",
        default=FORMULA_HOURS,
        minimum=0,
        by_object=True,
    )
    refresh_formulas_max_rows: int = _setting(
        "integer",
        "An object with more rows than this keeps its formulas' values until a row changes, and the run says so. 0 sets no "
        "limit.",
        default=5_000_000,
        minimum=0,
    )
    refresh_fields: tuple[str, ...] = _setting(
        "array",
        "Further fields to refresh on the formulas' schedule, as Object.Field by API name.",
        default=(),
    )
    partial_rows: str = _setting(
        "string",
        "Which rows may hold only some of their properties: deletions, sweeps, new and refreshed columns with auto; "
        "none with whole, which never narrows a SCHEMA and reads whole rows instead. Choose whole for a target that "
        "replaces rows, appends them, or takes a file's header from the first record.",
        default="auto",
        choices=("auto", "whole"),
    )
    use_singer_decimal: bool = _setting(
        "boolean",
        "Write decimals as text with the format x-singer.decimal, so that targets which make floats of numbers keep every "
        "digit. Not needed for target-sfwarehouse.",
        default=False,
    )
    include_base64: bool = _setting(
        "boolean",
        "Select base64 fields (file contents) by default. They are read one row at a time.",
        default=False,
    )
    base64_max_bytes: int = _setting(
        "integer",
        "Largest file content to read, in bytes; a larger one is left null.",
        default=10_000_000,
        minimum=0,
    )
    on_other_org: str = _setting(
        "string",
        "What to do when the state is of another org than the login leads to, as after the refresh of a sandbox: restart "
        "reads all rows again and marks rows that the new org lacks as deleted; stop ends the run.",
        default="restart",
        choices=("restart", "stop"),
    )
    quota_percent_total: int = _setting(
        "integer",
        "Stop when the org has used this share of its daily API calls, by whatever application. It bounds Bulk jobs and "
        "their results likewise: what no longer fits is read by REST if it is small, and waits for a later run if not.",
        default=80,
        minimum=1,
        maximum=100,
    )
    quota_percent_per_run: int = _setting(
        "integer",
        "Stop when this run has used this share of the org's daily API calls; it bounds Bulk jobs likewise.",
        default=25,
        minimum=1,
        maximum=100,
    )
    cache_dir: str | None = _setting(
        "string",
        "Folder for a cache of describes, asked again with If-Modified-Since. It saves time and bytes, not API "
        "calls. Without it nothing is cached.",
        path=True,
    )
    max_workers: int = _setting(
        "integer", "Requests in flight at the same time.", default=8, minimum=1, maximum=64
    )
    request_timeout: int = _setting(
        "integer", "Seconds that a request may wait for the next bytes.", default=300, minimum=1
    )
    retry_seconds: int = _setting(
        "integer",
        "How long a request that fails for passing reasons is tried again, in seconds.",
        default=600,
        minimum=0,
    )
    page_size: int = _setting(
        "integer",
        "Rows a REST page (Salesforce takes it as a hint).",
        default=2_000,
        minimum=200,
        maximum=2_000,
    )
    bulk_page_size: int = _setting(
        "integer",
        "Rows a page of Bulk results, where pages are not downloaded several at a time.",
        default=50_000,
        minimum=1,
    )
    download_connections: int = _setting(
        "integer",
        "Pages of a Bulk job that are downloaded at the same time, within max_workers. They are Salesforce's own pages, and "
        "up to a gigabyte of them waits in spool_dir. With 1 they come one after the other, bulk_page_size rows each.",
        default=4,
        minimum=1,
        maximum=16,
    )
    split_rows: int = _setting(
        "integer",
        "An object of more rows than this is read by several Bulk jobs, one for each window of its replication key.",
        default=10_000_000,
        minimum=1,
    )
    spool_dir: str | None = _setting(
        "string",
        "Folder in which Bulk pages wait. Without it that of BATCH files, or the temporary one.",
        path=True,
    )
    progress: str = _setting(
        "string",
        "Progress on stderr: a bar, plain lines, none; auto shows the bar on a terminal and lines elsewhere.",
        default="auto",
        choices=("auto", "bar", "lines", "none"),
    )
    sync_reports: bool = _setting(
        "boolean",
        "End each run with its record: a stream sync_reports with a row for the run, and one for each collection in which "
        "something happened. A catalog that is given has to select it, as any stream.",
        default=True,
    )

    report_failed_discovery: bool = _setting(
        "boolean",
        "Let a discovery that fails print a catalog of sync_reports alone, and end well. The run with that catalog fails in "
        "its place, with the same error and a record of it. For Meltano, which starts no target behind a failed discovery.",
        default=False,
    )

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """The settings as the JSON schema that the SDK prints, documents and validates against."""
        return {
            "type": "object",
            "properties": {field.name: _property_schema(field.metadata) for field in dataclasses.fields(cls)},
        }

    @classmethod
    def secrets(cls) -> frozenset[str]:
        """Names of the settings whose values must never be shown."""
        return frozenset(field.name for field in dataclasses.fields(cls) if field.metadata["secret"])

    @classmethod
    def unknown(cls, config: Mapping[str, Any], others: frozenset[str]) -> dict[str, str]:
        """Settings that nobody knows (`others` are the SDK's), each with the nearest known name or an empty string."""
        names = [field.name for field in dataclasses.fields(cls)]
        unknown = (name for name in config if name not in names and name not in others)
        return {name: next(iter(difflib.get_close_matches(name, names, 1)), "") for name in unknown}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Check a configuration; names of others are ignored, and an empty string is as good as no setting.

        Raises:
            ConfigError: A value is of the wrong kind, out of its bounds or not among the choices.
        """
        values = {
            field.name: checked(field.name, field.metadata, config[field.name])
            for field in dataclasses.fields(cls)
            if not is_unset(config.get(field.name))
        }
        settings = cls(**values)
        for name in ("login_url", "instance_url"):
            check_url(name, getattr(settings, name))
        check_api_version(settings.api_version)
        return settings

    @classmethod
    def typed(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """A checked configuration with values of the settings' own types, where others say the same: text of a list."""
        settings, kinds = (
            cls.from_config(config),
            {field.name: field.metadata["kind"] for field in dataclasses.fields(cls)},
        )
        values = dict(config)
        for name in kinds.keys() & config.keys():
            value = None if is_unset(config[name]) else getattr(settings, name)
            if value is None or kinds[name] in {"array", "integer"} or isinstance(value, Mapping):
                values[name] = list(value) if isinstance(value, tuple) else value
        return values

    @property
    def login_host(self) -> str:
        """The URL to log in at, without a slash at its end."""
        return (self.login_url or LOGIN_HOSTS[self.environment]).rstrip("/")

    def by_object(self, name: str) -> Mapping[str, Any]:
        """The values of a setting by object or pattern; a plain value is of every object."""
        value = getattr(self, name)
        return value if isinstance(value, Mapping) else {"*": value}

    @classmethod
    def names_by_object(cls) -> tuple[str, ...]:
        """The settings that may have values by object."""
        return tuple(field.name for field in dataclasses.fields(cls) if field.metadata["by_object"])


def _property_schema(metadata: Mapping[str, Any]) -> dict[str, Any]:
    kind = metadata["kind"]
    schema: dict[str, Any] = {"description": metadata["description"]}
    if kind == "array":
        schema |= {"type": ["array", "null"], "items": {"type": "string"}}
    elif kind == "date-time":
        schema |= {"type": ["string", "null"], "format": "date-time"}
    else:
        schema["type"] = [kind, "null"]
    if metadata["by_field"]:
        # Text too: of an object of Meltano's the keys with a dot are lost where an environment variable has it.
        values = {"type": ["string", "object", "null"]}
        choices = [{"type": ["object", "null"], "additionalProperties": values}, {"type": "string"}]
        return {"description": schema["description"], "anyOf": choices}
    if metadata["choices"]:
        schema["enum"] = [*metadata["choices"], None]
    if metadata["by_object"]:
        schema = _schema_by_object(schema)
    for bound in ("minimum", "maximum"):
        if metadata[bound] is not None and not metadata["by_object"]:
            schema[bound] = metadata[bound]
    if metadata["default"] not in (None, [], {}):
        schema["default"] = metadata["default"]
    if metadata["secret"]:
        schema |= {"secret": True, "writeOnly": True}
    return schema


def _schema_by_object(plain: dict[str, Any]) -> dict[str, Any]:
    """A setting's schema with an object of such values beside a plain value."""
    description = plain.pop("description")
    if plain["type"] == ["object", "null"]:
        texts = {"type": ["string", "null"]}
        return {"description": description, **plain, "additionalProperties": texts}
    if plain["type"] == ["integer", "null"]:
        # The SDK makes an int of an integer's environment variable, which may hold an object.
        plain["type"] = ["number", "string", "null"]
    return {"description": description, "anyOf": [plain, {"type": "object", "additionalProperties": plain}]}

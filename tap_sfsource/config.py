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
from tap_sfsource.declared import property_schema, setting
from tap_sfsource.hosts import LOGIN_HOSTS, check_url

FORMULA_HOURS: Final = 24
"""The default of `refresh_formulas_hours`, also for objects that its patterns do not name."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Checked settings of a run; the metadata of each field is its documentation."""

    environment: str = setting(
        "string",
        "Where the org lives: production logs in at login.salesforce.com, sandbox at test.salesforce.com.",
        default="production",
        choices=("production", "sandbox"),
    )
    login_url: str | None = setting(
        "string",
        "Login host in place of the environment's, such as https://acme.my.salesforce.com (a My Domain). "
        "Client credentials need it. Plain http is allowed for localhost only.",
    )
    client_id: str | None = setting("string", "Consumer key of the connected app or external client app.")
    client_secret: str | None = setting(
        "string",
        "Consumer secret. With client_id alone it is the login by client credentials, unless sfsource login has kept "
        "a login.",
        secret=True,
    )
    refresh_token: str | None = setting(
        "string", "Refresh token, for the login by refresh token.", secret=True
    )
    refresh_token_file: str | None = setting(
        "string",
        "File that keeps the refresh token of sfsource login, or one that Salesforce rotated. Only its owner can read "
        "it. A token that is kept there is used until refresh_token is changed. Without the setting the file is in "
        "the user's data folder, one for each app and login host.",
        path=True,
    )
    username: str | None = setting("string", "User of the login by JWT bearer, or by user name and password.")
    private_key: str | None = setting(
        "string", "Private key for the login by JWT bearer, as PEM text.", secret=True
    )
    private_key_file: str | None = setting(
        "string", "File with the private key for the login by JWT bearer, PEM.", path=True
    )
    jwt_audience: str | None = setting(
        "string",
        "Audience of the login by JWT bearer. Without it the shared login host of the environment, which is right for "
        "all but an Experience Cloud site.",
    )
    password: str | None = setting(
        "string",
        "Password of the login by user name and password, which Salesforce ends with the Summer '27 release.",
        secret=True,
    )
    security_token: str | None = setting(
        "string", "Security token of the login by user name and password.", secret=True
    )
    access_token: str | None = setting(
        "string",
        "Access token of a session, together with instance_url. It cannot be renewed when it expires.",
        secret=True,
    )
    instance_url: str | None = setting("string", "The org's own host, together with access_token.")
    trusted_hosts: tuple[str, ...] = setting(
        "array",
        "Further hosts that a token may be sent to. A token always may go to hosts of Salesforce and of the domain of "
        "login_url.",
        default=(),
    )
    ca_file: str | None = setting(
        "string", "File with the certificates to trust (PEM), in place of the system's.", path=True
    )
    api_version: str = setting("string", "Version of Salesforce's API.", default="62.0")
    start_date: str | Mapping[str, str | None] | None = setting(
        "date-time",
        "Oldest change that the first sync of a stream reads (ISO 8601, inclusive). Without it everything is read. Or "
        "an object with a date for each object or pattern, as docs/selective-sync.md shows.",
        by_object=True,
    )
    end_date: str | Mapping[str, str | None] | None = setting(
        "date-time",
        "First change that is not read (ISO 8601). Rows with this stamp or a later one wait for a run with a later "
        "date. Or dates by object, as for start_date.",
        by_object=True,
    )
    filters: Mapping[str, str | None] = setting(
        "object",
        'SOQL conditions by object or pattern, such as {"Account": "Industry = \'Energy\'"}. Only rows that meet the '
        "condition are read. If a condition changes, the object is read again from the start.",
        default={},
        by_object=True,
    )
    mask: Mapping[str, str] = setting(
        "object",
        'What happens to fields with personal data, by Object.Field or pattern, such as {"Contact.*Email": "hash"}. '
        "hash: a hash of the value and mask_salt. null: the column stays empty. drop: no column. keep: as it is, "
        "where a pattern says otherwise. docs/personal-data.md says where plain values may remain.",
        default={},
        choices=("hash", "null", "drop", "keep"),
        by_field=True,
    )
    mask_salt: str | None = setting(
        "string",
        "Secret of the hashes that mask makes. The same value and salt give the same hash. If the salt changes, "
        "hashed columns are read again.",
        secret=True,
    )
    new_fields: str | Mapping[str, str | None] = setting(
        "string",
        "What happens to a field that appears in the org after its object was read. include: it is read. exclude: it "
        "is left out until a catalog selects it. Or a choice by object, as for start_date.",
        default="include",
        choices=("include", "exclude"),
        by_object=True,
    )
    objects: tuple[str, ...] = setting(
        "array",
        "Objects to read, by API or collection name, with * and ? as wildcards. A catalog goes before it. Discovery "
        "lists these objects only. Without it discovery lists every object and selects the 48 collections.",
        default=(),
    )
    exclude_objects: tuple[str, ...] = setting(
        "array", "Objects to leave out, by API or collection name, with * and ? as wildcards.", default=()
    )
    naming: str = setting(
        "string",
        "Names of streams and properties: Segment's (accounts, billing_city) or Salesforce's API names.",
        default="segment",
        choices=("segment", "salesforce"),
    )
    deletes: str = setting(
        "string",
        "Which deletions are seen. soft: records in the recycle bin, as Segment does. all: also records that were "
        "deleted for good, from Salesforce's deletion log. sweep: also everything else that is gone, as this run "
        "compares every id.",
        default="all",
        choices=("soft", "all", "sweep"),
    )
    reader: str = setting(
        "string",
        "How rows are read: REST, Bulk API 2.0, or auto, which decides for each collection by its size.",
        default="auto",
        choices=("auto", "rest", "bulk"),
    )
    bulk_threshold: int = setting(
        "integer",
        "With reader auto, a result of more rows than this is read by Bulk.",
        default=10_000,
        minimum=0,
    )
    lookback_seconds: int = setting(
        "integer",
        "Seconds before its bookmark at which a run begins to read, for transactions that commit late. It counts for "
        "objects without a deletion log; with one, Salesforce tells the time.",
        default=600,
        minimum=0,
    )
    state_seconds: int = setting(
        "integer",
        "Seconds between two STATE messages while rows are read. A run that is killed reads that much again. A STATE "
        "also comes before the wait for a Bulk job, with each of its pages, and at the end. With 0 each page has one.",
        default=5,
        minimum=0,
    )
    refresh_formulas_hours: int | Mapping[str, int | None] = setting(
        "integer",
        "Formula values change without a new SystemModstamp. So they are read again for every row before they are "
        "this many hours old. 0 switches that off. Or hours by object, as for start_date. Formulas over fields of "
        "their own row do not need it.",
        default=FORMULA_HOURS,
        minimum=0,
        by_object=True,
    )
    refresh_formulas_max_rows: int = setting(
        "integer",
        "An object with more rows than this keeps its formulas' values until a row changes, and the run says so. 0 sets no "
        "limit.",
        default=5_000_000,
        minimum=0,
    )
    refresh_fields: tuple[str, ...] = setting(
        "array",
        "Further fields to read again together with the formulas, as Object.Field by API name.",
        default=(),
    )
    partial_rows: str = setting(
        "string",
        "Whether rows may go out with some of their properties only. auto: yes, for deletions, sweeps, new columns "
        "and refreshed ones. whole: no, the tap reads whole rows instead. Choose whole for a target that replaces "
        "rows, appends them, or takes a file's header from the first record.",
        default="auto",
        choices=("auto", "whole"),
    )
    use_singer_decimal: bool = setting(
        "boolean",
        "Write decimals as text with the format x-singer.decimal, so that targets which make floats of numbers keep every "
        "digit. Not needed for target-sfwarehouse.",
        default=False,
    )
    include_base64: bool = setting(
        "boolean",
        "Select base64 fields (file contents) by default. They are read one row at a time, each by an API call of its "
        "own.",
        default=False,
    )
    base64_max_bytes: int = setting(
        "integer",
        "Largest file content to read, in bytes; a larger one is left null.",
        default=10_000_000,
        minimum=0,
    )
    on_other_org: str = setting(
        "string",
        "What to do if the state is of another org than the login, as after the refresh of a sandbox. restart: read "
        "all rows again, and mark rows that the new org lacks as deleted. stop: end the run.",
        default="restart",
        choices=("restart", "stop"),
    )
    quota_percent_total: int = setting(
        "integer",
        "Stop when the org has used this share of its daily API calls, by whatever application. Bulk jobs and their "
        "results have the same limit: what no longer fits is read by REST if it is small, and waits for a later run "
        "if not.",
        default=80,
        minimum=1,
        maximum=100,
    )
    quota_percent_per_run: int = setting(
        "integer",
        "Stop when this run has used this share of the org's daily API calls. Bulk jobs have the same limit.",
        default=25,
        minimum=1,
        maximum=100,
    )
    cache_dir: str | None = setting(
        "string",
        "Folder for a cache of describes, which are asked again with If-Modified-Since. It saves time and bytes, but "
        "no API calls. Without it nothing is cached.",
        path=True,
    )
    max_workers: int = setting(
        "integer", "Requests in flight at the same time.", default=8, minimum=1, maximum=64
    )
    request_timeout: int = setting(
        "integer", "Seconds that a request waits for the next bytes.", default=300, minimum=1
    )
    retry_seconds: int = setting(
        "integer",
        "Seconds for which a request is tried again if it fails for a passing reason.",
        default=600,
        minimum=0,
    )
    page_size: int = setting(
        "integer",
        "Rows of a REST page. Salesforce takes it as a hint.",
        default=2_000,
        minimum=200,
        maximum=2_000,
    )
    bulk_page_size: int = setting(
        "integer",
        "Rows of a page of Bulk results, if download_connections is 1.",
        default=50_000,
        minimum=1,
    )
    download_connections: int = setting(
        "integer",
        "Pages of a Bulk job that are downloaded at the same time, within max_workers. They are Salesforce's own pages, and "
        "up to a gigabyte of them waits in spool_dir. With 1 they come one after the other, bulk_page_size rows each.",
        default=4,
        minimum=1,
        maximum=16,
    )
    split_rows: int = setting(
        "integer",
        "An object with more rows than this is read by several Bulk jobs, one for each window of its replication key.",
        default=10_000_000,
        minimum=1,
    )
    spool_dir: str | None = setting(
        "string",
        "Folder in which Bulk pages wait. Without it the folder of BATCH files, or the system's temporary folder.",
        path=True,
    )
    progress: str = setting(
        "string",
        "Progress on stderr: bar, lines or none. auto shows a bar on a terminal and lines elsewhere.",
        default="auto",
        choices=("auto", "bar", "lines", "none"),
    )
    sync_reports: bool = setting(
        "boolean",
        "End each run with a record of it: the stream sync_reports has a row for the run, and one for each collection "
        "in which something happened. A catalog has to select it like any stream.",
        default=True,
    )

    report_failed_discovery: bool = setting(
        "boolean",
        "If a discovery fails, print a catalog with sync_reports alone, and end well. The run with that catalog then "
        "fails with the same error, and leaves a record. For Meltano, which starts no target after a failed "
        "discovery.",
        default=False,
    )

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """The settings as the JSON schema that the SDK prints, documents and validates against."""
        return {
            "type": "object",
            "properties": {field.name: property_schema(field.metadata) for field in dataclasses.fields(cls)},
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
        settings = cls.from_config(config)
        kinds = {field.name: field.metadata["kind"] for field in dataclasses.fields(cls)}
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

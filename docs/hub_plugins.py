"""The definitions in `hub/`, by which Meltano adds the plugins, and Meltano's hub shows them; made from `--about`.

    python -m docs.hub_plugins

Their form is that of the hub's plugin definitions.
"""

from __future__ import annotations

import io
import re
from typing import Any, Final

from ruamel.yaml import YAML

from docs.generate import PROJECT, about, is_sensitive, meltano_setting

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
    known, more = KNOWN[own.pop("kind")], own.pop("more")
    capabilities = sorted({*(set(described["capabilities"]) & known), *more})
    settings = described["settings"]["properties"]
    found = own | {
        "name": plugin,
        "namespace": plugin.replace("-", "_"),
        "variant": "sfsource",
        "executable": plugin,
        "pip_url": described.get("package") or "sfsource",
        "description": described["description"],
        "maintenance_status": "active",
        "logo_url": f"/assets/logos/{PLUGINS[plugin]['kind']}/sfsource.svg",
        "capabilities": capabilities,
        "settings": [setting(name, settings[name]) for name in sorted(settings) if name != "schema"],
    }
    return dict(sorted(found.items()))


def text(plugin: str, described: dict[str, Any]) -> str:
    """The definition as a YAML file."""
    yaml = YAML()
    yaml.width = 100
    written = io.StringIO()
    yaml.dump(definition(plugin, described), written)
    return written.getvalue()


def main() -> None:
    """Renew the files."""
    for plugin in PLUGINS:
        (FOLDER / f"{plugin}.yml").write_text(text(plugin, about(plugin)))


if __name__ == "__main__":
    main()

"""Write the parts of docs/settings.md and meltano.yml that the programs themselves know.

`--about` of each plugin is where a setting's name, kind, default and description stand; the tables and plugin
definitions are made from it. Run by `make docs`; a test sees that the files agree.

    python -m docs.generate [--check]
"""

from __future__ import annotations

import argparse
import io
import json
import re
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import click
from ruamel.yaml import YAML

from sfsource.cli import COMMANDS, cli

PROJECT = Path(__file__).resolve().parent.parent

PLUGINS = {"tap-sfsource": "extractors", "target-sfwarehouse": "loaders"}
"""Each plugin and its kind in Meltano's words."""

KINDS = {"boolean": "boolean", "integer": "integer", "array": "array", "object": "object"}
"""JSON type to Meltano's kind; numbers stay strings: Meltano's decimals fail in the environment."""

SENSITIVE = re.compile(r"password|secret|token$|private_key$|sqlalchemy_url|ssh_tunnel")
"""Names of settings that hold credentials, also where a library that defines them does not say so."""


def about(plugin: str) -> dict[str, Any]:
    """Ask a plugin about itself.

    Args:
        plugin: Name of its console script.

    Returns:
        The decoded output of `--about --format=json`.
    """
    script = Path(sysconfig.get_path("scripts")) / plugin
    answer = subprocess.run([script, "--about", "--format=json"], check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def is_sensitive(name: str, schema: dict[str, Any]) -> bool:
    """Tell whether a setting's value must not be shown.

    Args:
        name: The setting.
        schema: Its JSON schema.

    Returns:
        True if the plugin says that it is secret, or its name does.
    """
    return bool(schema.get("secret") or schema.get("writeOnly") or SENSITIVE.search(name))


def json_kind(schema: dict[str, Any]) -> str:
    """Give the JSON type of a setting.

    Args:
        schema: Its JSON schema.

    Returns:
        The first type that is not null, `string` where it says none; alternatives with "or" between them.
    """
    if "anyOf" in schema:
        return " or ".join(map(json_kind, schema["anyOf"]))
    types = schema.get("type", "string")
    return next(kind for kind in ([types] if isinstance(types, str) else types) if kind != "null")


def meltano_setting(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Give a setting as Meltano's plugin definitions have it.

    Args:
        name: The setting.
        schema: Its JSON schema.

    Returns:
        The entry of `settings`; defaults stay with the plugin.
    """
    entry: dict[str, Any] = {"name": name}
    choices = [choice for choice in schema.get("enum", []) if choice is not None]
    if choices:
        entry["kind"] = "options"
        entry["options"] = [{"label": str(choice), "value": choice} for choice in choices]
    elif schema.get("format") == "date-time":
        entry["kind"] = "date_iso8601"
    else:
        entry["kind"] = KINDS.get(json_kind(schema), "string")
    if is_sensitive(name, schema):
        entry["sensitive"] = True
    if description := schema.get("description"):
        entry["description"] = " ".join(description.split())
    return entry


def settings_table(settings: dict[str, dict[str, Any]]) -> str:
    """Give settings as a Markdown table.

    Args:
        settings: Name to JSON schema.

    Returns:
        The table, with a newline at its end.
    """
    rows = ["| setting | kind | default | what it does |", "|---|---|---|---|"]
    for name, schema in settings.items():
        kind = "secret" if is_sensitive(name, schema) else json_kind(schema)
        default = f"`{json.dumps(schema['default'])}`" if "default" in schema else ""
        description = " ".join(schema.get("description", "").split()).replace("|", "\\|")
        rows.append(f"| `{name}` | {kind} | {default} | {description} |")
    return "\n".join(rows) + "\n"


def settings_page(text: str, abouts: dict[str, dict[str, Any]]) -> str:
    """Renew the tables of docs/settings.md.

    Args:
        text: The page.
        abouts: Plugin name to what it says about itself.

    Returns:
        The page with the text between each pair of markers replaced.
    """
    for plugin, described in abouts.items():
        begin, end = f"<!-- settings of {plugin} -->\n", f"<!-- end of settings of {plugin} -->"
        before, _, rest = text.partition(begin)
        _, marker, after = rest.partition(end)
        if not marker:
            raise SystemExit(f"docs/settings.md lacks the marker {begin.strip()} or {end}")
        text = before + begin + settings_table(described["settings"]["properties"]) + end + after
    return text


def meltano_commands() -> dict[str, Any]:
    """Give the subcommands of sfsource as Meltano's plugin definitions have them.

    Returns:
        The entry of `commands`.
    """
    commands = {}
    with click.Context(cli) as context:
        for name in COMMANDS:
            command = cli.get_command(context, name)
            told = " ".join((command.help or "" if command else "").split("\n\n")[0].split())
            commands[name] = {"args": name, "executable": "sfsource", "description": told}
    return commands


def meltano(text: str, abouts: dict[str, dict[str, Any]]) -> str:
    """Renew the capabilities and settings of the plugin definitions.

    Args:
        text: meltano.yml.
        abouts: Plugin name to what it says about itself.

    Returns:
        meltano.yml, everything else and its comments as they were.
    """
    yaml = YAML()
    yaml.width = 100
    yaml.indent(mapping=2, sequence=2, offset=0)
    project = yaml.load(text)
    for plugin, described in abouts.items():
        definition = next(entry for entry in project["plugins"][PLUGINS[plugin]] if entry["name"] == plugin)
        definition["capabilities"] = described["capabilities"]
        properties = described["settings"]["properties"]
        definition["settings"] = [meltano_setting(name, schema) for name, schema in properties.items()]
    (utility,) = project["plugins"]["utilities"]
    utility["commands"] = meltano_commands()
    written = io.StringIO()
    yaml.dump(project, written)
    return written.getvalue()


def main() -> int:
    """Renew the files, or with --check only compare them.

    Returns:
        Exit status: 1 if --check finds a difference.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if a file is out of date")
    check = parser.parse_args().check
    abouts = {plugin: about(plugin) for plugin in PLUGINS}
    status = 0
    for name, renew in {"docs/settings.md": settings_page, "meltano.yml": meltano}.items():
        path = PROJECT / name
        old = path.read_text()
        new = renew(old, abouts)
        if new == old:
            continue
        print(f"{name} {'is out of date: run make docs' if check else 'renewed'}")
        status = 1 if check else status
        if not check:
            path.write_text(new)
    return status


if __name__ == "__main__":
    sys.exit(main())

"""`hub/` defines the plugins for `meltano add`, as `--about` describes them."""

from __future__ import annotations

import functools
import json
import re
from importlib import resources
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import jsonschema
import pytest
import yaml

from docs import generate, hub_plugins
from tap_sfsource.config import Settings as TapSettings
from tests.fix_process import PROJECT
from tests.levels import slow

if TYPE_CHECKING:
    from tests.fix_process import Processes

about = functools.cache(generate.about)
definitions = functools.cache(hub_plugins.definitions)
NAMES = (*hub_plugins.PLUGINS, hub_plugins.UTILITY)
KINDS = {**{name: own["kind"] for name, own in hub_plugins.PLUGINS.items()}, hub_plugins.UTILITY: "utilities"}

# The hub's JSON schemas (meltano/hub, schemas/plugin_definitions and schemas/common), as far as our definitions use them.
NEEDED = {"name", "namespace", "variant", "quality"}
SHARED = NEEDED | {
    "commands",
    "definition",
    "description",
    "domain_url",
    "executable",
    "keywords",
    "label",
    "logo_url",
    "maintenance_status",
    "pip_url",
    "settings",
    "settings_group_validation",
    "supported_python_versions",
}
ALLOWED = {
    "extractors": SHARED | {"capabilities", "select"},
    "loaders": SHARED | {"capabilities", "dialect"},
    "utilities": SHARED,
}
OF_THE_HUB_ONLY = {
    "definition",
    "domain_url",
    "keywords",
    "maintenance_status",
    "quality",
    "supported_python_versions",
}
SETTING = {"name", "aliases", "label", "value", "placeholder", "kind", "description", "options", "sensitive"}
SETTING_KINDS = {
    *(
        "oauth",
        "hidden",
        "password",
        "date_iso8601",
        "file",
        "email",
        "integer",
        "options",
        "object",
        "array",
    ),
    *("boolean", "string", "decimal"),
}


def written(plugin: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((PROJECT / "hub" / f"{plugin}.yml").read_text())
    return found


@pytest.mark.parametrize("plugin", NAMES)
def test_a_definition_is_what_the_programs_say(plugin: str) -> None:
    assert hub_plugins.text(definitions()[plugin]) == (PROJECT / "hub" / f"{plugin}.yml").read_text(), (
        "run `make docs`"
    )


@pytest.mark.parametrize("plugin", NAMES)
def test_the_hub_takes_its_form(plugin: str) -> None:
    found = written(plugin)
    assert set(found) >= NEEDED
    assert set(found) <= ALLOWED[KINDS[plugin]]
    assert found["maintenance_status"] in {"active", "beta", "development", "inactive", "unknown"}
    assert found["quality"] in {"gold", "silver", "bronze", "unknown"}
    assert all(re.fullmatch(r"3\.\d+", version) for version in found["supported_python_versions"])
    names = {setting["name"] for setting in found["settings"]}
    for setting in found["settings"]:
        assert set(setting) <= SETTING
        assert setting["kind"] in SETTING_KINDS
        assert setting["label"]
        assert setting["description"]
        assert ("options" in setting) == (setting["kind"] == "options")
        for option in setting.get("options", ()):
            assert set(option) == {"label", "value"}
            assert isinstance(option["value"], str)
        if "options" in setting and "value" in setting:
            assert setting["value"] in [option["value"] for option in setting["options"]]
    assert {name for group in found["settings_group_validation"] for name in group} <= names
    secret = {setting["name"] for setting in found["settings"] if setting.get("sensitive")}
    assert secret == {setting["name"] for setting in found["settings"] if setting["kind"] == "password"} | (
        {"ssh_tunnel"} & names
    )


@pytest.mark.parametrize("plugin", NAMES)
def test_meltanos_own_schema_takes_it(plugin: str) -> None:
    schema = json.loads((resources.files("meltano.schemas") / "meltano.schema.json").read_text())
    ours = {key: value for key, value in written(plugin).items() if key not in OF_THE_HUB_ONLY}
    errors = [
        f"{error.json_path}: {error.message[:200]}"
        for error in jsonschema.Draft202012Validator(schema).iter_errors(
            {"version": 1, "plugins": {KINDS[plugin]: [ours]}}
        )
    ]
    assert errors == []


def test_what_readers_of_the_hub_look_for() -> None:
    assert {"activate-version", "soft-delete"} <= set(written("target-sfwarehouse")["capabilities"])
    logo = (PROJECT / "hub" / "logo.svg").read_text()
    assert ElementTree.fromstring(logo).tag == "{http://www.w3.org/2000/svg}svg"


def test_the_groups_of_settings_are_the_logins() -> None:
    found = yaml.safe_load((PROJECT / "hub" / "tap-sfsource.yml").read_text())
    named = {name for group in found["settings_group_validation"] for name in group}
    assert named <= set(TapSettings.json_schema()["properties"])


@slow
def test_meltano_adds_them_to_a_new_project(processes: Processes) -> None:
    processes.meltano("init", "project", "--no-usage-stats").expect()
    folder = processes.directory / "project"
    for kind, plugin in zip(("extractor", "loader", "utility"), NAMES, strict=True):
        definition = PROJECT / "hub" / f"{plugin}.yml"
        processes.meltano(
            "--cwd", folder, "add", "--no-install", "--plugin-type", kind, "--from-ref", definition, plugin
        ).expect()
        shown = processes.meltano("--cwd", folder, "--log-level=error", "config", "print", plugin).expect()
        defaults = {
            setting["name"]: setting["value"]
            for setting in written(plugin)["settings"]
            if "value" in setting
            and not setting.get("sensitive")
            and not str(setting["value"]).startswith("$")
        }
        config = json.loads(shown.stdout)
        assert {name: config.get(name) for name in defaults} == defaults
        listed = processes.meltano("--cwd", folder, "config", "list", "--all", plugin).expect().said
        flat = re.sub(r"\s+", " ", listed)
        for name, value in defaults.items():
            assert re.search(
                rf"\b{name} (\([^)]*\) )?\[env: \w+\][^:]*current value: {re.escape(repr(value))} \(default\)",
                flat,
            ), name
    said = processes.meltano("--cwd", folder, "invoke", "--list-commands", "sfsource").expect().said
    assert "Prove that the warehouse holds what the org holds" in re.sub(r"\s+", " ", said)

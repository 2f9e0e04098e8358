"""`hub/` defines the plugins for `meltano add`, as `--about` describes them."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING

import pytest
import yaml

from docs import generate, hub_plugins
from tap_sfsource.config import Settings as TapSettings
from tests.fix_process import PROJECT
from tests.levels import programs

if TYPE_CHECKING:
    from tests.fix_process import Processes

about = functools.cache(generate.about)
HUB_KEYS = {"name", "aliases", "label", "value", "placeholder", "kind", "description", "options", "sensitive"}


@pytest.mark.parametrize("plugin", hub_plugins.PLUGINS)
def test_a_definition_is_that_of_about(plugin: str) -> None:
    path = PROJECT / "hub" / f"{plugin}.yml"
    assert hub_plugins.text(plugin, about(plugin)) == path.read_text(), "run `make docs`"


@pytest.mark.parametrize("plugin", hub_plugins.PLUGINS)
def test_the_hub_takes_its_form(plugin: str) -> None:
    found = yaml.safe_load((PROJECT / "hub" / f"{plugin}.yml").read_text())
    assert {"name", "namespace", "variant", "label"} <= set(found)
    names = {setting["name"] for setting in found["settings"]}
    for setting in found["settings"]:
        assert set(setting) <= HUB_KEYS
        assert setting["label"]
        assert setting["description"]
        for option in setting.get("options", ()):
            assert isinstance(option["value"], str)
    assert {name for group in found["settings_group_validation"] for name in group} <= names
    secret = {setting["name"] for setting in found["settings"] if setting.get("sensitive")}
    assert secret == {setting["name"] for setting in found["settings"] if setting["kind"] == "password"} | (
        {"ssh_tunnel"} & names
    )


def test_the_groups_of_settings_are_the_logins() -> None:
    found = yaml.safe_load((PROJECT / "hub" / "tap-sfsource.yml").read_text())
    named = {name for group in found["settings_group_validation"] for name in group}
    assert named <= set(TapSettings.json_schema()["properties"])


@programs
def test_meltano_adds_them_to_a_new_project(processes: Processes) -> None:
    processes.meltano("init", "project", "--no-usage-stats").expect()
    folder = processes.directory / "project"
    for kind, plugin in (("extractor", "tap-sfsource"), ("loader", "target-sfwarehouse")):
        definition = PROJECT / "hub" / f"{plugin}.yml"
        processes.meltano(
            "--cwd", folder, "add", "--no-install", "--plugin-type", kind, "--from-ref", definition, plugin
        ).expect()
        shown = processes.meltano("--cwd", folder, "--log-level=error", "config", "print", plugin).expect()
        defaults = {
            name: schema["default"]
            for name, schema in about(plugin)["settings"]["properties"].items()
            if "default" in schema and not generate.is_sensitive(name, schema)
        }
        config = json.loads(shown.stdout)
        assert {name: config.get(name) for name in defaults} == defaults

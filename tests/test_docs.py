"""README, docs and meltano.yml say what the programs do: tables, commands, examples, links."""

from __future__ import annotations

import functools
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from docs import erd, generate
from salesforce_simulator.org import Org
from salesforce_simulator.schema import REPLICATION_KEYS
from tap_sfsource.catalog.naming import COLLECTIONS
from tap_sfsource.sync import state
from tests.fix_process import PROJECT, Processes

if TYPE_CHECKING:
    from pathlib import Path

PAGES = [
    *(PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((PROJECT / "docs").glob("*.md")),
]
PLUGINS = ("tap-sfsource", "target-sfwarehouse")

about = functools.cache(generate.about)


def blocks(language: str) -> list[tuple[str, str]]:
    """Every fenced block of a language, with its page's name."""
    return [
        (page.name, block)
        for page in PAGES
        for block in re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    ]


def setting_names(plugin: str) -> set[str]:
    return set(about(plugin)["settings"]["properties"])


def meltano_project() -> dict[str, Any]:
    project: dict[str, Any] = yaml.safe_load((PROJECT / "meltano.yml").read_text())
    return project


def definition(plugin: str) -> dict[str, Any]:
    plugins = meltano_project()["plugins"]
    found: dict[str, Any] = next(
        entry for kind in plugins.values() for entry in kind if entry["name"] == plugin
    )
    return found


def test_settings_tables_are_those_of_about() -> None:
    text = (PROJECT / "docs" / "settings.md").read_text()
    assert generate.settings_page(text, {plugin: about(plugin) for plugin in PLUGINS}) == text, (
        "run `make docs`"
    )


def test_meltano_definitions_are_those_of_about() -> None:
    text = (PROJECT / "meltano.yml").read_text()
    assert generate.meltano(text, {plugin: about(plugin) for plugin in PLUGINS}) == text, "run `make docs`"


def test_the_diagrams_are_those_of_the_catalogs() -> None:
    assert erd.page() == erd.PAGE.read_text(), "run `make docs`"


@pytest.mark.parametrize("plugin", PLUGINS)
def test_every_setting_has_a_description(plugin: str) -> None:
    properties = about(plugin)["settings"]["properties"]
    assert not [name for name, schema in properties.items() if not schema.get("description")]


def test_secrets_are_sensitive_in_meltano() -> None:
    sensitive = {
        plugin: {entry["name"] for entry in definition(plugin)["settings"] if entry.get("sensitive")}
        for plugin in PLUGINS
    }
    wanted = {"client_secret", "refresh_token", "password", "security_token", "private_key", "access_token"}
    assert wanted <= sensitive["tap-sfsource"]
    assert {"password", "sqlalchemy_url", "ssh_tunnel"} <= sensitive["target-sfwarehouse"]


def test_no_setting_has_a_kind_that_meltano_breaks_on() -> None:
    kinds = {entry["kind"] for plugin in PLUGINS for entry in definition(plugin)["settings"]}
    assert kinds <= {"string", "integer", "boolean", "array", "object", "options", "date_iso8601"}


def test_meltano_selects_the_48_collections() -> None:
    rules = definition("tap-sfsource")["select"]
    assert [rule for rule in rules if not rule.startswith("!")] == [
        f"{name}.*" for name in (*COLLECTIONS.values(), "sync_reports")
    ]


def test_the_schedule_is_every_three_hours_wherever_it_stands() -> None:
    (schedule,) = meltano_project()["schedules"]
    assert schedule["interval"] == "0 */3 * * *"
    crontab = (PROJECT / "deploy" / "crontab").read_text().splitlines()[-1]
    assert crontab.startswith(f"{schedule['interval']} ")
    assert f"deploy/run-schedule {schedule['name']} " in crontab
    assert "OnCalendar=*-*-* 00/3:00:00" in (PROJECT / "deploy" / "sfsource.timer").read_text()
    service = (PROJECT / "deploy" / "sfsource.service").read_text()
    assert re.search(rf"^ExecStart=\S+/deploy/run-schedule {schedule['name']}$", service, re.MULTILINE)


def test_the_collections_table_is_what_the_org_has() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (\w+) \| [^|]+ \| (\w*) \|$",
        (PROJECT / "docs" / "collections.md").read_text(),
        re.MULTILINE,
    )
    assert [(api, name) for name, api, _ in rows] == list(COLLECTIONS.items())
    org = Org(features=["tags", "schedules"])
    try:
        for _, api, key in rows:
            fields = org.object(api).fields
            assert key == next((name for name in REPLICATION_KEYS if name in fields), ""), api
    finally:
        org.close()


def test_every_key_of_a_bookmark_is_in_the_table_of_the_state() -> None:
    section = (
        (PROJECT / "docs" / "how-it-works.md").read_text().partition("## State\n")[2].partition("\n## ")[0]
    )
    told = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\|([^|]+)\|", section, re.MULTILINE)))
    assert set(told) == set(re.findall(r"``(\w+)``", state.__doc__ or ""))


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    named = {name for page in PAGES for name in re.findall(r"\bmake ([a-z-]+)\b", page.read_text())}
    commands = {
        line.split()[1]
        for _, block in blocks("bash")
        for line in block.splitlines()
        if line.startswith("make ")
    }
    assert {"test", "demo"} <= commands
    assert commands <= targets
    assert {"test", "demo"} <= named


@pytest.mark.parametrize("plugin", PLUGINS)
def test_options_in_examples_exist(plugin: str, processes: Processes) -> None:
    known = set(re.findall(r"--[a-z-]+", processes.run(plugin, "--help").expect().stdout))
    used = {
        option
        for _, block in blocks("bash")
        for command in re.findall(rf"(?:^|\s){plugin} ([^|>\n]*)", block)
        for option in re.findall(r"--[a-z-]+", command)
    }
    assert used <= known


def test_configuration_examples_name_real_settings() -> None:
    both = setting_names("tap-sfsource") | setting_names("target-sfwarehouse")
    examples = blocks("json")
    assert len(examples) >= 3
    for page, block in examples:
        config = json.loads(block)
        assert set(config) <= both, page
        halves = [set(config) <= setting_names(plugin) for plugin in PLUGINS]
        assert any(halves), f"{page}: no single plugin has all of {sorted(config)}"


def test_environment_variables_in_the_docs_are_settings() -> None:
    known = {
        f"{plugin.replace('-', '_').upper()}_{name.upper()}"
        for plugin in PLUGINS
        for name in setting_names(plugin)
    }
    known |= {"TAP_SFSOURCE_LOGLEVEL", "TARGET_SFWAREHOUSE_LOGLEVEL"}  # the SDK's
    known |= {name.replace("TAP_SFSOURCE_", "TAP_SFSOURCE__EMEA_") for name in known}
    for warehouse in ("ANALYTICS", "FINANCE"):
        known.add(f"TARGET_SFWAREHOUSE__{warehouse}_SQLALCHEMY_URL")
    for page in PAGES:
        used = set(re.findall(r"\b((?:TAP_SFSOURCE|TARGET_SFWAREHOUSE)_[A-Z_]+[A-Z])\b", page.read_text()))
        assert used <= known, page.name


def test_settings_named_in_the_docs_exist() -> None:
    """A name in backticks that looks like a setting of ours is one."""
    both = setting_names("tap-sfsource") | setting_names("target-sfwarehouse")
    pattern = r"`((?:quota|refresh|embedded|include|exclude|lookback|bulk|sync|default_target)_[a-z_]+)`"
    for page in PAGES:
        assert set(re.findall(pattern, page.read_text())) <= both, page.name


def test_what_an_error_says_to_set_exists() -> None:
    both = setting_names("tap-sfsource") | setting_names("target-sfwarehouse")
    told = re.findall(
        r"(?:\b[Ss]et|\b[Rr]aise|\bsettings?|\b[Ww]ith) (?:the (?:tap|target)'s )?`([a-z_0-9]+)`",
        (PROJECT / "docs" / "errors.md").read_text(),
    )
    assert len(told) > 30
    # A setting of Postgres, a part of `ssh_tunnel`, names that Postgres keeps, and choices.
    assert set(told) <= both | {"max_connections", "enable", "pg_", "include", "keep"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_and_files_exist(page: Path) -> None:
    text = page.read_text()
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert (page.parent / link).exists(), link
    for name in re.findall(r"`((?:catalogs|deploy|docs)/[\w./-]+)`", text):
        assert (PROJECT / name).exists(), name


LINK = re.compile(r"\]\((?!https?:)([^)#]*)#([^)]+)\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_headings(page: Path) -> None:
    for link, anchor in LINK.findall(page.read_text()):
        assert anchor in anchors((page.parent / link).resolve() if link else page), f"{link}#{anchor}"


def anchors(page: Path) -> set[str]:
    """What GitHub and the site call the headings of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize(
    "first", [PROJECT / "README.md", PROJECT / "docs" / "index.md"], ids=["README", "index"]
)
@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ("deletes.md", "keeps its row"),
        ("salesforce.md#api-calls", "finds nothing new"),
        ("from-segment.md#going-back", "Turn the schedule off"),
    ],
)
def test_the_first_page_leads_to_what_somebody_from_segment_asks(first: Path, wanted: str, says: str) -> None:
    """How deletes work, what it costs in API calls, how to go back: one click each."""
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", first.read_text())
    assert wanted in {link.removeprefix("docs/") for link in links}
    name, _, anchor = wanted.partition("#")
    text = (PROJECT / "docs" / name).read_text()
    assert not anchor or anchor in anchors(PROJECT / "docs" / name)
    section = re.split(rf"^#+ {anchor.replace('-', ' ')}$", text, flags=re.MULTILINE | re.IGNORECASE)[-1]
    assert says in section.partition("\n## ")[0] or (not anchor and says in text)


def test_every_page_is_linked_from_another() -> None:
    linked = {
        (page.parent / link).resolve()
        for page in PAGES
        for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text())
    }
    assert [page.name for page in PAGES[1:] if page.resolve() not in linked] == []


def test_the_documented_inheritance_is_the_one_in_meltano_yml() -> None:
    (shown,) = [
        yaml.safe_load(block)
        for page, block in blocks("yaml")
        if page == "meltano.md" and "inherit_from" in block
    ]
    assert shown == [definition("tap-sfsource--emea")]


def test_nothing_names_a_registry_or_a_place_of_one_machine() -> None:
    for page in [*PAGES, PROJECT / "meltano.yml", *(PROJECT / "requirements").rglob("*.txt")]:
        assert not re.search(r"(?<![\w.])/(?:root|home|work)/|index-url", page.read_text()), page.name

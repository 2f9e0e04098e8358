"""The command finds the settings, the selection and the state of the pair where the pair has them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click
import pytest
from click.testing import CliRunner

from sfsource.errors import SettingsMissingError, SfsourceError
from sfsource.given.options import pair_options
from tests.command.running import sfsource
from tests.levels import slow

if TYPE_CHECKING:
    from pathlib import Path

    from sfsource.given.pair import Pair
    from tests.fix_meltano import Meltano
    from tests.fix_org import OrgServer
    from tests.fix_warehouse import Warehouse


def given(*arguments: str, environment: dict[str, str | None] | None = None) -> Pair:
    """The pair that a subcommand gets."""
    found: list[Pair] = []

    @click.command()
    @pair_options
    def command(pair: Pair) -> None:
        found.append(pair)

    outcome = CliRunner().invoke(command, arguments, env=environment, catch_exceptions=True)
    if outcome.exception:
        raise outcome.exception
    return found[0]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_files_are_read(org_server: OrgServer, warehouse: Warehouse, tmp_path: Path) -> None:
    (tmp_path / "tap.json").write_text(json.dumps(org_server.config(objects=["Account"])))
    (tmp_path / "target.json").write_text(json.dumps(warehouse.config()))
    (tmp_path / "state.json").write_text('{"bookmarks": {}}')
    pair = given("--tap", "tap.json", "--target", "target.json", "--state", "state.json")
    assert pair.tap_in({}).settings.login_url == org_server.url
    with pair.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert pair.schema == warehouse.schema
    assert pair.state.read() == {"bookmarks": {}}
    pair.state.write({"bookmarks": {"a": 1}})
    assert json.loads((tmp_path / "state.json").read_text()) == {"bookmarks": {"a": 1}}


def test_who_could_read_the_file_of_a_state_still_can(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    real = tmp_path / "kept" / "state.json"
    real.write_text("{}")
    real.chmod(0o644)
    (tmp_path / "state.json").symlink_to(real)
    (tmp_path / "tap.json").write_text("{}")
    given("--tap", "tap.json", "--state", "state.json").state.write({"bookmarks": {}})
    assert (tmp_path / "state.json").is_symlink()
    assert json.loads(real.read_text()) == {"bookmarks": {}}
    assert real.stat().st_mode & 0o777 == 0o644


def test_the_environment_is_read(org_server: OrgServer, warehouse: Warehouse) -> None:
    variables: dict[str, str | None] = {
        f"{prefix}_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for prefix, config in (
            ("TAP_SFSOURCE", org_server.config()),
            ("TARGET_SFWAREHOUSE", warehouse.config()),
        )
        for name, value in config.items()
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, text in variables.items():
            patch.setenv(name, str(text))
        pair = given()
        assert pair.tap_in({}).settings.login_url == org_server.url
        assert pair.schema == warehouse.schema


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not JSON at line 1"),
        ('{"client_secret": "verysecret"', "is not JSON at line 1"),
        ("[]", "holds no JSON object"),
        (None, "cannot be read"),
    ],
)
def test_a_bad_file_is_named_and_nothing_of_it_is_shown(text: str | None, said: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "tap.json").write_text(text)
    with pytest.raises(SettingsMissingError, match=r"--tap: tap\.json") as caught:
        given("--tap", "tap.json").tap_config()
    assert said in str(caught.value)
    assert "verysecret" not in str(caught.value)


def test_what_is_nowhere_is_told() -> None:
    with pytest.raises(SettingsMissingError, match="No settings were found: give --tap FILE"):
        given().tap_config()
    with pytest.raises(SettingsMissingError, match="give --state FILE"):
        _ = given().state
    with pytest.raises(SettingsMissingError, match=r"has no meltano\.yml"):
        given("--project", ".")


@slow
def test_a_meltano_project_is_read(
    meltano: Meltano, company_server: OrgServer, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    meltano.configure("tap-sfsource", company_server.config())
    url: dict[str, Any] = warehouse.config()
    url.pop("default_target_schema", None)
    url.pop("schema", None)
    meltano.configure("target-sfwarehouse", url)
    for name, value in meltano.environment.items():
        monkeypatch.setenv(name, value)
    pair = given("--project", str(meltano.processes.directory))
    assert pair.tap_in({}).settings.login_url == company_server.url
    assert pair.schema == "sfdc"
    selected = {stream["tap_stream_id"] for stream in pair.catalog["streams"]} if pair.catalog else set()
    assert "accounts" in selected
    assert pair.state.read() is None
    pair.state.write({"bookmarks": {"accounts": {"replication_key_value": "2026-01-01T00:00:00Z"}}})
    assert pair.state.read() == {"bookmarks": {"accounts": {"replication_key_value": "2026-01-01T00:00:00Z"}}}
    assert pair.state.name == "Meltano's state dev:tap-sfsource-to-target-sfwarehouse"


def test_meltano_that_fails_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "meltano.yml").write_text(
        "version: 1\ndefault_environment: dev\nenvironments:\n- name: dev\n"
    )
    with pytest.raises(SfsourceError, match="meltano invoke --no-install failed in"):
        given().tap_config()


@pytest.mark.parametrize("text", ["a: [1", "", "- a\n", "\x00", "default_environment: [1]\n\tx"])
def test_a_project_file_that_is_no_yaml_is_told_in_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "meltano.yml").write_text(text)
    with pytest.raises(SfsourceError) as told:
        given().target_config()
    assert str(tmp_path / "meltano.yml") in str(told.value)
    assert "\n" not in str(told.value)


@slow
def test_what_meltano_said_is_told_without_its_log(tmp_path: Path) -> None:
    sfsource("init", str(tmp_path), "--host", "acme")
    with pytest.raises(SfsourceError) as told:
        given("--environment", "nope").target_config()
    assert str(told.value).endswith(f"failed in {tmp_path}: Environment 'nope' was not found.")
    with pytest.raises(SfsourceError) as told:
        given().catalog  # noqa: B018 - asks Meltano
    assert str(told.value) == f"The plugins of {tmp_path} are not installed yet. Run there: meltano install"

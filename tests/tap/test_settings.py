"""A bad setting is named, with its problem and its remedy; what --about prints is what the code reads."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_sfsource.config import Settings
from tap_sfsource.errors import ConfigError


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"environment": "staging"},
            "Setting environment: 'staging' is not a choice. Choose one of production, sandbox.",
        ),
        (
            {"login_url": "acme.my.salesforce.com"},
            "Setting login_url: 'acme.my.salesforce.com' is not an https URL.",
        ),
        (
            {"login_url": "http://acme.my.salesforce.com"},
            "Setting login_url: 'http://acme.my.salesforce.com' is not",
        ),
        ({"start_date": "yesterday"}, "Setting start_date: 'yesterday' is not a date."),
        (
            {"start_date": "0001-01-01T00:00:00+14:00"},
            "Setting start_date: '0001-01-01T00:00:00+14:00' is not a date.",
        ),
        (
            {"end_date": "9999-12-31T23:59:59-14:00"},
            "Setting end_date: '9999-12-31T23:59:59-14:00' is not a date.",
        ),
        ({"max_workers": 0}, "Setting max_workers: 0 is out of bounds. Set it to between 1 and 64."),
        ({"bulk_threshold": "many"}, "Setting bulk_threshold: 'many' is not a whole number."),
        ({"quota_percent_total": 101}, "Setting quota_percent_total: 101 is out of bounds."),
        ({"include_base64": "perhaps"}, "Setting include_base64: 'perhaps' is not true or false."),
        ({"objects": [1]}, "Setting objects: [1] is not a list of names."),
        ({"objects": "[Account, Contact]"}, "Setting objects: '[Account, Contact]' is not a list of names."),
        ({"api_version": "62"}, "Setting api_version: '62' is not a version"),
        ({"api_version": "40.0"}, "Setting api_version: '40.0' is not a version from 58.0 on."),
    ],
)
def test_a_bad_value_names_its_setting_and_the_remedy(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.from_config(config)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://acme.my.salesforce.com\\@evil.example", "it has an @"),
        ("https://evil.example\\.my.salesforce.com", "has characters that no URL has"),
        ("https://me:hush-hush@acme.my.salesforce.com", "it has an @"),
        ("https://acme .my.salesforce.com", "has characters that no URL has"),
        ("https://acme.my\n.salesforce.com", "has characters that no URL has"),
        ("https://acme.my.salesforce.com\u3002evil.example", "has characters that no URL has"),
        ("https://acme.my.salesforce.com:port", "is not a URL"),
        ("https://[acme", "is not a URL"),
        ("https://.my.salesforce.com", "is not an https URL"),
        (f"https://{'a' * 64}.my.salesforce.com", "is not an https URL"),
        ("https://acme.my.salesforce.com/services/oauth2/token", "is more than a host"),
        ("https://acme.my.salesforce.com?x=1", "is more than a host"),
        ("https://acme.lightning.force.com", "API is at https://acme.my.salesforce.com."),
        (
            "https://acme--dev.sandbox.lightning.force.com/lightning/setup",
            "https://acme--dev.sandbox.my.salesforce.com.",
        ),
        ("https://acme.my.salesforce-setup.com/", "API is at https://acme.my.salesforce.com."),
    ],
)
@pytest.mark.parametrize("name", ["login_url", "instance_url"])
def test_a_url_that_may_lead_elsewhere_is_refused(name: str, url: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.from_config({name: url})
    assert str(caught.value).startswith(f"Setting {name}: ")
    assert problem in str(caught.value)
    assert "hush-hush" not in str(caught.value)


def test_a_url_is_taken_without_the_line_end_behind_it() -> None:
    assert Settings.from_config({"login_url": " https://acme.my.salesforce.com/\r\n"}).login_host == (
        "https://acme.my.salesforce.com"
    )


def test_a_secret_of_the_wrong_kind_is_not_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.from_config({"password": 12345678})
    assert str(caught.value) == "Setting password: it must be text, not a number. Put it in quotes."


def test_an_empty_setting_is_as_good_as_none() -> None:
    settings = Settings.from_config({"login_url": "", "objects": None, "environment": "sandbox"})

    assert settings.login_host == "https://test.salesforce.com"
    assert settings.objects == ()


def test_text_is_taken_without_the_spaces_and_line_ends_around_it() -> None:
    settings = Settings.from_config(
        {
            "client_id": " abc ",
            "client_secret": "s3cret\n",
            "password": " my pass \r\n",
            "refresh_token": " \n",
        }
    )

    assert (settings.client_id, settings.client_secret) == ("abc", "s3cret")
    assert settings.password == " my pass "
    assert settings.refresh_token is None


def test_a_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    names = ("refresh_token_file", "private_key_file", "ca_file", "cache_dir", "spool_dir")
    settings = Settings.from_config(dict.fromkeys(names, "~/there"))

    assert {getattr(settings, name) for name in names} == {"/home/me/there"}


def test_a_tilde_without_a_home_is_refused() -> None:
    with pytest.raises(ConfigError, match="ca_file: ~nobody-here/x is in a home folder that is not known"):
        Settings.from_config({"ca_file": "~nobody-here/x"})


def test_plain_http_is_for_this_machine_only() -> None:
    assert Settings.from_config({"login_url": "http://localhost:8080/"}).login_host == "http://localhost:8080"


def test_a_misspelt_setting_is_found_with_what_it_may_mean() -> None:
    config = {"login_ur": "x", "zzzz": 1, "stream_maps": {}, "objects": []}

    assert Settings.unknown(config, frozenset({"stream_maps"})) == {"login_ur": "login_url", "zzzz": ""}


def test_every_setting_is_documented_and_has_the_default_that_the_code_uses() -> None:
    properties = Settings.json_schema()["properties"]

    for field in dataclasses.fields(Settings):
        told = properties[field.name]
        used = getattr(Settings(), field.name)
        assert told["description"].endswith((".", ").")), field.name
        assert told.get("default") == (used if used not in ((), None, {}) else None), field.name
    assert {name for name, told in properties.items() if told.get("secret")} == Settings.secrets()
    assert Settings.secrets() >= {"client_secret", "refresh_token", "password", "private_key", "access_token"}


VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=12)
    | st.lists(st.text(max_size=5) | st.integers(), max_size=3)
    | st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)
)


@given(st.dictionaries(st.sampled_from([field.name for field in dataclasses.fields(Settings)]), VALUES))
def test_whatever_is_given_as_settings_is_taken_or_refused_by_name(config: dict[str, Any]) -> None:
    refused: ConfigError | None = None
    try:
        Settings.from_config(config)
    except ConfigError as error:
        refused = error
    if refused is not None:
        assert refused.setting in config
        assert str(refused).startswith(f"Setting {refused.setting}: ")

"""`sfsource login`: opens the browser, waits for its answer, keeps the refresh token, says who is logged in."""

from __future__ import annotations

import dataclasses
import secrets
import webbrowser
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from sfsource.errors import SettingsMissingError, SfsourceError
from sfsource.given.options import pair_options
from sfsource.login.callback import Callback
from sfsource.login.flow import AuthorizationCode, Request
from sfsource.output import console, json_option, print_json
from tap_sfsource.api.auth.credentials import file_of_login
from tap_sfsource.api.connection import Connection
from tap_sfsource.api.transport import session
from tap_sfsource.config import Settings

if TYPE_CHECKING:
    from sfsource.given.pair import Pair

_PATIENCE: Final = 30
"""Seconds for which a busy host is asked again: somebody sits before the screen."""

_LONGEST_WAIT: Final = 900
"""A code is good for 15 minutes."""


class _UserInfo(msgspec.Struct):
    preferred_username: str
    organization_id: str


_USER_INFO: Final = msgspec.json.Decoder(_UserInfo)
_ANY: Final = msgspec.json.Decoder()


@click.command("login", short_help="Log in to Salesforce with the browser.")
@click.option("--client-id", help="Consumer key of the External Client App. Default: the tap's client_id.")
@click.option("--sandbox", is_flag=True, help="Log in at test.salesforce.com.")
@click.option("--login-url", help="Log in here, such as at https://acme.my.salesforce.com (My Domain).")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=1717,
    show_default=True,
    help="Port of the callback URL that the app has registered: http://localhost:PORT/OauthRedirect.",
)
@click.option("--no-browser", is_flag=True, help="Open no browser; print the address to open.")
@click.option(
    "--wait",
    type=click.IntRange(1, _LONGEST_WAIT),
    default=60,
    show_default=True,
    help="Seconds to wait for the browser.",
)
@json_option
@pair_options
def command(
    *,
    pair: Pair,
    client_id: str | None,
    sandbox: bool,
    login_url: str | None,
    port: int,
    no_browser: bool,
    wait: int,
    as_json: bool,
) -> None:
    """Log in to Salesforce with the browser.

    Opens Salesforce's login page, waits on http://localhost:PORT/OauthRedirect for its answer, and keeps the refresh token in
    refresh_token_file (or the tap's own place), readable by you only. From then on tap-sfsource logs in with client_id alone,
    and client_secret if the app demands it.

    The app is an External Client App of your org with the scopes api and refresh_token and that callback URL. Its secret is
    read from the tap's settings or TAP_SFSOURCE_CLIENT_SECRET, never from the command line.
    """
    given = {"client_id": client_id, "login_url": login_url, "environment": "sandbox" if sandbox else None}
    options = {name: value for name, value in given.items() if value is not None}
    configured = _config(pair, options)
    if sandbox and login_url is None and configured.get("login_url"):
        raise SfsourceError(
            f"--sandbox logs in at test.salesforce.com, but the tap's settings have login_url {configured['login_url']}, "
            "which the tap goes by. Remove one of the two."
        )
    settings = Settings.from_config(configured | options)
    if not settings.client_id:
        raise SfsourceError(
            "Nothing says which app logs in: set client_id in the tap's settings, or give --client-id. It is the consumer "
            "key of an External Client App (docs/login.md)."
        )
    settings = dataclasses.replace(settings, retry_seconds=min(settings.retry_seconds, _PATIENCE))
    keeper = file_of_login(settings)
    replaced = keeper.path.exists()
    with Callback(port, secrets.token_urlsafe(24)) as callback:
        request = Request(settings, callback.redirect_uri, callback.state)
        with session(settings) as http:
            request.check(http)
        _show(request, no_browser=no_browser)
        answer = callback.wait(wait)
    if "error" in answer:
        raise request.refused(answer)
    connection = Connection(settings, AuthorizationCode(request, answer["code"], keeper))
    try:
        told = connection.get("/services/oauth2/userinfo", _USER_INFO)
        # Who may log in may not always use the API.
        connection.get(connection.data("/query", {"q": "SELECT Id FROM Organization"}), _ANY)
    finally:
        connection.close()
    result = {
        "username": told.preferred_username,
        "org_id": told.organization_id,
        "instance_url": connection.instance_url,
        "refresh_token_file": str(keeper.path.absolute()),
        "replaced": replaced,
        "settings": {name: value for name, value in options.items() if configured.get(name) != value},
    }
    if as_json:
        print_json(result)
    else:
        _tell(result)


def _config(pair: Pair, options: dict[str, str]) -> dict[str, Any]:
    """The tap's settings; none where nothing has some and the options suffice."""
    try:
        return dict(pair.tap_without_catalog.config)
    except SettingsMissingError:
        if "client_id" in options:
            return {}
        raise


def _show(request: Request, *, no_browser: bool) -> None:
    """Bring the user to the page."""
    host = request.settings.login_host
    if not no_browser and webbrowser.open(request.address):
        click.echo(f"The browser shows {host}: log in there and choose Allow.", err=True)
        return
    click.echo(
        f"Open this address in a browser of this machine, log in and choose Allow:\n\n{request.address}\n",
        err=True,
    )


def _tell(result: dict[str, Any]) -> None:
    console.print(f"Logged in as {result['username']} at {result['instance_url']} (org {result['org_id']}).")
    instead = ", in place of the one before" if result["replaced"] else ""
    console.print(f"The refresh token is kept in {result['refresh_token_file']}{instead}.")
    if result["settings"]:
        names = ", ".join(f"{name} = {value}" for name, value in result["settings"].items())
        console.print(f"So that tap-sfsource finds it, put into its settings: {names}.")

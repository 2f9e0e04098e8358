"""Which grant the credentials of the settings are for.

It is the one whose credentials are set: an access token, a refresh token, a private key or a password. When there is none of
these, it is the refresh token of a login by browser if one is kept, else client credentials.
"""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tap_sfsource.api.auth.grants import (
    TOKEN,
    AccessToken,
    ClientCredentials,
    JwtBearer,
    RefreshToken,
    UsernamePassword,
)
from tap_sfsource.api.auth.token_file import TokenFile, default_path
from tap_sfsource.errors import ConfigError
from tap_sfsource.hosts import LOGIN_HOSTS

if TYPE_CHECKING:
    from tap_sfsource.api.auth.grants import Grant
    from tap_sfsource.config import Settings

logger = logging.getLogger("tap-sfsource.auth")


def grant_from(settings: Settings) -> Grant:
    """Pick the grant whose credentials are set.

    Raises:
        ConfigError: Two kinds of credentials are set, one is incomplete, or there is none.
    """
    makers = {
        "access_token": _access_token,
        "refresh_token": _refresh_token,
        "private_key": _jwt_bearer,
        "private_key_file": _jwt_bearer,
        "password": _username_password,
    }
    named = [name for name in makers if getattr(settings, name)]
    if len(named) > 1:
        raise ConfigError(
            " and ".join(named), "each asks for a login of its own", "Keep one of them and remove the other."
        )
    if named:
        return makers[named[0]](settings)
    if settings.refresh_token_file or _is_kept(settings):
        return _refresh_token(settings)
    return _client_credentials(settings)


def file_of_login(settings: Settings) -> TokenFile:
    """The file that a login by browser writes and that the tap reads with the same settings.

    Raises:
        ConfigError: The tap would not read it, it is damaged, or it cannot be written.
    """
    for name in ("access_token", "private_key", "private_key_file", "password"):
        if getattr(settings, name):
            raise ConfigError(
                name, "the tap would log in by it and not by the browser's login", "Remove it, then log in."
            )
    _needed(settings, "A login by browser", "client_id")
    keeper = _keeper(settings)
    keeper.check()
    keeper.load()
    return keeper


def _keeper(settings: Settings) -> TokenFile:
    path = settings.refresh_token_file
    return TokenFile(Path(path) if path else default_path(settings))


def _is_kept(settings: Settings) -> bool:
    """Whether this app has a login by browser here: with no refresh_token set, nothing else writes that file."""
    if not settings.client_id:
        return False
    # A user without a home folder has none; nor has one whose folder cannot be read.
    with contextlib.suppress(ConfigError, OSError):
        path = default_path(settings)
        if path.is_file():
            logger.info("Logging in with the refresh token of sfsource login, kept in %s.", path)
            return True
    return False


def _needed(settings: Settings, grant: str, *names: str) -> list[str]:
    values: list[str] = []
    for name in names:
        value = getattr(settings, name)
        if not value:
            raise ConfigError(name, "it is not set", f"{grant} needs {' and '.join(names)}.")
        values.append(value)
    return values


def _access_token(settings: Settings) -> Grant:
    token, instance_url = _needed(settings, "A login by access token", "access_token", "instance_url")
    if not TOKEN.fullmatch(token):
        raise ConfigError(
            "access_token",
            "it has characters that no token has, such as a line end",
            "Copy the whole token again.",
        )
    return AccessToken(token, instance_url)


def _refresh_token(settings: Settings) -> Grant:
    (client_id,) = _needed(settings, "The refresh token grant", "client_id")
    keeper = _keeper(settings)
    keeper.check()
    return RefreshToken(
        settings.login_host, client_id, settings.client_secret, settings.refresh_token, keeper
    )


def _jwt_bearer(settings: Settings) -> Grant:
    client_id, username = _needed(settings, "The JWT bearer grant", "client_id", "username")
    key = settings.private_key
    if settings.private_key_file:
        try:
            key = Path(settings.private_key_file).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise ConfigError(
                "private_key_file",
                f"{settings.private_key_file} cannot be read ({reason})",
                "Name the file of the PEM key.",
            ) from None
    assert key
    # Environment variables and YAML often carry the line ends of a PEM as two characters.
    return JwtBearer(settings.login_host, client_id, username, key.replace("\\n", "\n"), _audience(settings))


def _audience(settings: Settings) -> str:
    """Give the `aud` claim: by default the environment's shared login host, whatever host is asked (JWT bearer flow)."""
    if settings.jwt_audience:
        return settings.jwt_audience
    host = urlsplit(settings.login_host).hostname or ""
    # Sandboxes and scratch orgs have My Domains of their own kind, and share the sandbox login.
    of_test = any(label in {"sandbox", "scratch"} for label in host.split("."))
    return LOGIN_HOSTS["sandbox"] if of_test else LOGIN_HOSTS[settings.environment]


def _username_password(settings: Settings) -> Grant:
    username, password = _needed(settings, "The username-password login", "username", "password")
    return UsernamePassword(
        settings.login_host,
        username,
        password,
        settings.security_token or "",
        settings.client_id,
        settings.client_secret,
        settings.api_version,
    )


def _client_credentials(settings: Settings) -> Grant:
    if not settings.client_id and not settings.client_secret:
        raise ConfigError(
            "client_id",
            "no credentials are set",
            "Set client_id and client_secret with login_url (client credentials), or add a refresh_token, a "
            "private_key with username, or an access_token with instance_url.",
        )
    client_id, secret = _needed(settings, "The client credentials grant", "client_id", "client_secret")
    if settings.login_host in LOGIN_HOSTS.values():
        raise ConfigError(
            "login_url",
            f"client credentials do not log in at {settings.login_host}",
            "Set it to the org's My Domain, such as https://acme.my.salesforce.com.",
        )
    return ClientCredentials(settings.login_host, client_id, secret)

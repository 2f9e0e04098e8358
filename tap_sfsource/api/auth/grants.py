"""Logins: one class a grant, all with one method.

A grant turns credentials into a `Token`. `grant_from(settings)` picks the one whose credentials are set:
an access token, a refresh token, a private key or a password. When there is none of these, it is the refresh token of a
login by browser if one is kept, else client credentials.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

from tap_sfsource.api.auth.oauth import GrantRefusedError, PassingRefusalError, post_form
from tap_sfsource.api.auth.soap import soap_login
from tap_sfsource.api.auth.token_file import KeptToken, TokenFile, default_path
from tap_sfsource.errors import AuthError, ConfigError
from tap_sfsource.hosts import LOGIN_HOSTS

if TYPE_CHECKING:
    import requests

    from tap_sfsource.config import Settings

logger = logging.getLogger("tap-sfsource.auth")

_JWT_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_JWT_SECONDS: Final = 180
_TOKEN: Final = re.compile(r"[!-~]+")
_ORG_ID: Final = re.compile(r"00D[0-9A-Za-z]{12}(?:[0-9A-Za-z]{3})?")
_ID_LENGTH: Final = 15
"""The other three characters of an Id only tell the case of these."""


@dataclasses.dataclass(frozen=True)
class Token:
    """A session: the token, the host that it is for, and the id of its org (15 characters; empty if nobody tells)."""

    access_token: str = dataclasses.field(repr=False)
    instance_url: str
    org_id: str = ""

    def __post_init__(self) -> None:
        """Take the org's id from the token where the login did not tell it: all but a JWT begin with it.

        Raises:
            AuthError: The token is none: it cannot be sent, and an error of the HTTP library would show it.
        """
        if not _TOKEN.fullmatch(self.access_token):
            raise AuthError(
                f"The login at {self.instance_url} gave a token with characters that no token has."
            )
        told = self.org_id or self.access_token.partition("!")[0]
        object.__setattr__(self, "org_id", told[:_ID_LENGTH] if _ORG_ID.fullmatch(told) else "")


class Grant(Protocol):
    """A way to log in."""

    def login(self, http: requests.Session) -> Token:
        """Log in.

        Raises:
            AuthError: Salesforce refused, with the reason in plain words.
            ConnectionFailedError: The login host could not be reached.
        """
        ...  # pragma: no cover


@dataclasses.dataclass(frozen=True)
class ClientCredentials:
    """The app logs in as the user it is set up to run as; works at a My Domain only."""

    login_host: str
    client_id: str
    client_secret: str = dataclasses.field(repr=False)

    def login(self, http: requests.Session) -> Token:
        """Log in; see `Grant.login`."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }
        return token_of(post_form(http, self.login_host, form), self.login_host)


@dataclasses.dataclass(frozen=True)
class JwtBearer:
    """An assertion signed with the key whose certificate the app knows."""

    login_host: str
    client_id: str
    username: str
    private_key: str = dataclasses.field(repr=False)
    audience: str

    def login(self, http: requests.Session) -> Token:
        """Log in; see `Grant.login`.

        Raises:
            ConfigError: The key cannot sign.
        """
        import jwt  # noqa: PLC0415 - heavy, and only this grant needs it

        claims = {
            "iss": self.client_id,
            "sub": self.username,
            "aud": self.audience,
            "exp": int(time.time()) + _JWT_SECONDS,
        }
        try:
            assertion = jwt.encode(claims, self.private_key, algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError):
            if "ENCRYPTED" in self.private_key:
                raise ConfigError(
                    "private_key",
                    "it is encrypted with a passphrase",
                    "Give it without one, as openssl pkey -in key.pem -out plain.pem writes it.",
                ) from None
            raise ConfigError(
                "private_key",
                "it is not an RSA private key in PEM form",
                "Give the whole key, header and footer lines too.",
            ) from None
        form = {"grant_type": _JWT_GRANT, "assertion": assertion}
        return token_of(post_form(http, self.login_host, form), self.login_host)


@dataclasses.dataclass
class RefreshToken:
    """A refresh token; where the app rotates them, the new one is kept before the session is used."""

    login_host: str
    client_id: str
    client_secret: str | None = dataclasses.field(repr=False)
    refresh_token: str | None = dataclasses.field(repr=False)
    keeper: TokenFile

    def login(self, http: requests.Session) -> Token:
        """Log in; see `Grant.login`. The configured token is used until it is rotated, and again once it is changed.

        One run at a time: another one with the same file would use up the token that this one has just read.
        """
        with self.keeper.locked():
            kept = self.keeper.load()
            if kept is not None and kept.replaces(self.refresh_token):
                try:
                    return self._exchange(http, kept.refresh_token, kept)
                except GrantRefusedError as error:
                    raise self._kept_refused(error, kept) from None
            if not self.refresh_token:
                raise ConfigError(
                    "refresh_token",
                    f"none is set and {self.keeper.path} holds none",
                    "Run sfsource login, or authorize the app and set the token.",
                )
            self.keeper.warn_if_passing()
            return self._exchange(http, self.refresh_token, kept)

    def _kept_refused(self, error: GrantRefusedError, kept: KeptToken) -> GrantRefusedError:
        if error.code != "invalid_grant" or isinstance(error, PassingRefusalError):
            return error
        told = f"{error} The token is the one kept in {self.keeper.path}"
        if not self.refresh_token:
            again = "Run sfsource login again, or authorize the app, set the new refresh_token and remove the file."
            return GrantRefusedError(error.code, f"{told}. {again}")
        if kept.origins:
            told += "; that of the settings is rotated out, and Salesforce would revoke every session for it"
        told += ". Authorize the app again and set the new refresh_token"
        return GrantRefusedError(error.code, f"{told}." if kept.origins else f"{told}; then remove the file.")

    def _exchange(self, http: requests.Session, refresh_token: str, kept: KeptToken | None) -> Token:
        form = {"grant_type": "refresh_token", "client_id": self.client_id, "refresh_token": refresh_token}
        if self.client_secret:
            form["client_secret"] = self.client_secret
        answer = post_form(http, self.login_host, form)
        rotated = answer.get("refresh_token")
        if isinstance(rotated, str) and rotated and rotated != refresh_token:
            self.keeper.save(KeptToken.descendant(rotated, self.refresh_token, kept))
            logger.info(
                "Salesforce rotated the refresh token; the new one is kept in %s, which the next run needs.",
                self.keeper.path,
            )
        return token_of(answer, self.login_host)


@dataclasses.dataclass(frozen=True)
class AccessToken:
    """A session that somebody else opened."""

    access_token: str = dataclasses.field(repr=False)
    instance_url: str
    used: list[bool] = dataclasses.field(default_factory=list, repr=False)

    def login(self, http: requests.Session) -> Token:  # noqa: ARG002 - the grants share one signature
        """Hand out the token once; see `Grant.login`.

        Raises:
            AuthError: The org has refused the token: nothing here can renew it.
        """
        if self.used:
            raise AuthError(
                "The access_token has expired or was revoked, and an access token cannot be renewed. Set a new one, or "
                "use credentials that can log in (client credentials, JWT bearer, refresh token)."
            )
        self.used.append(True)
        return Token(self.access_token, self.instance_url.rstrip("/"))


@dataclasses.dataclass(frozen=True)
class UsernamePassword:
    """The old login: by OAuth's password grant where an app is given, else by SOAP."""

    login_host: str
    username: str
    password: str = dataclasses.field(repr=False)
    security_token: str = dataclasses.field(repr=False)
    client_id: str | None = None
    client_secret: str | None = dataclasses.field(default=None, repr=False)
    api_version: str = "62.0"

    def login(self, http: requests.Session) -> Token:
        """Log in; see `Grant.login`."""
        logger.warning(
            "The username-password login ends with Salesforce's Summer '27 release and is off in new orgs: "
            "change to client credentials or the JWT bearer grant."
        )
        if self.client_id and self.client_secret:
            form = {
                "grant_type": "password",
                "client_id": self.client_id,
                "client_secret": self.client_secret,
                "username": self.username,
                "password": self.password + self.security_token,
            }
            return token_of(post_form(http, self.login_host, form), self.login_host)
        session = soap_login(
            http, self.login_host, self.username, self.password + self.security_token, self.api_version
        )
        return Token(session.session_id, session.instance_url, session.org_id)


def grant_from(settings: Settings) -> Grant:
    """Pick the grant whose credentials are set.

    Raises:
        ConfigError: Two kinds of credentials are set, one is incomplete, or there is none.
    """
    marks = {
        "access_token": bool(settings.access_token),
        "refresh_token": bool(settings.refresh_token),
        "private_key": bool(settings.private_key),
        "private_key_file": bool(settings.private_key_file),
        "password": bool(settings.password),
    }
    named = [name for name, is_set in marks.items() if is_set]
    if len(named) > 1:
        raise ConfigError(
            " and ".join(named), "each asks for a login of its own", "Keep one of them and remove the other."
        )
    makers = {
        "access_token": _access_token,
        "refresh_token": _refresh_token,
        "private_key": _jwt_bearer,
        "private_key_file": _jwt_bearer,
        "password": _username_password,
    }
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
    if not _TOKEN.fullmatch(token):
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


def token_of(answer: dict[str, Any], login_host: str) -> Token:
    """The session that an answer of the token endpoint opens."""
    # The identity URL: https://login.salesforce.com/id/{organization}/{user}
    _, _, identity = str(answer.get("id", "")).partition("/id/")
    return Token(
        str(answer["access_token"]),
        str(answer.get("instance_url") or login_host).rstrip("/"),
        identity.partition("/")[0],
    )

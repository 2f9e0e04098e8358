"""Logins: one class a grant, all with one method that turns credentials into a `Token`."""

from __future__ import annotations

import dataclasses
import logging
import re
import time
from typing import TYPE_CHECKING, Any, Final, Protocol

from tap_sfsource.api.auth.oauth import GrantRefusedError, PassingRefusalError, post_form
from tap_sfsource.api.auth.soap import soap_login
from tap_sfsource.api.auth.token_file import KeptToken, TokenFile
from tap_sfsource.errors import AuthError, ConfigError

if TYPE_CHECKING:
    import requests


logger = logging.getLogger("tap-sfsource.auth")

_JWT_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_JWT_SECONDS: Final = 180
TOKEN: Final = re.compile(r"[!-~]+")
"""The characters that a token has."""

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
        if not TOKEN.fullmatch(self.access_token):
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
    client_id: str | None
    client_secret: str | None = dataclasses.field(repr=False)
    api_version: str

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


def token_of(answer: dict[str, Any], login_host: str) -> Token:
    """The session that an answer of the token endpoint opens."""
    # The identity URL: https://login.salesforce.com/id/{organization}/{user}
    _, _, identity = str(answer.get("id", "")).partition("/id/")
    return Token(
        str(answer["access_token"]),
        str(answer.get("instance_url") or login_host).rstrip("/"),
        identity.partition("/")[0],
    )

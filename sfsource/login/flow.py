"""OAuth's authorization code with PKCE: the address that the browser opens, and the exchange of the code."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlencode

import requests

from sfsource.errors import SfsourceError
from tap_sfsource.api.auth.grants import Token, token_of
from tap_sfsource.api.auth.oauth import GrantRefusedError, post_form, refusal
from tap_sfsource.api.auth.token_file import KeptToken, TokenFile
from tap_sfsource.api.transport import unreached
from target_sfwarehouse.masks import hide

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_sfsource.config import Settings

_SCOPES: Final = "api refresh_token"
_AGAIN: Final = "Run sfsource login again."
_ALLOW_USER: Final = (
    "An administrator has to allow the user (by profile or permission set) to use the app: Setup, External Client App "
    "Manager, the app's policies."
)
_REMEDIES: Final[Mapping[str, str]] = {
    "access_denied": "Somebody chose Deny, or the user may not use the app. Log in again and choose Allow.",
    "OAUTH_APP_ACCESS_DENIED": _ALLOW_USER,
    "invalid_app_access": _ALLOW_USER,
    "OAUTH_AUTHORIZATION_BLOCKED": (
        "The app belongs to another org, or an administrator has blocked it. Name the org's My Domain with --login-url, and "
        "use an app of that org."
    ),
    "OAUTH_EC_APP_NOT_FOUND": (
        "The org does not have this app. Name the org's My Domain with --login-url, and use an app of that org."
    ),
    "invalid_scope": "Add the scopes api and refresh_token to the app.",
    "unsupported_response_type": "Switch the authorization code flow on in the app's OAuth settings.",
    "unsupported_grant_type": "Switch the authorization code flow on in the app's OAuth settings.",
    "expired authorization code": f"The code of the login was used already, or is too old. {_AGAIN}",
    "invalid authorization code": f"The code is not one of this login. {_AGAIN}",
    "invalid code verifier": f"The answer belongs to another login, such as one that ran at the same time. {_AGAIN}",
    "invalid_client": (
        "Set the app's client_secret, in the tap's settings or as TAP_SFSOURCE_CLIENT_SECRET; the app may demand it for the "
        "web server flow."
    ),
}


@dataclasses.dataclass(frozen=True)
class Request:
    """One login: what the browser is sent with, and what only this process knows of it."""

    settings: Settings
    redirect_uri: str
    state: str
    verifier: str = dataclasses.field(default_factory=lambda: secrets.token_urlsafe(64), repr=False)

    @property
    def address(self) -> str:
        """The page where the user logs in."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": _SCOPES,
            "state": self.state,
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
            # Else a browser that is signed in to another org answers for that one, unseen.
            "prompt": "login",
        }
        return f"{self.settings.login_host}/services/oauth2/authorize?{urlencode(asked)}"

    def check(self, http: requests.Session) -> None:
        """Ask for the page once: Salesforce tells wrong parameters to the browser only, and nobody would come back.

        Raises:
            TapError: Salesforce refuses the parameters, or cannot be reached.
        """
        host = self.settings.login_host
        try:
            response = http.get(self.address, allow_redirects=False)
        except requests.RequestException as error:
            raise unreached(host, error) from None
        if response.status_code != HTTPStatus.BAD_REQUEST:
            return
        told = dict(parse_qsl(response.text[:1000]))
        if "error" in told:
            raise self.refused(told)

    def refused(self, told: Mapping[str, str]) -> Exception:
        """The error for an answer that has OAuth's `error`."""
        return self.explained(
            refusal(self.settings.login_host, told["error"], told.get("error_description", ""))
        )

    def explained(self, error: GrantRefusedError) -> Exception:
        """The error that says what to do about a refusal of this kind of login; the error itself if nothing is known."""
        said = (
            f"Salesforce refused the login at {self.settings.login_host} ({error.code}: {error.description})."
        )
        if error.code == "redirect_uri_mismatch":
            return SfsourceError(
                f"{said} Register the callback URL {self.redirect_uri} in the app, letter by letter, or give its --port."
            )
        if error.description in _REMEDIES:
            return SfsourceError(f"{said} {_REMEDIES[error.description]}")
        return SfsourceError(f"{said} {_REMEDIES[error.code]}") if error.code in _REMEDIES else error


@dataclasses.dataclass(frozen=True)
class AuthorizationCode:
    """The code of a login by browser: the grant that keeps the refresh token. See `tap_sfsource.api.auth.grants.Grant`."""

    request: Request
    code: str = dataclasses.field(repr=False)
    keeper: TokenFile

    def login(self, http: requests.Session) -> Token:
        """Exchange the code, and keep the refresh token before anything else is asked.

        Raises:
            SfsourceError: Salesforce refused, or gave no refresh token.
        """
        settings = self.request.settings
        form = {
            "grant_type": "authorization_code",
            "code": self.code,
            "client_id": str(settings.client_id),
            "redirect_uri": self.request.redirect_uri,
            "code_verifier": self.request.verifier,
        }
        if settings.client_secret:
            form["client_secret"] = settings.client_secret
        try:
            answer = post_form(http, settings.login_host, form)
        except GrantRefusedError as error:
            raise self.request.explained(error) from None
        hide(str(answer["access_token"]))
        refresh_token = answer.get("refresh_token")
        if not isinstance(refresh_token, str) or not refresh_token:
            raise SfsourceError(
                "Salesforce gave no refresh token, so no later run could log in. Add the scope refresh_token (Perform "
                "requests at any time) to the app, and log in again."
            )
        hide(refresh_token)
        with self.keeper.locked():
            before = self.keeper.load()
            self.keeper.save(KeptToken.descendant(refresh_token, settings.refresh_token, before))
        return token_of(answer, settings.login_host)

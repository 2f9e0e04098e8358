"""The OAuth endpoints: token, revoke, introspect, userinfo and the identity URL.

Guide: "OAuth Authorization Flows"; errors as recorded from orgs.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import jwt
from cryptography import x509

from salesforce_simulator.apps import (
    AUTHORIZATION_CODE,
    CLIENT_CREDENTIALS,
    JWT_BEARER,
    PASSWORD,
    REFRESH_TOKEN,
    ConnectedApp,
)
from salesforce_simulator.http.errors import OAuthError
from salesforce_simulator.http.hosts import Role, is_home
from salesforce_simulator.http.messages import Call, Reply, json_reply
from salesforce_simulator.http.routing import Route

if TYPE_CHECKING:
    from salesforce_simulator.http.sessions import Session
    from salesforce_simulator.http.site import Site
    from salesforce_simulator.users import User

_SCOPE = "api refresh_token"


def token(site: "Site", call: Call) -> Reply:
    """`POST /services/oauth2/token`."""
    form = call.form()
    grant = form.get("grant_type", "")
    flow = _FLOWS.get(grant)
    if flow is None:
        raise OAuthError("unsupported_grant_type", "grant type not supported")
    return flow(site, call, form)


def revoke(site: "Site", call: Call) -> Reply:
    """`/services/oauth2/revoke`: an access token, or a refresh token with all that it opened."""
    revoked = call.form().get("token") or call.query.get("token", "")
    for app in site.org.apps.values():
        if app.refresh_tokens.pop(revoked, None):
            site.sessions.end_of(revoked)
            return Reply(200, b"")
    if not site.sessions.end(revoked):
        raise OAuthError("unsupported_token_type", "this token type is not supported")
    return Reply(200, b"")


def introspect(site: "Site", call: Call) -> Reply:
    """`/services/oauth2/introspect` (help: "OpenID Connect Token Introspection"); an app sees its own tokens alone."""
    form = call.form()
    client_id = form.get("client_id") or _basic(call)[0]
    app = site.org.apps.get(client_id)
    if app is None or (form.get("client_secret") or _basic(call)[1]) != app.client_secret:
        raise OAuthError("invalid_client", "invalid client credentials", 401)
    asked = form.get("token", "")
    session = site.sessions.peek(asked)
    if session is not None and session.app is app:
        life = timedelta(minutes=site.org.login.session_minutes)
        opened = int(session.opened.timestamp())
        ends = int((session.last_used + life).timestamp())
        user = session.user
        known: dict[str, object] = {"token_type": "access_token", "exp": ends, "iat": opened, "nbf": opened}
    elif asked in app.refresh_tokens:
        user = site.org.users[app.refresh_tokens[asked]]
        known = {"token_type": "refresh_token"}
    else:
        return json_reply({"active": False})
    who = _identity(site, call, user)
    whose = {"scope": _SCOPE, "client_id": client_id, "username": user.username, "sub": who}
    return json_reply({"active": True, **whose, **known})


def userinfo(site: "Site", call: Call) -> Reply:
    """`/services/oauth2/userinfo` and the identity URL."""
    session = site.sessions.find(call.headers.get("Authorization", "").partition(" ")[2])
    if session is None:
        return Reply(403, b"Bad_OAuth_Token", content_type="text/html;charset=UTF-8")
    url, user = call.host.instance_url, session.user
    return json_reply(
        {
            "sub": _identity(site, call, user),
            "user_id": user.id,
            "organization_id": site.org.id,
            "preferred_username": user.username,
            "username": user.username,
            "name": user.username,
            "email": user.username,
            "active": not user.locked,
            "urls": {
                "rest": f"{url}/services/data/v{{version}}/",
                "sobjects": f"{url}/services/data/v{{version}}/sobjects/",
                "query": f"{url}/services/data/v{{version}}/query/",
                "partner": f"{url}/services/Soap/u/{{version}}/{site.org.id[:15]}",
            },
        }
    )


def identity(site: "Site", call: Call, *, org_id: str, user_id: str) -> Reply:
    """`/id/{org}/{user}`."""
    return userinfo(site, call)


def _client_credentials(site: "Site", call: Call, form: dict[str, str]) -> Reply:
    if call.host.role is not Role.MY_DOMAIN:
        raise OAuthError("invalid_grant", "request not supported on this domain")
    app = _app(site, call, form, CLIENT_CREDENTIALS)
    _check_secret(call, form, app)
    user = site.org.users.get(app.run_as or "")
    if user is None:
        raise OAuthError("invalid_grant", "no client credentials user enabled")
    return _granted(site, call, app, user)


def _refresh_token(site: "Site", call: Call, form: dict[str, str]) -> Reply:
    app = _app(site, call, form, REFRESH_TOKEN)
    _check_secret_if_any(call, form, app)
    used = form.get("refresh_token", "")
    user = site.org.users.get(app.refresh_tokens.get(used, ""))
    if user is None:
        if used in app.rotated_out:
            _revoke_descendants(site, app, used)
        raise OAuthError("invalid_grant", "expired access/refresh token")
    if not app.rotate_refresh_tokens:
        return _granted(site, call, app, user, refresh_token=used)
    # With rotation the old token dies with this use, and the sessions that it opened end with it.
    del app.refresh_tokens[used]
    site.sessions.end_of(used)
    new = f"5Aep8{secrets.token_urlsafe(60)}"
    app.refresh_tokens[new] = user.username
    app.rotated_out[used] = new
    return _granted(site, call, app, user, refresh_token=new, shown={"refresh_token": new})


def _revoke_descendants(site: "Site", app: ConnectedApp, used: str) -> None:
    """Revoke what came of a refresh token that is presented again: it may have been stolen (help 005316711)."""
    while used in app.rotated_out:
        used = app.rotated_out[used]
    username = app.refresh_tokens.pop(used, None)
    if username is not None:
        site.sessions.end_all(username, app)


def _authorization_code(site: "Site", call: Call, form: dict[str, str]) -> Reply:
    app = _app(site, call, form, AUTHORIZATION_CODE)
    _check_secret_if_any(call, form, app)
    given = form.get("code", "")
    code = site.approvals.take(given)
    if code is None and site.approvals.was_given(given):
        raise OAuthError("invalid_grant", "expired authorization code")
    if code is None or code.approval.app is not app:
        raise OAuthError("invalid_grant", "invalid authorization code")
    if form.get("redirect_uri") != code.approval.redirect_uri:
        raise OAuthError("redirect_uri_mismatch", "redirect_uri must match configuration")
    if code.approval.challenge and _challenge(form.get("code_verifier", "")) != code.approval.challenge:
        raise OAuthError("invalid_grant", "invalid code verifier")
    shown = {"scope": " ".join(sorted(code.scopes))}
    if "refresh_token" not in code.scopes:
        return _granted(site, call, app, code.user, shown=shown)
    refresh_token = f"5Aep8{secrets.token_urlsafe(60)}"
    reply = _granted(
        site,
        call,
        app,
        code.user,
        refresh_token=refresh_token,
        shown={**shown, "refresh_token": refresh_token},
    )
    app.refresh_tokens[refresh_token] = code.user.username
    return reply


def _challenge(verifier: str) -> str:
    """The code_challenge of a verifier (RFC 7636, S256)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def _jwt_bearer(site: "Site", call: Call, form: dict[str, str]) -> Reply:
    assertion = form.get("assertion", "")
    try:
        claims: dict[str, Any] = jwt.decode(assertion, options={"verify_signature": False})
    except jwt.PyJWTError:
        raise OAuthError("invalid_grant", "invalid assertion") from None
    app = _app(site, call, {"client_id": str(claims.get("iss", ""))}, JWT_BEARER)
    _check_signature(app, assertion)
    _check_expiry(site, claims)
    if str(claims.get("aud", "")).rstrip("/") not in (
        call.host.audience,
        call.host.url,
        call.host.instance_url,
    ):
        raise OAuthError("invalid_grant", "Audience validation failed")
    user = site.org.users.get(str(claims.get("sub", "")))
    if user is None:
        raise OAuthError("invalid_grant", "user hasn't approved this consumer")
    return _granted(site, call, app, user)


def _password(site: "Site", call: Call, form: dict[str, str]) -> Reply:
    app = _app(site, call, form, PASSWORD)
    _check_secret(call, form, app)
    user = site.org.users.get(form.get("username", ""))
    right = user is not None and form.get("password", "") == user.password + user.security_token
    if user is None or not right or user.locked or not site.org.login.password_grant:
        raise OAuthError("invalid_grant", "authentication failure")
    return _granted(site, call, app, user)


_Flow = Callable[["Site", Call, dict[str, str]], Reply]
_FLOWS: dict[str, _Flow] = {
    CLIENT_CREDENTIALS: _client_credentials,
    REFRESH_TOKEN: _refresh_token,
    JWT_BEARER: _jwt_bearer,
    PASSWORD: _password,
    AUTHORIZATION_CODE: _authorization_code,
}


def _app(site: "Site", call: Call, form: dict[str, str], grant: str) -> ConnectedApp:
    client_id = form.get("client_id") or _basic(call)[0]
    app = site.org.apps.get(client_id) if is_home(call.host, site.org.login) else None
    if app is None:
        raise OAuthError("invalid_client_id", "client identifier invalid")
    if grant not in app.grants:
        raise OAuthError("unsupported_grant_type", "grant type not supported")
    return app


def _basic(call: Call) -> tuple[str, str]:
    """Client id and secret from an HTTP Basic header, empty if there is none."""
    scheme, _, encoded = call.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        client_id, _, secret = base64.b64decode(encoded).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return client_id, secret


def _check_secret(call: Call, form: dict[str, str], app: ConnectedApp) -> None:
    if (form.get("client_secret") or _basic(call)[1]) != app.client_secret:
        raise OAuthError("invalid_client", "invalid client credentials")


def _check_secret_if_any(call: Call, form: dict[str, str], app: ConnectedApp) -> None:
    """Check a secret that comes, or that the app demands."""
    if app.requires_secret or "client_secret" in form or "Authorization" in call.headers:
        _check_secret(call, form, app)


def _check_signature(app: ConnectedApp, assertion: str) -> None:
    if app.certificate is None:
        raise OAuthError("invalid_grant", "invalid assertion")
    key = x509.load_pem_x509_certificate(app.certificate.encode()).public_key()
    try:
        # Times and audience are judged by the org's clock and names, afterwards.
        jwt.decode(
            assertion,
            key,  # type: ignore[arg-type]
            algorithms=["RS256"],
            options={"verify_aud": False, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
    except jwt.PyJWTError:
        raise OAuthError("invalid_grant", "invalid assertion") from None


def _check_expiry(site: "Site", claims: dict[str, Any]) -> None:
    """The guide has three minutes at most; orgs enforce no bound (the vendor's CLI sends milliseconds)."""
    now = site.org.clock.now().timestamp()
    try:
        expiry = float(claims["exp"])
    except (KeyError, TypeError, ValueError):
        raise OAuthError("invalid_grant", "invalid assertion") from None
    if expiry <= now:
        raise OAuthError("invalid_grant", "expired authorization code")


def _granted(
    site: "Site",
    call: Call,
    app: ConnectedApp,
    user: "User",
    *,
    refresh_token: str | None = None,
    shown: dict[str, str] | None = None,
) -> Reply:
    if user.locked:
        raise OAuthError("inactive_user", "user is inactive")
    if app.approved_users is not None and user.username not in app.approved_users:
        raise OAuthError("invalid_app_access", "user is not admin approved to access this app")
    session = site.sessions.open(user, app, refresh_token)
    return json_reply({**_token_body(site, call, app, session), **(shown or {})})


def _token_body(site: "Site", call: Call, app: ConnectedApp, session: "Session") -> dict[str, str]:
    issued_at = str(site.org.clock.now_ms())
    who = _identity(site, call, session.user)
    digest = hmac.new(app.client_secret.encode(), f"{who}{issued_at}".encode(), hashlib.sha256).digest()
    return {
        "access_token": session.token,
        "signature": base64.b64encode(digest).decode(),
        "scope": _SCOPE,
        "instance_url": call.host.instance_url,
        "id": who,
        "token_type": "Bearer",
        "issued_at": issued_at,
    }


def _identity(site: "Site", call: Call, user: "User") -> str:
    return f"{call.host.url}/id/{site.org.id}/{user.id}"


ROUTES = [
    Route("POST", "/services/oauth2/token", token),
    Route("POST", "/services/oauth2/revoke", revoke),
    Route("GET", "/services/oauth2/revoke", revoke),
    Route("POST", "/services/oauth2/introspect", introspect),
    Route("GET", "/services/oauth2/userinfo", userinfo),
    Route("POST", "/services/oauth2/userinfo", userinfo),
    Route("GET", "/id/{org_id}/{user_id}", identity),
]

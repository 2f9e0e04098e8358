"""The web login: the authorize endpoint, the page that asks for name and password, the page that asks for consent.

Help "OAuth 2.0 Web Server Flow" and "OAuth 2.0 Authorization Errors"; words, paths and element ids as recorded from orgs.
"""

import re
from collections.abc import Mapping
from html import escape
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from salesforce_simulator.apps import AUTHORIZATION_CODE
from salesforce_simulator.http.approvals import Approval
from salesforce_simulator.http.hosts import is_home
from salesforce_simulator.http.messages import HTML, Call, Reply
from salesforce_simulator.http.routing import Route

if TYPE_CHECKING:
    from salesforce_simulator.http.site import Site
    from salesforce_simulator.users import User

_CONSENT = "/setup/secur/RemoteAccessAuthorizationPage.apexp"
_CHALLENGE = re.compile(r"[\w-]{43}")
_LOGIN_FAILED = "Please check your username and password. If you still can't log in, contact your Salesforce administrator."
_SCOPE_TEXTS = {
    "api": "Manage user data via APIs",
    "refresh_token": "Perform requests at any time",
    "web": "Manage user data via Web browsers",
    "full": "Full access",
}


def authorize(site: "Site", call: Call) -> Reply:
    """`/services/oauth2/authorize`: what may not be sent back to the app is told in the browser."""
    asked = call.query | call.form()
    app = site.org.apps.get(asked.get("client_id", "")) if is_home(call.host, site.org.login) else None
    if app is None:
        return _refused("invalid_client_id", "client identifier invalid")
    redirect_uri = asked.get("redirect_uri", "")
    if redirect_uri not in app.callback_urls:
        return _refused("redirect_uri_mismatch", "redirect_uri must match configuration")
    if asked.get("response_type") != "code" or AUTHORIZATION_CODE not in app.grants:
        return _refused("unsupported_response_type", "response type not supported")
    challenge = asked.get("code_challenge", "")
    if app.requires_pkce and not challenge:
        return _refused("invalid_request", "missing required code challenge")
    if challenge and not _CHALLENGE.fullmatch(challenge):
        return _refused("invalid_request", "invalid code challenge")
    prompts = asked.get("prompt", "").split()
    approval = Approval(
        app=app,
        redirect_uri=redirect_uri,
        state=asked.get("state"),
        scopes=frozenset(asked.get("scope", "").split()) or app.scopes,
        challenge=challenge,
        must_login="login" in prompts,
        must_ask="consent" in prompts,
    )
    return _to(f"{_CONSENT}?{urlencode({'source': site.approvals.ask(approval)})}")


def login_page(site: "Site", call: Call) -> Reply:
    """The page that asks who it is."""
    return _login_page(call.query.get("startURL", ""))


def login(site: "Site", call: Call) -> Reply:
    """Name and password come in."""
    form = call.form()
    start = form.get("startURL", "")
    user = site.org.users.get(form.get("username", ""))
    if user is None or user.locked or form.get("pw") != user.password:
        return _login_page(start, f'<div id="error" role="alert">{escape(_LOGIN_FAILED)}</div>')
    _, _, query = start.partition(f"{_CONSENT}?source=")
    approval = site.approvals.asked(query)
    if approval is not None:
        approval.must_login = False
    # Only to a page of its own.
    here = start if re.match(r"/(?![/\\])", start) else "/"
    reply = _to(here)
    reply.headers["Set-Cookie"] = f"sid={site.approvals.sign_in(user)}; Path=/; HttpOnly; SameSite=Lax"
    return reply


def consent_page(site: "Site", call: Call) -> Reply:
    """The page that asks for consent, unless the user need not be asked."""
    source = call.query.get("source", "")
    approval = site.approvals.asked(source)
    if approval is None:
        return _error_page()
    user = _user(site, call)
    if user is None or approval.must_login:
        return _to(f"/?startURL={quote(f'{_CONSENT}?source={source}', safe='')}")
    refusal = _refusal(site, source, approval, user)
    if refusal is not None:
        return refusal
    known = approval.app.approved_users is not None or user.username in approval.app.approved_by
    if known and not approval.must_ask:
        return _approved(site, source, approval, user)
    wishes = "".join(f"<li>{escape(_SCOPE_TEXTS.get(name, name))}</li>" for name in sorted(approval.scopes))
    return _page(
        "Allow Access?",
        f"<p><b>{escape(approval.app.name)}</b> is asking to:</p><ul>{wishes}</ul>"
        f"<p>Do you want to allow access for {escape(user.username)}?</p>"
        f'<form method="post" action="{_CONSENT}"><input type="hidden" name="source" value="{escape(source)}">'
        '<button id="oadeny" name="cancel" value="1">Deny</button> '
        '<button id="oaapprove" name="save" value="1">Allow</button></form>',
    )


def consent(site: "Site", call: Call) -> Reply:
    """The user's answer."""
    form = call.form()
    source = form.get("source", "")
    approval, user = site.approvals.asked(source), _user(site, call)
    if approval is None or user is None:
        return _error_page()
    if "save" in form:
        approval.app.approved_by.add(user.username)
        return _approved(site, source, approval, user)
    site.approvals.drop(source)
    return _back(approval, {"error": "access_denied", "error_description": "end-user denied authorization"})


def _refusal(site: "Site", source: str, approval: Approval, user: "User") -> Reply | None:
    """What the org says where the user may not use the app."""
    app = approval.app
    # As people report it; the page names no cause.
    if not app.installed or not approval.scopes <= app.scopes:
        return _error_page()
    told: Mapping[str, str] | None = None
    if app.of_other_org:
        told = {
            "error": "OAUTH_AUTHORIZATION_BLOCKED",
            "error_description": "Cross-org OAuth flows are not supported for this external client app",
        }
    elif app.approved_users is not None and user.username not in app.approved_users:
        told = {
            "error": "OAUTH_APP_ACCESS_DENIED",
            "error_description": "user is not admin approved to access this app",
        }
    if told is None:
        return None
    site.approvals.drop(source)
    return _back(approval, told)


def _approved(site: "Site", source: str, approval: Approval, user: "User") -> Reply:
    code = site.approvals.give(source, user, approval.scopes & approval.app.scopes)
    return _back(approval, {"code": code})


def _back(approval: Approval, told: Mapping[str, str]) -> Reply:
    """Send the browser back to the app."""
    state = {} if approval.state is None else {"state": approval.state}
    mark = "&" if "?" in approval.redirect_uri else "?"
    return _to(f"{approval.redirect_uri}{mark}{urlencode({**told, **state})}")


def _user(site: "Site", call: Call) -> "User | None":
    try:
        cookies = SimpleCookie(call.headers.get("Cookie", ""))
    except CookieError:
        return None
    return site.approvals.user_of(cookies["sid"].value) if "sid" in cookies else None


def _login_page(start: str, error: str = "") -> Reply:
    return _page(
        "Login | Salesforce",
        f'{error}<form id="login_form" method="post" action="/">'
        f'<input type="hidden" name="startURL" value="{escape(start)}">'
        '<label>Username <input id="username" name="username" autocomplete="off"></label> '
        '<label>Password <input id="password" name="pw" type="password" autocomplete="off"></label> '
        '<input id="Login" name="Login" type="submit" value="Log In"></form>',
    )


def _error_page() -> Reply:
    text = "OAUTH_APPROVAL_ERROR_GENERIC : An unexpected error has occurred during authentication. Please try again."
    return _page("Salesforce", f"<p>{text}</p>")


def _refused(error: str, description: str) -> Reply:
    """A refusal that no app learns of: plain text in the browser."""
    told = urlencode({"error": error, "error_description": description}, quote_via=quote)
    return Reply(400, told.encode(), {"Cache-Control": "no-store"}, HTML)


def _page(title: str, body: str) -> Reply:
    page = f'<!DOCTYPE html><html lang="en"><head><title>{title}</title></head><body>{body}</body></html>'
    return Reply(200, page.encode(), {"Cache-Control": "no-store"}, HTML)


def _to(address: str) -> Reply:
    return Reply(302, b"", {"Location": address, "Cache-Control": "no-store"}, HTML)


ROUTES = [
    Route("GET", "/services/oauth2/authorize", authorize),
    Route("POST", "/services/oauth2/authorize", authorize),
    Route("GET", "/", login_page),
    Route("POST", "/", login),
    Route("GET", _CONSENT, consent_page),
    Route("POST", _CONSENT, consent),
]

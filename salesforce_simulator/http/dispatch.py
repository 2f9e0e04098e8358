"""A call's way through the org: faults, session, limits, then its handler."""

import logging
import re
import secrets
from typing import TYPE_CHECKING

from salesforce_simulator.errors import ApiError
from salesforce_simulator.http.bulk1_format import bulk1_error
from salesforce_simulator.http.errors import (
    HttpError,
    OAuthError,
    PageError,
    api_disabled_for_user,
    error_body,
    error_reply,
    invalid_session,
    not_found,
    request_limit_exceeded,
    unexpected,
)
from salesforce_simulator.http.faults import (
    CutBody,
    Drop,
    EndSession,
    ExpireCursors,
    HtmlPage,
    Replace,
    Status,
    TokenRefusal,
    UseUp,
)
from salesforce_simulator.http.hosts import Role
from salesforce_simulator.http.instance import down_for_maintenance
from salesforce_simulator.http.ledger import Part
from salesforce_simulator.http.messages import HTML, Call, Reply
from salesforce_simulator.http.subject import subject

if TYPE_CHECKING:
    from salesforce_simulator.http.sessions import Session
    from salesforce_simulator.http.site import Site

_DATA = re.compile(r"/services/(?:data/v|async/)(\d+)\.0(?:/.*)?")
_log = logging.getLogger(__name__)


def answer(site: "Site", call: Call) -> Reply:
    """Answer a request as a whole; the call's ledger entry learns object, user and cost."""
    about = subject(site, call)
    if call.entry:
        call.entry.sobject = about
    call.actions = site.faults.of(call.method, call.path, about)
    if any(isinstance(action, Drop) and action.when == "request" for action in call.actions):
        return Reply(status=0, actions=call.actions)
    reply = _injected(site, call) or _served(site, call)
    _spoil(call, reply)
    reply.actions = call.actions
    if call.session:
        reply.headers.setdefault("Sforce-Limit-Info", _usage(site, call.session))
    return reply


def answer_part(site: "Site", call: Call) -> Reply:
    """Answer a subrequest of a composite; its session is the caller's and nothing is charged.

    Raises:
        PageError: The fault plan has a page of HTML, which no answer of a composite can hold.
    """
    about = subject(site, call)
    call.actions = site.faults.of(call.method, call.path, about)
    reply = _injected(site, call)
    if reply is not None and reply.content_type == HTML:
        raise PageError(reply)
    if reply is None:
        # A session that ended meanwhile serves no further part.
        alive = call.session and site.sessions.find(call.session.token)
        reply = _handled(site, call) if alive else _refusal(call, invalid_session())
    _spoil(call, reply)
    if call.entry:
        call.entry.parts.append(Part(call.method, call.path, about, reply.status, call.query.get("q", "")))
    return reply


def charge(site: "Site", call: Call, amount: int) -> None:
    """Count API calls against the day's limit.

    Raises:
        HttpError: `REQUEST_LIMIT_EXCEEDED`.
    """
    limit = site.org.limits.daily_api_requests
    if limit.remaining < amount:
        raise request_limit_exceeded()
    limit.spend(amount)
    if call.entry:
        call.entry.cost += amount
    if call.session and call.session.app:
        site.app_usage[call.session.app.client_id] += amount


def _usage(site: "Site", session: "Session") -> str:
    limit = site.org.limits.daily_api_requests
    usage = f"api-usage={limit.used}/{limit.maximum}"
    quota = site.settings.app_quotas.get(session.app.client_id) if session.app else None
    if session.app is None or quota is None:
        return usage
    used = site.app_usage[session.app.client_id]
    return f"{usage}; per-app-api-usage={used}/{quota}(appName={session.app.name})"


def _change_state(site: "Site", call: Call) -> None:
    """What the fault plan does to the org before the call is served."""
    for action in call.actions:
        if isinstance(action, EndSession):
            site.sessions.end(call.session.token if call.session else _token(call))
        elif isinstance(action, ExpireCursors):
            site.cursors.clear()
        elif isinstance(action, UseUp):
            limit = site.org.limits.all()[action.limit]
            limit.spend(limit.remaining)


def _injected(site: "Site", call: Call) -> Reply | None:
    """What the fault plan answers in the handler's place; its other actions change the org's state first."""
    _change_state(site, call)
    ended = call.action(EndSession)
    if ended is not None and ended.code is not None:
        return error_body(401, ended.code, ended.message)
    html = call.action(HtmlPage)
    if html is not None:
        return Reply(200, html.page(), {}, HTML)
    refusal = call.action(TokenRefusal)
    if refusal is not None:
        return OAuthError(refusal.error, refusal.words()).reply()
    status = call.action(Status)
    if status is None:
        return None
    headers = {} if status.retry_after is None else {"Retry-After": str(status.retry_after)}
    if status.location is not None:
        headers["Location"] = status.location
    error = status.error()
    if error is None:
        return Reply(status.status, status.page().encode(), headers, HTML)
    reply = error_body(status.status, *error)
    reply.headers.update(headers)
    return reply


def _spoil(call: Call, reply: Reply) -> None:
    """Let the fault plan change the bytes of a reply."""
    for action in call.actions:
        if isinstance(action, CutBody | Replace):
            file = reply.file
            reply.body, reply.file = action.spoil(reply.body + (file.read() if file else b"")), None


def _served(site: "Site", call: Call) -> Reply:
    match = _DATA.fullmatch(call.path)
    if match is None:
        return _handled(site, call)
    try:
        site.instance.check(call.method, call.path)
        call.session = _session(site, call)
        site.instance.check_concurrency()
        charge(site, call, 1)
        version = int(match[1])
        if version > site.settings.last_version:
            raise not_found()
        if version < site.settings.first_version:
            raise HttpError(410, "UNSUPPORTED_API_VERSION", f"API version {version}.0 has been retired.")
    except ApiError as error:
        return _refusal(call, error)
    return _handled(site, call)


def _session(site: "Site", call: Call) -> "Session":
    session = site.sessions.find(_token(call))
    if session is None or call.host.role is not Role.MY_DOMAIN:
        raise invalid_session()
    if call.entry:
        call.entry.user = session.user.username
    if not session.user.permissions.api_enabled:
        raise api_disabled_for_user()
    return session


def _token(call: Call) -> str:
    scheme, _, token = call.headers.get("Authorization", "").partition(" ")
    if scheme.lower() in ("bearer", "oauth"):
        return token.strip()
    return call.headers.get("X-SFDC-Session", "")


def _handled(site: "Site", call: Call) -> Reply:
    try:
        if not call.path.startswith("/_simulator"):
            site.instance.check(call.method, call.path)
        handler, parameters = site.router.handler(call)
        return handler(site, call, **parameters)
    except ApiError as error:
        return _refusal(call, error)
    except OAuthError as error:
        return error.reply()
    except PageError as error:
        return error.reply
    except Exception:  # noqa: BLE001 - a server answers, whatever happens
        # What support finds in the log by it.
        error_id = f"{secrets.randbelow(10**10):010}-{secrets.randbelow(10**6):06} ({secrets.randbelow(2**32) - 2**31})"
        _log.exception("ErrorId %s: %s %s", error_id, call.method, call.path)
        return _refusal(call, unexpected(error_id))


def _refusal(call: Call, error: ApiError) -> Reply:
    """The error in the shape of the API that was called."""
    if call.path.startswith("/services/async/"):
        return bulk1_error(call, error)
    if isinstance(error, HttpError) and error.status == 503 and not call.path.startswith("/services/data/"):
        return down_for_maintenance()
    return error_reply(error)

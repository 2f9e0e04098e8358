"""SOAP `login()` and `logout()`; the rest of the SOAP API is not here.

Partner WSDL at `/services/Soap/u/{version}`, enterprise WSDL at `/services/Soap/c/{version}`. `login()` is gone from
version 65.0 on, and new orgs have it switched off.
"""

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from salesforce_simulator.http.hosts import Role, is_home
from salesforce_simulator.http.messages import Call, Reply
from salesforce_simulator.http.routing import Route

if TYPE_CHECKING:
    from salesforce_simulator.http.site import Site
    from salesforce_simulator.users import User

_XML = "text/xml;charset=UTF-8"
_GONE_FROM = 65
_WSDL = {"u": "partner", "c": "enterprise"}
_INVALID_LOGIN = "Invalid username, password, security token; or user locked out."
_LOGIN_DISABLED = (
    "SOAP API login() is disabled by default in this org. "
    "For more information, ask your Salesforce administrator."
)
_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope'
    ' xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"{namespaces}'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>'
)


def soap(site: "Site", call: Call, *, wsdl: str, version: str, organization: str) -> Reply:
    """A SOAP request: which operation it is stands in the body."""
    try:
        envelope = ET.fromstring(call.body)
    except ET.ParseError as error:
        return _fault(wsdl, "UnexpectedErrorFault", "INVALID_REQUEST", f"The XML is not well-formed: {error}")
    operation = next((_name(child) for body in _all(envelope, "Body") for child in body), "")
    if operation == "login" and int(float(version)) < _GONE_FROM:
        return _login(site, call, wsdl, version, envelope)
    if operation == "logout":
        site.sessions.end(_text(envelope, "sessionId"))
        return _answer(wsdl, "<logoutResponse/>")
    return _fault(
        wsdl, "UnexpectedErrorFault", "INVALID_OPERATION", f"{operation or 'This'} is not available here."
    )


def _login(site: "Site", call: Call, wsdl: str, version: str, envelope: ET.Element) -> Reply:
    if not site.org.login.soap_login:
        return _fault(wsdl, "UnexpectedErrorFault", "INVALID_OPERATION", _LOGIN_DISABLED)
    user = site.org.users.get(_text(envelope, "username")) if is_home(call.host, site.org.login) else None
    if user is None or user.locked or not _password_fits(site, user, envelope):
        return _fault(wsdl, "LoginFault", "INVALID_LOGIN", _INVALID_LOGIN)
    if not user.permissions.api_enabled:
        return _fault(wsdl, "UnexpectedErrorFault", "API_CURRENTLY_DISABLED", "API is disabled for this User")
    session = site.sessions.open(user, None)
    # A login at a login host leads to the org's My Domain.
    base = call.host.url if call.host.role is Role.MY_DOMAIN else call.host.instance_url
    server, organization = f"{base}/services/Soap", site.org.id[:15]
    return _answer(
        wsdl,
        "<loginResponse><result>"
        f"<metadataServerUrl>{server}/m/{version}/{organization}</metadataServerUrl>"
        f"<passwordExpired>false</passwordExpired><sandbox>{str(site.org.login.sandbox).lower()}</sandbox>"
        f"<serverUrl>{server}/{wsdl}/{version}/{organization}</serverUrl>"
        f"<sessionId>{escape(session.token)}</sessionId><userId>{user.id}</userId>"
        f"{_user_info(site, user)}</result></loginResponse>",
    )


def _password_fits(site: "Site", user: "User", envelope: ET.Element) -> bool:
    """The password, with the security token unless the login names the organization (a trusted network's)."""
    given, organization = _text(envelope, "password"), _text(envelope, "organizationId")
    if organization:
        return organization[:15] == site.org.id[:15] and given in (
            user.password,
            user.password + user.security_token,
        )
    return given == user.password + user.security_token


def _user_info(site: "Site", user: "User") -> str:
    name = escape(user.username)
    return (
        "<userInfo><accessibilityMode>false</accessibilityMode><currencySymbol>$</currencySymbol>"
        f"<organizationId>{site.org.id}</organizationId><organizationMultiCurrency>false</organizationMultiCurrency>"
        f"<organizationName>{escape(site.org.login.my_domain)}</organizationName>"
        f"<sessionSecondsValid>{site.org.login.session_minutes * 60}</sessionSecondsValid>"
        f"<userEmail>{name}</userEmail><userFullName>{name}</userFullName><userId>{user.id}</userId>"
        f"<userLanguage>en_US</userLanguage><userLocale>en_US</userLocale><userName>{name}</userName>"
        "<userTimeZone>GMT</userTimeZone><userType>Standard</userType></userInfo>"
    )


def _answer(wsdl: str, body: str) -> Reply:
    namespaces = f' xmlns="urn:{_WSDL[wsdl]}.soap.sforce.com"'
    return Reply(200, _ENVELOPE.format(namespaces=namespaces, body=body).encode(), content_type=_XML)


def _fault(wsdl: str, kind: str, code: str, message: str) -> Reply:
    body = (
        f"<soapenv:Fault><faultcode>{code}</faultcode><faultstring>{code}: {escape(message)}</faultstring>"
        f'<detail><sf:{kind} xsi:type="sf:{kind}"><sf:exceptionCode>{code}</sf:exceptionCode>'
        f"<sf:exceptionMessage>{escape(message)}</sf:exceptionMessage></sf:{kind}></detail></soapenv:Fault>"
    )
    namespaces = f' xmlns:sf="urn:fault.{_WSDL[wsdl]}.soap.sforce.com"'
    return Reply(500, _ENVELOPE.format(namespaces=namespaces, body=body).encode(), content_type=_XML)


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _all(root: ET.Element, name: str) -> list[ET.Element]:
    return [element for element in root.iter() if _name(element) == name]


def _text(root: ET.Element, name: str) -> str:
    found = _all(root, name)
    return (found[0].text or "") if found else ""


ROUTES = [Route("POST", r"/services/Soap/{wsdl:[uc]}/{version:\d+(?:\.\d)?}{organization:(?:/\w+)?}", soap)]

"""Connected apps: what a client must present to get a token, and what the org's login allows."""

from __future__ import annotations

from dataclasses import dataclass, field

CLIENT_CREDENTIALS = "client_credentials"
REFRESH_TOKEN = "refresh_token"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
PASSWORD = "password"
AUTHORIZATION_CODE = "authorization_code"
ALL_GRANTS = frozenset({CLIENT_CREDENTIALS, REFRESH_TOKEN, JWT_BEARER, PASSWORD, AUTHORIZATION_CODE})


@dataclass(slots=True)
class ConnectedApp:
    """A connected app.

    Attributes:
        client_id: consumer key.
        client_secret: consumer secret.
        grants: the grant types that it may use.
        run_as: user name that client credentials log in as.
        certificate: PEM of the certificate that JWT assertions are checked with, or none.
        rotate_refresh_tokens: whether each use of a refresh token gives a new one and kills the old.
        refresh_tokens: live refresh tokens, each with the user name it stands for.
        rotated_out: refresh tokens that were used, each with the one given in its place.
        approved_users: user names that an admin approved for it; none means everybody.
        callback_urls: where the web login may send the browser back to.
        scopes: what the app may ask for.
        requires_pkce: whether the web login needs a code challenge; new apps cannot switch it off.
        requires_secret: whether the client secret is needed to use a code or a refresh token.
        installed: whether the org has it; else its users cannot approve it.
        of_other_org: whether it is an external client app that another org keeps for itself.
        approved_by: user names that have allowed it in a web login.
    """

    name: str
    client_id: str
    client_secret: str
    grants: frozenset[str] = ALL_GRANTS
    run_as: str | None = None
    certificate: str | None = None
    rotate_refresh_tokens: bool = False
    refresh_tokens: dict[str, str] = field(default_factory=dict)
    rotated_out: dict[str, str] = field(default_factory=dict)
    approved_users: frozenset[str] | None = None
    callback_urls: tuple[str, ...] = ()
    scopes: frozenset[str] = frozenset({"api", "refresh_token"})
    requires_pkce: bool = True
    requires_secret: bool = False
    installed: bool = True
    of_other_org: bool = False
    approved_by: set[str] = field(default_factory=set)


@dataclass(slots=True)
class LoginPolicy:
    """What the org's login allows.

    Attributes:
        sandbox: whether this org is a sandbox (it then logs in at the test host and its own My Domain only).
        my_domain: first label of its My Domain.
        soap_login: whether SOAP `login()` is on; new orgs have it off, older ones still on.
        password_grant: whether the password grant is on; new orgs have it off.
        session_minutes: how long a session lives on the org's clock.
    """

    sandbox: bool = False
    my_domain: str = "acme"
    soap_login: bool = True
    password_grant: bool = False
    session_minutes: int = 120

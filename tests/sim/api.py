"""A bare client for the tests of the simulated org: plain requests, nothing hidden."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import requests

from tests.levels import PATIENCE

if TYPE_CHECKING:
    from tests.fix_org import OrgServer

VERSION = "62.0"
DATA = f"/services/data/v{VERSION}"
_DEADLINE = 60.0 * PATIENCE


def token(served: OrgServer, url: str | None = None, **form: str) -> requests.Response:
    """Ask the token endpoint; client credentials of the demo app unless `form` says otherwise."""
    config = served.config()
    body = {
        "grant_type": "client_credentials",
        "client_id": config["client_id"],
        "client_secret": config["client_secret"],
    }
    return requests.post(f"{url or served.url}/services/oauth2/token", data=body | form, timeout=60)


class Api:
    """Calls as the user of the fixture's config."""

    def __init__(self, served: OrgServer) -> None:
        self.url = served.url
        self.session = requests.Session()
        self.login(served)

    def login(self, served: OrgServer) -> None:
        """Get a new token."""
        answer = token(served).json()
        self.session.headers["Authorization"] = f"Bearer {answer['access_token']}"

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """Any call; a path that does not begin with a slash is below the version."""
        url = f"{self.url}{path if path.startswith('/') else f'{DATA}/{path}'}"
        return self.session.request(method, url, timeout=60, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        """GET."""
        return self.call("GET", path, **options)

    def post(self, path: str, body: Any, **options: Any) -> requests.Response:
        """POST of JSON."""
        return self.call("POST", path, json=body, **options)

    def query(self, soql: str, resource: str = "query", **headers: str) -> requests.Response:
        """A SOQL query's first page."""
        return self.get(resource, params={"q": soql}, headers=headers)

    def composite(self, *parts: dict[str, Any], **more: Any) -> requests.Response:
        """A composite of parts, which get a reference id each."""
        named = [{"referenceId": f"part{n}", "method": "GET", **part} for n, part in enumerate(parts)]
        return self.post("composite", {"compositeRequest": named, **more})

    def job(self, soql: str, operation: str = "query", **settings: Any) -> str:
        """Create a Bulk job; gives its id."""
        answer = self.post("jobs/query", {"operation": operation, "query": soql, **settings})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def finished(self, job_id: str) -> dict[str, Any]:
        """Poll a job until it ends."""
        deadline = time.monotonic() + _DEADLINE
        while time.monotonic() < deadline:
            job: dict[str, Any] = self.get(f"jobs/query/{job_id}").json()
            if job["state"] in ("JobComplete", "Failed", "Aborted"):
                return job
            time.sleep(0.01)
        raise AssertionError(f"job {job_id} did not end: {job}")

    def results(self, job_id: str, **parameters: Any) -> requests.Response:
        """A page of a job's rows."""
        return self.get(f"jobs/query/{job_id}/results", params=parameters)


def error(answer: requests.Response) -> tuple[int, str]:
    """Status and error code of a refusal."""
    (body,) = answer.json()
    return answer.status_code, body["errorCode"]

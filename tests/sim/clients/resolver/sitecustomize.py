"""Leads Salesforce's host names to a server on this machine, as a hosts file would, and trusts its CA.

Python imports a module of this name at start if its folder is on PYTHONPATH. SIMULATED_ORG is `host:port`,
SIMULATED_ORG_CA the CA's certificate file.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from requests.adapters import HTTPAdapter

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

_send = HTTPAdapter.send


def _send_there(self: HTTPAdapter, request: PreparedRequest, *args: Any, **options: Any) -> Response:
    parts = urlsplit(str(request.url))
    if str(parts.hostname).endswith(".salesforce.com"):
        request.headers["Host"] = parts.netloc
        request.url = urlunsplit(parts._replace(netloc=os.environ["SIMULATED_ORG"]))
        options["verify"] = os.environ["SIMULATED_ORG_CA"]
    return _send(self, request, *args, **options)


HTTPAdapter.send = _send_there  # type: ignore[method-assign]

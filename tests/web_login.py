"""A person at a browser, as far as plain HTTP can be one: signs in at the simulated org, then allows or denies."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urljoin, urlsplit

import requests

from salesforce_simulator.simulation import DEMO_PASSWORD, DEMO_USER

if TYPE_CHECKING:
    from collections.abc import Mapping

_FORM = re.compile(r'<form[^>]* action="([^"]+)"')
_INPUT = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')
_STEPS = 6


class Person:
    """Clicks through the pages of a web login, but never opens the app's own address."""

    def __init__(self, username: str = DEMO_USER, password: str = DEMO_PASSWORD) -> None:
        self.username, self.password = username, password
        self.browser = requests.Session()
        self.seen: list[str] = []
        """What each page was for."""

    def open(self, address: str, *, allow: bool = True) -> str:
        """Go on until the browser is sent to another host (gives that address), or a page ends the way (gives its text)."""
        host = urlsplit(address).netloc
        page = self.browser.get(address, allow_redirects=False, timeout=60)
        for _ in range(_STEPS):
            if page.is_redirect:
                target = urljoin(page.url, page.headers["Location"])
                if urlsplit(target).netloc != host:
                    return target
                page = self.browser.get(target, allow_redirects=False, timeout=60)
            elif 'id="login_form"' in page.text and 'id="error"' not in page.text:
                self.seen.append("login")
                page = self._send(page, {"username": self.username, "pw": self.password})
            elif 'id="oaapprove"' in page.text:
                self.seen.append("consent")
                page = self._send(page, {"save": "1"} if allow else {"cancel": "1"})
            else:
                break
        return page.text

    def answer(self, address: str, *, allow: bool = True) -> dict[str, str]:
        """What the app is told in the end."""
        target = self.open(address, allow=allow)
        assert target.startswith("http"), target
        return dict(parse_qsl(urlsplit(target).query))

    def _send(self, page: requests.Response, fields: Mapping[str, str]) -> requests.Response:
        (action,) = _FORM.findall(page.text)
        hidden = {name: unescape(value) for name, value in _INPUT.findall(page.text)}
        address = urljoin(page.url, unescape(action))
        return self.browser.post(address, data={**hidden, **fields}, allow_redirects=False, timeout=60)

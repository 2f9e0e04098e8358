"""A terminal in which somebody logs in with `sfsource login`, against the simulated org."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from salesforce_simulator.simulation import DEMO_CLIENT_ID
from tests.web_login import Person

if TYPE_CHECKING:
    import subprocess

    from tests.fix_org import OrgServer
    from tests.fix_process import Finished, Processes

ADDRESS = re.compile(r"^http\S+/services/oauth2/authorize\S+$", re.MULTILINE)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def until_address(login: subprocess.Popen[str]) -> tuple[str, str]:
    """What a login says until it shows the address, and the address; the address is empty if it ends before."""
    assert login.stderr is not None
    said = ""
    for line in login.stderr:
        said += line
        if found := ADDRESS.search(said):
            return said, found.group()
    return said, ""


def shown_address(login: subprocess.Popen[str]) -> str:
    """The address that a login shows."""
    said, address = until_address(login)
    assert address, said
    return address


@dataclass
class Terminal:
    """A terminal in which somebody logs in, in a home folder of their own."""

    served: OrgServer
    processes: Processes
    port: int
    environment: dict[str, str] = field(default_factory=dict)
    running: subprocess.Popen[str] | None = None
    begun: str = ""

    @property
    def callback(self) -> str:
        return f"http://localhost:{self.port}/OauthRedirect"

    def start(self, *arguments: str, configured: dict[str, Any] | None = None) -> str:
        """Begin to log in without a browser; gives the address that is shown."""
        config = {"login_url": self.served.url, "client_id": DEMO_CLIENT_ID, **(configured or {})}
        self.processes.write("tap.json", config)
        command = ["sfsource", "login", "--tap", "tap.json", "--port", str(self.port), "--no-browser"]
        self.running = self.processes.start([*command, *arguments], env=self.environment)
        self.begun, address = until_address(self.running)
        return address

    def finish(self, status: int = 0) -> Finished:
        assert self.running is not None
        return self.processes.finish(self.running).expect(status)

    def log_in(self, *arguments: str, configured: dict[str, Any] | None = None) -> Finished:
        """The whole way of somebody who allows the app."""
        page = requests.get(Person().open(self.start(*arguments, configured=configured)), timeout=60)
        assert "You can close this page" in page.text
        return self.finish()

    def read(self, **config: Any) -> Finished:
        """Run the tap, which is told no token."""
        told = {"login_url": self.served.url, "client_id": DEMO_CLIENT_ID, "objects": ["User"], **config}
        path = self.processes.write("read.json", told)
        return self.processes.tap("--config", path, env=self.environment)

    def kept(self) -> list[Path]:
        return sorted(Path(self.environment["XDG_DATA_HOME"]).glob("tap-sfsource/*"))

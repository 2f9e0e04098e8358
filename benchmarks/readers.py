"""How each tap is told to read an org, discovery done beforehand where its peers want a catalog."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from functools import cached_property
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Command, FailedError
from benchmarks.session import PROJECT, Session, own_program

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.orgs import RunningOrg
    from benchmarks.peers import Peer

OURS = "tap-sfsource"
SINGER_IO = "tap-salesforce"
AIRBYTE = "airbyte-source-salesforce"

_RESOLVER = PROJECT / "tests" / "sim" / "clients" / "resolver"
_DISCOVERY_SECONDS = 600
_START = "2016-01-01T00:00:00Z"


def redirected(org: RunningOrg) -> dict[str, str]:
    """Environment in which a stranger's Python finds the org at Salesforce's host names."""
    return {
        "PYTHONPATH": str(_RESOLVER),
        "SIMULATED_ORG": org.netloc,
        "SIMULATED_ORG_CA": org.ca_file,
    }


def ours_config(org: RunningOrg, objects: Sequence[str], **settings: Any) -> dict[str, Any]:
    """Give tap-sfsource's config for an org; `settings` are added. It writes the rows alone, as other taps do."""
    return {
        "sync_reports": False,
        "login_url": org.url,
        "client_id": org.client_id,
        "client_secret": org.client_secret,
        "ca_file": org.ca_file,
        **({"objects": list(objects)} if objects else {}),
        **settings,
    }


def ours(session: Session, org: RunningOrg, objects: Sequence[str], **settings: Any) -> Command:
    """Read with tap-sfsource."""
    file = session.write(f"tap-{uuid.uuid4().hex[:8]}.json", ours_config(org, objects, **settings))
    return Command(OURS, (own_program(OURS), "--config", file))


class SingerIo:
    """singer-io's tap-salesforce; it discovers once, when it first has to read."""

    def __init__(self, session: Session, org: RunningOrg, peer: Peer, api: str) -> None:
        """Set it up for an org.

        Args:
            session: The session.
            org: The org.
            peer: The installed tap.
            api: `BULK` or `REST`.
        """
        self._session, self._org, self._program, self._api = session, org, peer.program(SINGER_IO), api
        self._environment = redirected(org)

    @cached_property
    def _catalog(self) -> Any:
        return json.loads(_said(self.discover()))

    def config(self) -> dict[str, Any]:
        """Its config."""
        return {
            "client_id": self._org.client_id,
            "client_secret": self._org.client_secret,
            "refresh_token": "kept",
            "start_date": _START,
            "api_type": self._api,
            "select_fields_by_default": True,
        }

    def discover(self) -> Command:
        """Discover everything."""
        argv = (self._program, "--config", self._file(self.config()), "--discover")
        return Command(SINGER_IO, argv, self._environment)

    def catalog(self, objects: Sequence[str]) -> dict[str, Any]:
        """Give its catalog with those objects, selected."""
        streams = [s for s in self._catalog["streams"] if s["tap_stream_id"] in objects]
        for stream in streams:
            for entry in stream["metadata"]:
                if not entry["breadcrumb"]:
                    entry["metadata"]["selected"] = True
        return {"streams": streams}

    @property
    def everything(self) -> list[str]:
        """Names of the objects that it discovered."""
        return [stream["tap_stream_id"] for stream in self._catalog["streams"]]

    def read(self, objects: Sequence[str], state: Path | None = None) -> Command:
        """Read objects, from a state if there is one.

        Raises:
            FailedError: Discovery failed.
        """
        argv = [
            self._program,
            "--config",
            self._file(self.config()),
            "--properties",
            self._file(self.catalog(objects)),
        ]
        argv += ["--state", str(state)] if state else []
        return Command(SINGER_IO, tuple(argv), self._environment)

    def _file(self, content: Any) -> str:
        return self._session.write(f"singer-io-{uuid.uuid4().hex[:8]}.json", content)


class Airbyte:
    """airbyte-source-salesforce; it discovers once, when it first has to read."""

    def __init__(self, session: Session, org: RunningOrg, peer: Peer) -> None:
        """Set it up for an org.

        Args:
            session: The session.
            org: The org.
            peer: The installed connector.
        """
        self._session, self._program = session, peer.program("source-salesforce")
        self._environment = redirected(org)
        # One window of time for everything: a window is a job, and each polls for seconds.
        self._config = {
            "client_id": org.client_id,
            "client_secret": org.client_secret,
            "refresh_token": "kept",
            "start_date": _START,
            "stream_slice_step": "P5000D",
        }

    @cached_property
    def _streams(self) -> dict[str, dict[str, Any]]:
        said = _said(self.discover()).splitlines()
        found = [json.loads(line) for line in said if line.startswith(b"{")]
        (catalog,) = [message["catalog"] for message in found if message["type"] == "CATALOG"]
        return {stream["name"]: stream for stream in catalog["streams"]}

    def discover(self) -> Command:
        """Discover everything."""
        argv = (self._program, "discover", "--config", self._file(self._config))
        return Command(AIRBYTE, argv, self._environment)

    @property
    def everything(self) -> list[str]:
        """Names of the objects that it discovered."""
        return list(self._streams)

    def read(self, objects: Sequence[str], state: Path | None = None) -> Command:
        """Read objects, from a state if there is one.

        Raises:
            FailedError: Discovery failed.
        """
        streams = [_configured(self._streams[name]) for name in objects if name in self._streams]
        files = ("--config", self._file(self._config), "--catalog", self._file({"streams": streams}))
        argv = (self._program, "read", *files, *(("--state", str(state)) if state else ()))
        # It downloads into the folder where it runs, and leaves the file there when it is killed.
        return Command(AIRBYTE, argv, self._environment, self._session.folder)

    def _file(self, content: Any) -> str:
        return self._session.write(f"airbyte-{uuid.uuid4().hex[:8]}.json", content)


def _configured(stream: dict[str, Any]) -> dict[str, Any]:
    incremental = "incremental" in stream["supported_sync_modes"]
    return {
        "stream": stream,
        "sync_mode": "incremental" if incremental else "full_refresh",
        "destination_sync_mode": "append",
        "cursor_field": stream.get("default_cursor_field") or [],
    }


def _said(command: Command) -> bytes:
    done = subprocess.run(
        command.argv,
        env={**os.environ, **command.env},
        capture_output=True,
        timeout=_DISCOVERY_SECONDS,
        check=False,
    )
    if done.returncode:
        raise FailedError(
            f"{command.name}: discovery ended with {done.returncode}: {done.stderr.decode()[-2000:]}"
        )
    return done.stdout

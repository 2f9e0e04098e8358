"""How each target is told to load a file of Singer messages into a schema."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from benchmarks.measure import Command
from benchmarks.session import PROJECT, Session, own_program

if TYPE_CHECKING:
    from benchmarks.peers import Peer

OURS = "target-sfwarehouse"
MELTANOLABS = "meltanolabs-target-postgres"
PIPELINEWISE = "pipelinewise-target-postgres"
DLT = "dlt"

Loader = Callable[[str], Command]
"""Makes the command that loads standard input into the schema of that name."""


def ours(session: Session) -> Loader:
    """Load with target-sfwarehouse at its defaults; BATCH files may be in any folder."""

    def command(schema: str) -> Command:
        config = {"sqlalchemy_url": session.warehouse.url, "schema": schema, "batch_files_from": "anywhere"}
        return Command(OURS, (own_program(OURS), "--config", _file(session, config)))

    return command


def meltanolabs(session: Session, peer: Peer, *, best: bool) -> Loader:
    """Load with MeltanoLabs's target-postgres: at its defaults, or with COPY, large batches and no validation."""
    settings = {"use_copy": True, "batch_size_rows": 50_000, "validate_records": False}
    settings |= {"add_record_metadata": False, "activate_version": False}

    def command(schema: str) -> Command:
        config = {
            **session.warehouse.parts,
            "default_target_schema": schema,
            **(settings if best else {}),
        }
        return Command(MELTANOLABS, (peer.program("target-postgres"), "--config", _file(session, config)))

    return command


def pipelinewise(session: Session, peer: Peer) -> Loader:
    """Load with PipelineWise's target-postgres at its defaults, which copy and upsert in batches of 100,000."""

    def command(schema: str) -> Command:
        parts = session.warehouse.parts
        config = {**parts, "dbname": parts["database"], "default_target_schema": schema}
        return Command(PIPELINEWISE, (peer.program("target-postgres"), "--config", _file(session, config)))

    return command


def dlt(session: Session, peer: Peer) -> Loader:
    """Load with dlt: CSV files and its upsert strategy, no telemetry."""

    def command(schema: str) -> Command:
        parts = session.warehouse.parts
        names = {
            "username": "user",
            "password": "password",
            "host": "host",
            "port": "port",
            "database": "database",
        }
        prefix = "DESTINATION__POSTGRES__CREDENTIALS__"
        environment = {
            **{prefix + name.upper(): str(parts[part]) for name, part in names.items()},
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "DLT_DATA_DIR": str(session.folder / f"dlt-{schema}"),
        }
        script = str(PROJECT / "benchmarks" / "dlt_load.py")
        return Command(DLT, (peer.program("python"), script, schema), environment, session.folder)

    return command


def _file(session: Session, config: object) -> str:
    return session.write(f"config-{uuid.uuid4().hex[:8]}.json", config)

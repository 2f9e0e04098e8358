"""Both halves as black boxes in this process: an org synced again and again into tables, and what each run said."""

from __future__ import annotations

import contextlib
import io
import json
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_sfsource.errors import TapError
from tap_sfsource.tap import TapSFSource
from tests.target.support import load

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.fix_org import OrgServer
    from tests.fix_warehouse import Warehouse


@dataclass(frozen=True)
class TapRun:
    """What a run of the tap left behind.

    Attributes:
        output: Everything on standard output.
        error: What ended the run; None if its exit status would be 0.
        said: Everything on standard error.
    """

    output: bytes
    error: BaseException | None
    said: str

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The Singer messages."""
        return [json.loads(line) for line in self.output.splitlines()]

    def of(self, kind: str, stream: str | None = None) -> list[dict[str, Any]]:
        """The messages of one type, of one stream or all."""
        return [
            message
            for message in self.messages
            if message["type"] == kind and stream in (None, message.get("stream"))
        ]

    @property
    def failed_aloud(self) -> bool:
        """Whether the run ends with a message for people and a status that is not 0."""
        return isinstance(self.error, TapError)


def run_tap(
    config: Mapping[str, Any],
    *,
    catalog: Mapping[str, Any] | None = None,
    state: Mapping[str, Any] | None = None,
) -> TapRun:
    """Run the tap to its end, as its command does."""
    raw, said = io.BytesIO(), io.StringIO()
    text = io.TextIOWrapper(raw, encoding="utf-8", write_through=True)
    error: BaseException | None = None
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(said):
        try:
            # A state is JSON between two runs; nothing of it is shared.
            copied = None if state is None else json.loads(json.dumps(state))
            TapSFSource(
                config={"progress": "none", **config},
                catalog=catalog and dict(catalog),
                state=copied,
                setup_mapper=False,
            ).run()
        except Exception as failed:  # noqa: BLE001 - the outcome
            error = failed
    for number, handler in handlers.items():
        signal.signal(number, handler)
    text.flush()
    return TapRun(raw.getvalue(), error, said.getvalue())


@dataclass
class Pair:
    """An org and tables, and the state between runs.

    Attributes:
        config: The tap's settings.
        target: The target's settings.
        state: The last state that the target handed on.
        loaded: Whether the target took all that it was given in the last run.
    """

    server: OrgServer
    warehouse: Warehouse
    config: dict[str, Any]
    target: dict[str, Any] = field(default_factory=dict)
    state: dict[str, Any] | None = None
    target_error: Exception | None = None

    def tap(self, catalog: Mapping[str, Any] | None = None, **config: Any) -> TapRun:
        """Run the tap alone; `config` adds to its settings."""
        return run_tap(self.server.config(**{**self.config, **config}), catalog=catalog, state=self.state)

    def load(self, lines: bytes | Iterable[bytes], *, torn: bool = False) -> None:
        """Give the target some lines and the end of its input; keep the state that it hands on.

        Args:
            torn: The target ends behind these lines as if it were killed.
        """
        text = lines if isinstance(lines, bytes) else b"".join(lines)
        outcome = load(self.warehouse.config(**self.target), [text], torn=torn)
        self.target_error = outcome.error
        if outcome.states:
            self.state = outcome.states[-1]

    def sync(self, catalog: Mapping[str, Any] | None = None, **config: Any) -> TapRun:
        """Run both; what the tap wrote before a failure is loaded, as by a pipe."""
        run = self.tap(catalog, **config)
        self.load(run.output)
        return run

    def good(self, catalog: Mapping[str, Any] | None = None, **config: Any) -> TapRun:
        """Run both; neither may fail."""
        run = self.sync(catalog, **config)
        assert run.error is None, run.said
        assert self.target_error is None, self.target_error
        return run

    def rows(self, table: str, key: str = "id") -> dict[str, dict[str, Any]]:
        """A table's rows by key; none if there is no table."""
        if table not in self.warehouse.table_names():
            return {}
        found = self.warehouse.query(f'SELECT * FROM {{schema}}."{table}"')
        return {row[key]: row for row in found}

    def column(self, table: str, column: str, key: str = "id") -> dict[str, Any]:
        """One column of a table's rows by key."""
        return {name: row.get(column) for name, row in self.rows(table, key).items()}

    def deleted(self, table: str = "accounts") -> set[str]:
        """Keys of the rows that are marked as deleted."""
        return {key for key, mark in self.column(table, "is_deleted").items() if mark}


def batch_config(form: str, folder: Any) -> dict[str, Any]:
    """The setting that writes BATCH files into a folder."""
    compression = {"csv": "none", "jsonl": "gzip"}[form]
    return {
        "encoding": {"format": form, "compression": compression},
        "storage": {"root": f"file://{folder}", "prefix": "b-"},
        "batch_size": 2,
    }

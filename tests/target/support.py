"""Run the target on messages, in this process, and see what a user would see."""

from __future__ import annotations

import io
import json
import signal
import threading
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from target_sfwarehouse.target import TargetSFWarehouse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

STRING = {"type": ["null", "string"]}
INTEGER = {"type": ["null", "integer"]}
BOOLEAN = {"type": ["null", "boolean"]}


def schema_message(
    stream: str, properties: Mapping[str, Any], keys: Iterable[str] = ("id",), **rest: Any
) -> Any:
    return {
        "type": "SCHEMA",
        "stream": stream,
        "schema": {"type": "object", "properties": dict(properties), **rest},
        "key_properties": list(keys),
    }


def record(stream: str, values: Mapping[str, Any], **rest: Any) -> Any:
    return {"type": "RECORD", "stream": stream, "record": dict(values), **rest}


def state(value: Any) -> Any:
    return {"type": "STATE", "value": value}


@dataclass
class Outcome:
    """What a run left behind beside the tables."""

    states: list[Any] = field(default_factory=list)
    error: Exception | None = None


def as_lines(messages: Iterable[Any]) -> bytes:
    """Singer lines; bytes among the messages are lines as they are."""
    return b"".join(m if isinstance(m, bytes) else json.dumps(m).encode() + b"\n" for m in messages)


class ThroughSDK(TargetSFWarehouse):
    """The target as if each stream needed the SDK's stream maps: every record takes the slow path."""

    def plain_stream(self, name: str) -> None:  # noqa: ARG002
        return None


class TornError(Exception):
    """The target's process would be gone at this point of its input."""


class _Torn(io.BytesIO):
    """An input that ends a run where the process would be killed."""

    def read(self, size: int | None = -1) -> bytes:
        block = super().read(size)
        if not block:
            raise TornError
        return block


def load(
    config: Mapping[str, Any], messages: Iterable[Any], *, by_sdk: bool = False, torn: bool = False
) -> Outcome:
    """Run the target; an error that ends the run is part of the outcome. `torn`: it ends there as if it were killed."""
    kind = ThroughSDK if by_sdk else TargetSFWarehouse
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    out = io.StringIO()
    outcome = Outcome()
    target = None
    with redirect_stdout(out):
        try:
            target = kind(config=dict(config))
            target.listen((_Torn if torn else io.BytesIO)(as_lines(messages)))  # type: ignore[arg-type]
        except Exception as error:  # noqa: BLE001 - the outcome
            outcome.error = error
        finally:
            if target is not None:
                target.batcher.close()
            if threading.current_thread() is threading.main_thread():
                for number, handler in handlers.items():
                    signal.signal(number, handler)
    outcome.states = [json.loads(line) for line in out.getvalue().splitlines()]
    return outcome


def loaded(config: Mapping[str, Any], messages: Iterable[Any]) -> Outcome:
    """Run the target on messages that must load."""
    outcome = load(config, messages)
    if outcome.error is not None:
        raise outcome.error
    return outcome

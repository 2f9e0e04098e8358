"""A client that logs in by some settings, and asks."""

from __future__ import annotations

from typing import Any

import msgspec

from tap_sfsource.api.client import Client
from tap_sfsource.config import Settings

ANY = msgspec.json.Decoder()


def client_of(config: dict[str, Any]) -> Client:
    return Client(Settings.from_config({"retry_seconds": 5, **config}))


def can_ask(config: dict[str, Any]) -> bool:
    client = client_of(config)
    return bool(client.get(client.data("/sobjects"), ANY)["sobjects"])

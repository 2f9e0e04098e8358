"""Runs the tap in this process, with its output caught as bytes, as a pipe would."""

from __future__ import annotations

import contextlib
import io
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_sfsource.tap import TapSFSource

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Outcome:
    """What a run left behind.

    Attributes:
        output: Everything on standard output.
        complete: Whether every selected stream was read to its end.
    """

    output: bytes
    complete: bool


def run_tap(
    config: Mapping[str, Any],
    *,
    catalog: Mapping[str, Any] | None = None,
    state: Mapping[str, Any] | None = None,
) -> Outcome:
    """Sync once."""
    raw = io.BytesIO()
    text = io.TextIOWrapper(raw, encoding="utf-8", write_through=True)
    with contextlib.redirect_stdout(text):
        tap = TapSFSource(config=dict(config), catalog=catalog and dict(catalog), state=state and dict(state))
        try:
            tap.sync_all()
        finally:
            tap.sync_run.close()
    text.flush()
    assert sys.stdout is not text
    return Outcome(raw.getvalue(), not tap.report.failures)

"""Moments as the org's JSON and XML have them."""

from datetime import datetime

from salesforce_simulator.clock import to_ms


def moment_text(moment: datetime, zone: str = "+0000") -> str:
    """`2026-03-29T10:11:12.000+0000`; the Bulk API 1.0 has `Z` for the zone."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{to_ms(moment) % 1000:03d}{zone}"

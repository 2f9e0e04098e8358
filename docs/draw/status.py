"""What `sfsource status` shows of an example: on a terminal, and as the page of `--html`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from docs.draw.terminal import drawn
from sfsource.reports.health import Collection, Health
from sfsource.reports.history import Report
from sfsource.status.page import page
from sfsource.status.screen import screen

NOW = datetime(2026, 3, 2, 9, 5, tzinfo=UTC)
"""Of the example; the picture does not change from day to day."""

WIDTH = 110
_PAGE = (1000, 830)


def pictures() -> dict[str, str]:
    """Draw both."""
    health = _example()
    troubles = health.troubles(timedelta(hours=4))
    return {
        "status.svg": drawn(screen(health, troubles, width=WIDTH), "sfsource status", WIDTH),
        "status-page.svg": _framed(page(health, troubles)),
    }


def _example() -> Health:
    """A run in which one collection failed, after four in which all was well."""
    runs = [
        Report(
            run_id=str(number),
            status="partial" if number == 0 else "success",
            started_at=ended - timedelta(minutes=2),
            finished_at=ended,
            rows=rows,
            deletions=deletions,
            partial_rows=640 if number == 0 else 0,
            api_calls=calls,
            api_calls_left=81_204 + 700 * number,
            error_message="1 collection is not complete: cases" if number == 0 else None,
        )
        for number, (rows, deletions, calls) in enumerate(
            [(4_318, 14, 31), (212, 3, 12), (187, 0, 12), (1_204, 9, 24)]
        )
        for ended in [NOW - timedelta(minutes=3, hours=3 * number)]
    ]
    fresh: dict[str, Any] = {
        "last_run": runs[0].finished_at,
        "read_until": NOW - timedelta(minutes=5),
        "behind": 300.0,
    }
    collections = [
        Collection("accounts", "success", rows=1_893, deletions=2, partial_rows=640, **fresh),
        Collection("campaigns", "success", **fresh),
        Collection(
            "cases",
            "failed",
            last_run=runs[0].finished_at,
            read_until=NOW - timedelta(hours=3, minutes=5),
            behind=11_100.0,
            error="Salesforce did not answer in time (QUERY_TIMEOUT). The next run goes on where this one stopped.",
        ),
        Collection("contacts", "success", rows=1_470, deletions=12, new_columns=["loyalty_tier_c"], **fresh),
        Collection("leads", "success", rows=402, **fresh),
        Collection("opportunities", "success", rows=553, **fresh),
        Collection("price_books", "success", silent=19, last_change=NOW - timedelta(days=19), **fresh),
        Collection("solutions", "skipped", last_run=runs[0].finished_at),
    ]
    return Health(NOW, runs, 0, collections)


def _framed(html: str) -> str:
    """The page within an SVG, which pages show like any picture."""
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    # A picture that is shown smaller is no small screen.
    style = re.sub(r"@media \(max-width.*?\n\}\n", "", style, flags=re.DOTALL)
    (body,) = re.findall(r"<body>(.*?)</body>", html, re.DOTALL)
    width, height = _PAGE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">\n'
        f"<style>{style}</style>\n"
        '<foreignObject width="100%" height="100%">\n'
        f'<body xmlns="http://www.w3.org/1999/xhtml" style="height: 100%">{body}</body>\n'
        "</foreignObject>\n</svg>\n"
    )

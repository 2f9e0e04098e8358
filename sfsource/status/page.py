"""The status as one HTML page that needs nothing else: no script, no font, no other file."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from sfsource.status.cells import HEAD, NUMBERS, cells, level, moment, run_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sfsource.reports.health import Collection, Health, Trouble
    from sfsource.reports.history import Report

RUNS: Final = 20
"""Runs that it shows."""

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --line: #d5dae0; --dim: #5b6570;
  --bad: #b3261e; --odd: #8a5a00; --well: #1a6b35; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ed; --paper: #14171b; --line: #343a41; --dim: #9aa5b1; --bad: #ff8a80; --odd: #ffc266;
    --well: #7ddc9a; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 75rem; background: var(--paper); color: var(--ink);
  font: 16px/1.45 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.3rem; margin: 0; } h2 { font-size: 1.05rem; margin: 1.5rem 0 .4rem; }
p, ul { margin: .2rem 0; } ul { padding-left: 1.2rem; }
.dim { color: var(--dim); } .bad { color: var(--bad); } .odd { color: var(--odd); } .well { color: var(--well); }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); }
th { color: var(--dim); font-weight: 500; } th.number, td.number { text-align: right; }
td.error { padding-left: 1rem; }
tr.well { color: inherit; } th, td { white-space: nowrap; } td:last-child { white-space: normal; }
@media (max-width: 60rem) {
  td { white-space: normal; }
  table, tbody, tr, td { display: block; width: 100%; } thead { display: none; }
  tr { border-bottom: 1px solid var(--line); padding: .5rem 0; }
  td, td.number { border: 0; padding: .1rem 0; text-align: left; }
  td[data-name]::before { content: attr(data-name) ": "; color: var(--dim); }
  td:empty { display: none; }
}
"""

_RUN_HEAD: Final = ("ended (UTC)", "status", "rows", "deletions", "API calls", "calls left", "error")
_RUN_NUMBERS: Final = frozenset({"rows", "deletions", "API calls", "calls left"})


def page(health: Health, troubles: Sequence[Trouble]) -> str:
    """The page as text."""
    told = [f"<li>{escape(trouble.text)}</li>" for trouble in troubles]
    verdict = (
        f'<div class="bad" id="verdict">Not well:<ul>{"".join(told)}</ul></div>'
        if told
        else '<p class="well" id="verdict">All is well.</p>'
    )
    lines = "".join(f"<p>{escape(line)}</p>" for line in run_lines(health))
    collections = "".join(_collection(part, level(part, troubles)) for part in health.collections)
    runs = "".join(
        _row(_run_cells(run), _RUN_HEAD, _RUN_NUMBERS, _run_level(run)) for run in health.runs[:RUNS]
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Salesforce syncs</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f'<h1>Salesforce syncs</h1>\n<p class="dim">As of {moment(health.now)} UTC. The page does not renew itself.</p>\n'
        f"{verdict}\n{lines}\n"
        f'<h2>Collections</h2>\n<table id="collections">{_head(HEAD, NUMBERS)}<tbody>{collections}</tbody></table>\n'
        f'<h2>Runs</h2>\n<table id="runs">{_head(_RUN_HEAD, _RUN_NUMBERS)}<tbody>{runs}</tbody></table>\n'
        "</body>\n</html>\n"
    )


def _head(names: Iterable[str], numbers: frozenset[str]) -> str:
    marked = (f"<th{_number(name, numbers)}>{escape(name)}</th>" for name in names)
    return f"<thead><tr>{''.join(marked)}</tr></thead>"


def _row(texts: Iterable[str], names: Iterable[str], numbers: frozenset[str], style: str) -> str:
    marked = (
        f'<td data-name="{escape(name)}"{_number(name, numbers)}>{escape(text)}</td>'
        for name, text in zip(names, texts, strict=True)
    )
    return f'<tr class="{style}">{"".join(marked)}</tr>\n'


def _number(name: str, numbers: frozenset[str]) -> str:
    return ' class="number"' if name in numbers else ""


def _collection(part: Collection, style: str) -> str:
    row = _row(cells(part, moment(part.last_run)), HEAD, NUMBERS, style)
    if not part.error:
        return row
    return (
        f'{row}<tr class="{style}"><td class="error" colspan="{len(HEAD)}">{escape(part.error)}</td></tr>\n'
    )


def _run_cells(run: Report) -> tuple[str, ...]:
    counts = (run.rows, run.deletions, run.api_calls, run.api_calls_left)
    numbers = (f"{count:,}" if count is not None else "" for count in counts)
    return (moment(run.finished_at), run.status, *numbers, run.error_message or run.error_code or "")


def _run_level(run: Report) -> str:
    return {"success": "well", "skipped": "odd"}.get(run.status, "bad")

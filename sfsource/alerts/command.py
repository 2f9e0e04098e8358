"""The subcommand."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import psycopg

from sfsource.alerts import receivers
from sfsource.alerts.memory import Memory
from sfsource.alerts.message import message
from sfsource.alerts.settings import Settings
from sfsource.alerts.troubles import after_run, after_skip
from sfsource.errors import SfsourceError
from sfsource.given.options import pair_options
from sfsource.output import error_line, json_option, print_json
from sfsource.reports.look import look, may_be_quiet_option
from tap_sfsource.errors import TapError
from target_sfwarehouse.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sfsource.given.pair import Pair
    from sfsource.reports.health import Health


@click.command("alerts", short_help="Tell people what is not well.")
@pair_options
@click.option("--name", default="sfsource", show_default=True, help="What the messages call the schedule.")
@click.option("--exit-status", type=int, default=0, help="Exit status of the tick that has ended.")
@click.option("--skipped", is_flag=True, help="The tick was skipped, because the last run is still going.")
@click.option(
    "--memory",
    "memory_file",
    type=click.Path(path_type=Path),
    default=Path(".sfsource-alerts.json"),
    show_default=True,
    help="File that keeps what was told. Each schedule needs its own.",
)
@may_be_quiet_option
@click.option(
    "--test", "is_test", is_flag=True, help="Send a message to each receiver, to see whether it arrives."
)
@json_option
def command(
    *,
    pair: Pair,
    name: str,
    exit_status: int,
    skipped: bool,
    memory_file: Path,
    may_be_quiet: tuple[str, ...],
    is_test: bool,
    as_json: bool,
) -> None:
    """Tell people after a tick of a schedule what is not well: once a trouble, and once when it is over.

    deploy/run-schedule runs it. The receivers come from the environment or .env: SFSOURCE_ALERT_URLS has URLs of apprise
    (e-mail, Slack, Teams and others; they are secrets), SFSOURCE_ALERT_COMMAND a command, which gets the text as its input
    and in SFSOURCE_ALERT_TITLE and SFSOURCE_ALERT_TEXT. SFSOURCE_ALERT_AFTER says after how many failed ticks in a row (2),
    SFSOURCE_ALERT_AFTER_SKIPPED after how many skipped ones (4). The exit status is 1 if an alert could not be sent.
    """
    settings = Settings.find(Path())
    if is_test:
        receivers.check(settings)
        text = "This is a test of the alerts. All that it says is that they arrive."
        _end(as_json=as_json, sent=_send(settings, f"{name}: a test", text))
        return
    if not settings.has_receivers:
        _end(as_json=as_json)
        return
    memory = Memory.read(memory_file)
    if skipped:
        troubles = after_skip(memory, settings.after_skipped)
    else:
        troubles = after_run(memory, exit_status, settings.after, _health(pair), may_be_quiet)
    sent: bool | None = None
    if troubles.keys() != memory.told.keys():
        sent = _send(settings, *message(name, memory.told, troubles))
    if sent is not False:
        memory.told = troubles
    memory.write(memory_file)
    _end(as_json=as_json, sent=sent, troubles=[*troubles.values()])


def _end(*, as_json: bool, sent: bool | None = None, troubles: Sequence[str] = ()) -> None:
    """Tell programs what is not well and whether a message was sent (None: there was nothing to tell); end with 1 if not."""
    if as_json:
        print_json({"sent": sent, "troubles": troubles})
    if sent is False:
        sys.exit(1)


def _send(settings: Settings, title: str, text: str) -> bool:
    """Send a message; tell what went wrong, and whether at least one receiver took it."""
    took, problems = receivers.send(settings, title, text)
    for problem in problems:
        error_line(str(problem))
    return took > 0


def _health(pair: Pair) -> Health | None:
    """What the warehouse knows; None, and a line, where it cannot be asked."""
    try:
        with pair.connect() as connection:
            return look(pair, connection)
    except (SfsourceError, TapError, TargetError, psycopg.Error) as error:
        error_line(str(SfsourceError(f"The alerts know the exit status only. {error}")))
        return None

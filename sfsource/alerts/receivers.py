"""Sends a message to everybody who is to know: by apprise, and by the user's own command."""

from __future__ import annotations

import logging
import subprocess
from typing import TYPE_CHECKING, Final

from sfsource.alerts.settings import COMMAND, URLS, AlertSettingsError
from sfsource.errors import SfsourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sfsource.alerts.settings import Settings

PATIENCE: Final = 60
"""Seconds that the command may take."""


class UnsentError(SfsourceError):
    """A receiver did not take a message, or cannot be asked."""


def send(settings: Settings, title: str, text: str) -> tuple[int, list[UnsentError]]:
    """Send a message to each receiver; give how many took it, and what is wrong with each that did not."""
    outcomes = [*_by_apprise(settings, title, text), *_by_command(settings, title, text)]
    problems = [problem for problem in outcomes if problem is not None]
    return len(outcomes) - len(problems), problems


def _by_apprise(settings: Settings, title: str, text: str) -> Iterator[UnsentError | None]:
    """Give None for each receiver that took the message. Nothing of an URL is told: it may be a secret."""
    if not settings.urls:
        return
    try:
        import apprise  # noqa: PLC0415 - an extra
    except ImportError:
        yield UnsentError(f"{URLS} needs the extra notify. Install it: pip install 'sfsource[notify]'.")
        return
    # Its messages quote parts of the URLs.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    every = apprise.Apprise()
    if not every.add(settings.urls):
        yield UnsentError(
            f"{URLS} has a URL that apprise does not know. Its documentation lists them: https://appriseit.com"
        )
    for number, server in enumerate(every, 1):
        one = apprise.Apprise()
        one.add(server)
        if one.notify(title=title, body=text, body_format=apprise.NotifyFormat.TEXT):
            yield None
        else:
            yield UnsentError(
                f"The receiver {number} of {URLS} did not take an alert. Check its URL and that it can be reached."
            )


def _by_command(settings: Settings, title: str, text: str) -> Iterator[UnsentError | None]:
    if not settings.command:
        return
    told = {"SFSOURCE_ALERT_TITLE": title, "SFSOURCE_ALERT_TEXT": text}
    try:
        done = subprocess.run(  # noqa: S602 - the user's own command line
            settings.command,
            shell=True,
            input=f"{text}\n",
            text=True,
            env={**settings.variables, **told},
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        yield UnsentError(f"{COMMAND} was ended, as it took longer than {PATIENCE} s.")
        return
    yield UnsentError(f"{COMMAND} ended with status {done.returncode}.") if done.returncode else None


def check(settings: Settings) -> None:
    """Raise AlertSettingsError where nobody is to be told."""
    if not settings.has_receivers:
        raise AlertSettingsError(
            f"Nobody is to be told: set {URLS} or {COMMAND} in the environment, or in .env."
        )

"""`sfsource init`: asks for the org and the login, and writes a project."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click

from sfsource.init.project import Project, shell
from sfsource.init.texts import LOGINS
from sfsource.output import console, json_option, print_json
from tap_sfsource.hosts import check_url

_EXAMPLE: Final = "https://acme.my.salesforce.com"
_LABEL: Final = re.compile(r"[\w-]+")


@click.command("init", short_help="Write a new Meltano project.")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=".")
@click.option("--host", help=f"The org's My Domain, such as {_EXAMPLE}.")
@click.option("--login", type=click.Choice(LOGINS), help="How the tap will log in.")
@click.option(
    "--pip-url", help="What both plugins are installed from, in place of the release of this version."
)
@click.option("--force", is_flag=True, help="Replace files that are there.")
@json_option
def command(
    *, folder: Path, host: str | None, login: str | None, pip_url: str | None, force: bool, as_json: bool
) -> None:
    """Write a new Meltano project into FOLDER (this folder, unless named).

    On a terminal it asks for what the options do not say. It asks for no secret: those go into .env, for which it writes
    .env.example.
    """
    asks = sys.stdin.isatty() and not as_json
    if host is None:
        host = (
            click.prompt("The org's My Domain, such as acme.my.salesforce.com", err=True)
            if asks
            else _EXAMPLE
        )
    if login is None:
        login = (
            click.prompt(
                "How does the tap log in", type=click.Choice(LOGINS), default="client-credentials", err=True
            )
            if asks
            else "client-credentials"
        )
    url = _url(host)
    names = Project(folder, url, login, pip_url).write(force=force)
    if as_json:
        print_json({"folder": str(folder.resolve()), "login_url": url, "login": login, "files": names})
        return
    console.print(f"{len(names)} files are in {folder.resolve()}. Next:")
    steps = [f"cd {shell(folder)}"] if folder != Path() else []
    steps += ["cp .env.example .env    # then fill it in", "meltano install"]
    steps += ["sfsource login"] if login == "browser" else []
    steps += [
        "meltano invoke sfsource doctor    # what would stop a run",
        "meltano run tap-sfsource target-sfwarehouse",
    ]
    for step in steps:
        console.print(f"  {step}")


def _url(host: str) -> str:
    """The host as a URL; people give a name as well, or its first part.

    Raises:
        ConfigError: It is none.
    """
    text = host.strip()
    if _LABEL.fullmatch(text):
        text = f"{text}.my.salesforce.com"
    # Of an address that is copied from a browser the page is left out.
    address = urlsplit(text if "://" in text else f"https://{text}")
    url = address._replace(path="", query="", fragment="").geturl()
    check_url("--host", url)
    return url

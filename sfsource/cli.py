"""The command line: subcommands are imported when they run, an error is one line, and the exit status tells.

0: done, and well. 1: the answer is that something is not well (doctor, status, verify, alerts). 2: an error, wrong usage too.
With --json an error is a document as well: {"error": "..."}.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from typing import Any, Final

import click
import psycopg

from sfsource.errors import SfsourceError
from sfsource.output import error_line, one_line, print_json
from tap_sfsource.errors import TapError
from target_sfwarehouse.errors import TargetError
from target_sfwarehouse.masks import without_secrets

COMMANDS: Final[dict[str, str]] = {
    "init": "sfsource.init.command",
    "login": "sfsource.login.command",
    "doctor": "sfsource.doctor.command",
    "pick": "sfsource.pick.command",
    "status": "sfsource.status.command",
    "alerts": "sfsource.alerts.command",
    "verify": "sfsource.verify.command",
    "resync": "sfsource.resync.command",
}
"""Subcommand -> its module, which has it as `command`; in the order of the help."""


class Commands(click.Group):
    """The subcommands by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Give the names in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a subcommand."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(COMMANDS[cmd_name]).command
        assert isinstance(command, click.Command)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Note whether a program reads the answer: wrong usage is an answer too."""
        ctx.obj = "--json" in args
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a subcommand; an error that is meant for people is one line, with status 2."""
        try:
            return super().invoke(ctx)
        except (click.Abort, click.exceptions.Exit, BrokenPipeError):
            raise
        except click.ClickException as error:
            if ctx.obj:
                print_json({"error": error.format_message()})
            raise
        except (SfsourceError, TapError, TargetError) as error:
            told = str(error)
        except psycopg.Error as error:
            told = f"The warehouse refused a statement: {error}"
        except Exception as error:  # noqa: BLE001 - else a defect ends with 1, which is an answer
            sys.stderr.write(without_secrets(traceback.format_exc()))
            told = f"A defect of sfsource ({type(error).__name__}: {error}). Please report it, with the lines above."
        if ctx.obj:
            print_json({"error": one_line(told)})
        error_line(told)
        sys.exit(2)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sfsource")
def cli() -> None:
    """Set up, see, check and repair a Salesforce source: tap-sfsource and target-sfwarehouse.

    The settings of the pair are taken from --tap and --target, from a Meltano project in this folder, or from the environment
    (TAP_SFSOURCE_..., TARGET_SFWAREHOUSE_...), whichever is there first.
    """

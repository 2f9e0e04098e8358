"""Write what the tap knows of the tables of a run: a diagram of them, or a source for a dbt project."""

from __future__ import annotations

import argparse
import logging
import sys
from typing import TYPE_CHECKING

from tap_sfsource.errors import TapError
from tap_sfsource.given import add_options, tap_of
from tap_sfsource.models.dbt import sources
from tap_sfsource.models.erd import diagram

if TYPE_CHECKING:
    from collections.abc import Sequence

logger = logging.getLogger("tap-sfsource.models")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the diagram or the source; gives the exit status."""
    options = _options().parse_args(arguments)
    try:
        tap = tap_of(options)
        tap.run_plan.check()
        plans = tap.run_plan.streams
    except TapError as error:
        logger.error("%s", error)  # noqa: TRY400 - a line for people
        return 1
    written = (
        diagram(plans)
        if options.what == "erd"
        else sources(plans, options.name, options.schema, tap.sync_reports.properties)
    )
    sys.stdout.write(written)
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tap_sfsource.models", description=__doc__)
    parser.add_argument("what", choices=("erd", "dbt"), help="a diagram in Mermaid, or sources.yml for dbt")
    add_options(parser)
    parser.add_argument("--schema", default="salesforce", help="dbt: the schema of the tables (%(default)s)")
    parser.add_argument("--name", default="salesforce", help="dbt: the name of the source (%(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())

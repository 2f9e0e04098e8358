"""What a command beside the tap is told on its command line: the tap's settings, and a catalog."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tap_sfsource.cli import check_config_file
from tap_sfsource.errors import CatalogError
from tap_sfsource.tap import TapSFSource

if TYPE_CHECKING:
    import argparse


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add --config and --catalog."""
    parser.add_argument(
        "--config", action="append", help="file of the tap's settings, or ENV (default) for the environment"
    )
    parser.add_argument("--catalog", help="what is selected; without it the settings select")


def tap_of(options: argparse.Namespace) -> TapSFSource:
    """The tap with these settings, which has asked Salesforce for nothing yet. Raises TapError."""
    configs = options.config or ["ENV"]
    config: dict[str, Any] = {}
    for path in configs:
        if path != "ENV":
            check_config_file(path)
            config |= json.loads(Path(path).read_text(encoding="utf-8"))
    if options.catalog is not None and not Path(options.catalog).is_file():
        raise CatalogError(f"The catalog {options.catalog} is no file. Name one with --catalog.")
    return TapSFSource(
        config=config,
        catalog=options.catalog,
        setup_mapper=False,
        parse_env_config="ENV" in configs,
    )

"""The options by which a subcommand is told where the pair's settings, selection and state are."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sfsource.errors import SettingsMissingError
from sfsource.given.files import read_object
from sfsource.given.meltano import MeltanoProject
from sfsource.given.pair import Pair
from sfsource.given.state import FileState

if TYPE_CHECKING:
    from collections.abc import Callable

_FILE = click.Path(path_type=Path)
_OPTIONS = (
    click.option("--tap", "tap_file", type=_FILE, help="File of the tap's settings (JSON)."),
    click.option("--target", "target_file", type=_FILE, help="File of the target's settings (JSON)."),
    click.option("--catalog", "catalog_file", type=_FILE, help="Catalog that selects what is read."),
    click.option("--state", "state_file", type=_FILE, help="File with the last STATE of the tap."),
    click.option(
        "--project", type=_FILE, help="Folder of a Meltano project. Default: this folder, if it has one."
    ),
    click.option("--environment", help="Meltano environment. Default: the project's own."),
    click.option("--extractor", default="tap-sfsource", show_default=True, help="The tap's name in Meltano."),
    click.option(
        "--loader", default="target-sfwarehouse", show_default=True, help="The target's name in Meltano."
    ),
    click.option("--state-id", help="Meltano's name of the state. Default: ENVIRONMENT:EXTRACTOR-to-LOADER."),
)


def pair_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a subcommand, which gets `pair`, a Pair, in their place."""

    @functools.wraps(command)
    def run(
        *,
        tap_file: Path | None,
        target_file: Path | None,
        catalog_file: Path | None,
        state_file: Path | None,
        project: Path | None,
        environment: str | None,
        extractor: str,
        loader: str,
        state_id: str | None,
        **rest: Any,
    ) -> Any:
        found = None
        if tap_file is None and target_file is None:
            found = MeltanoProject.find(project, environment, extractor, loader, state_id)
        elif project is not None:
            raise SettingsMissingError(
                "--project names a Meltano project, and --tap and --target name files: give one of them."
            )
        pair = _of_project(found) if found else _of_files(tap_file, target_file)
        if catalog_file is not None:
            pair.given_catalog = read_object("--catalog", catalog_file)
        if state_file is not None:
            pair.given_state = FileState(state_file)
        return command(pair=pair, **rest)

    for option in reversed(_OPTIONS):
        run = option(run)
    return run


def _of_project(project: MeltanoProject) -> Pair:
    return Pair(
        tap_config=project.tap_config,
        target_config=project.target_config,
        environment=f"Meltano's environment {project.environment_name}",
        catalog_of_place=project.catalog,
        given_state=project,
    )


def _of_files(tap: Path | None, target: Path | None) -> Pair:
    return Pair(
        tap_config=functools.partial(_settings, "--tap", tap, "TAP_SFSOURCE_"),
        target_config=functools.partial(_settings, "--target", target, "TARGET_SFWAREHOUSE_"),
    )


def _settings(option: str, path: Path | None, prefix: str) -> dict[str, Any] | None:
    """Settings of a file; None for those of the environment, which the half reads itself."""
    if path is not None:
        return read_object(option, path)
    if not any(name.startswith(prefix) for name in os.environ):
        raise SettingsMissingError(
            f"No settings were found: give {option} FILE, set {prefix}... in the environment, or run this in the folder of a "
            "Meltano project (or name one with --project)."
        )
    return None

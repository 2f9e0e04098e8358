"""The subcommand."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from sfsource.errors import SfsourceError
from sfsource.forecast.every import every_option
from sfsource.given.files import read_object, write_whole
from sfsource.given.options import pair_options
from sfsource.output import counted, json_option, print_json, progress
from sfsource.pick.choice import NEW_FIELDS, Choice
from sfsource.pick.objects import ObjectItem, fields_of, objects_of
from tap_sfsource.catalog.naming import COLLECTIONS
from tap_sfsource.catalog.patterns import matches
from tap_sfsource.catalog.selection import read_catalog
from tap_sfsource.catalog.sync_reports import STREAM

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator

    from sfsource.given.pair import Pair
    from sfsource.pick.app import Picker

_STDIN: Final = 0
_STDERR: Final = 2
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("pick", short_help="Pick objects and fields on a full screen.")
@pair_options
@every_option
@click.option(
    "--output",
    type=_FILE,
    help="Catalog to write. Default: that of --catalog; without one, lines of Meltano's select are printed.",
)
@click.option(
    "--settings",
    "settings_file",
    type=_FILE,
    help="File of the tap's settings that takes mask and new_fields.",
)
@json_option
def command(
    *, pair: Pair, every: datetime.timedelta, output: Path | None, settings_file: Path | None, as_json: bool
) -> None:
    """Pick objects and fields on a full screen, with their rows and what they cost.

    It starts from the present selection: --catalog, Meltano's select, or what the settings select. Nothing is written
    before w is pressed.
    """
    if not sys.stdin.isatty():
        raise SfsourceError(
            "pick needs a terminal. Elsewhere write a catalog by hand: docs/selective-sync.md shows one."
        )
    # Nothing may be printed over the screen.
    logging.disable(logging.CRITICAL)
    output = output or _in_place(pair)
    if settings_file is not None and settings_file.exists():
        read_object("--settings", settings_file)
    with progress.status("Asking the org for its objects ..."):
        app = picker(pair, every)
    with _drawn_on_the_terminal():
        wanted = app.run(mouse=False)
    if not wanted:
        if as_json:
            print_json({"written": False})
        else:
            click.echo("Nothing was written.")
        return
    write(app.choice, output, settings_file)
    if as_json:
        print_json(document(app.choice, output, settings_file))
    else:
        tell(app.choice, output, settings_file)


@contextlib.contextmanager
def _drawn_on_the_terminal() -> Iterator[None]:
    """Textual draws on standard error, which Meltano takes for the log of a utility."""
    if sys.stderr.isatty():
        yield
        return
    before, terminal = os.dup(_STDERR), os.open(os.ttyname(_STDIN), os.O_RDWR)
    os.dup2(terminal, _STDERR)
    os.close(terminal)
    try:
        yield
    finally:
        os.dup2(before, _STDERR)
        os.close(before)


def _in_place(pair: Pair) -> Path | None:
    """The file of --catalog, if what is written can stand in its place."""
    given: Path | None = click.get_current_context().params.get("catalog_file")
    if given is not None and any(entry.is_full for entry in read_catalog(pair.given_catalog or {})):
        raise SfsourceError(
            f"{given} has schemas, which a catalog that holds the selection only has not. Name another file with --output."
        )
    return given


def picker(pair: Pair, every: datetime.timedelta) -> Picker:
    """The picker, with the org's objects and the present selection. Raises TapError."""
    from sfsource.pick.app import Picker  # noqa: PLC0415 - textual takes a while to import
    from sfsource.pick.cost import Costs  # noqa: PLC0415

    tap = pair.tap_without_catalog
    client = tap.client
    objects = {item.api_name: item for item in objects_of(client)}
    choice = Choice(objects)
    catalog = pair.catalog
    if catalog is not None:
        choice.take_catalog(catalog)
    elif tap.settings.objects:
        choice.pick_only(
            name for name, item in objects.items() if matches(tap.settings.objects, name, item.stream)
        )
    else:
        choice.pick_only(COLLECTIONS)
    if catalog is None and tap.settings.sync_reports:
        # A catalog that does not name the reports would switch them off.
        root = {"breadcrumb": [], "metadata": {"selected": True}}
        choice.others = [{"tap_stream_id": STREAM, "metadata": [root]}]
    choice.masks = dict(tap.settings.mask)
    new_fields = tap.settings.new_fields
    choice.new_fields = new_fields if isinstance(new_fields, str) else ""
    choice.begin()
    used = client.limits.org
    title = f"sfsource pick · {client.instance_url.partition('//')[2]}"
    costs = Costs(client, objects, every)

    def described(item: ObjectItem) -> Any:
        return fields_of(client, item)

    return Picker(title, choice, costs, described, used.maximum if used else 0)


def write(choice: Choice, output: Path | None, settings_file: Path | None) -> None:
    """Write the catalog and the settings into the files that are named."""
    if output is not None:
        write_whole(output, catalog_text(choice.catalog()))
    if settings_file is not None:
        before = read_object("--settings", settings_file) if settings_file.exists() else {}
        write_whole(settings_file, json.dumps({**before, **choice.settings()}, indent=2) + "\n")


def tell(choice: Choice, output: Path | None, settings_file: Path | None) -> None:
    """Say what was written, and print what goes into Meltano's project."""
    if output is not None:
        click.echo(f"{output}: {counted(len(choice.selected), 'object')}.")
    else:
        click.echo("select:")
        for line in choice.select_lines():
            click.echo(f"- {line}" if line[0] not in "!*" else f"- '{line}'")
    settings = choice.settings()
    if settings_file is not None:
        told = choice.new_fields or "by object"
        click.echo(f"{settings_file}: {counted(len(settings['mask']), 'mask')}, new_fields {told}.")
    elif settings["mask"] or choice.new_fields == NEW_FIELDS[1]:
        click.echo("Settings of the tap that belong to it:")
        click.echo(json.dumps(settings, indent=2))
    if "hash" in settings["mask"].values():
        click.echo("Hashes need the tap's setting mask_salt: a long random text that is kept secret.")


def document(choice: Choice, output: Path | None, settings_file: Path | None) -> dict[str, Any]:
    """The same as a JSON document."""
    return {
        "written": True,
        "objects": len(choice.selected),
        "output": output,
        "select": list(choice.select_lines()),
        "settings_file": settings_file,
        "settings": choice.settings(),
    }


def catalog_text(catalog: dict[str, Any]) -> str:
    """A catalog as people keep it: a mark a line."""
    streams = []
    for entry in catalog["streams"]:
        marks = ",\n".join(f"        {json.dumps(part, ensure_ascii=False)}" for part in entry["metadata"])
        name = json.dumps(entry["tap_stream_id"], ensure_ascii=False)
        streams.append(
            f'    {{\n      "tap_stream_id": {name},\n      "metadata": [\n{marks}\n      ]\n    }}'
        )
    return '{\n  "streams": [\n' + ",\n".join(streams) + "\n  ]\n}\n"

"""The tap: settings, discovery and the sync, tied to the Singer SDK.

What a run reads is planned once: the input catalog and the settings select, today's describes supply columns
and types, and the outcome is the catalog that the SDK works with. Streams that are not selected are not
built.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk.singerlib import Catalog

from tap_sfsource.cli import Mask, TerminatedError, read_input, storage_secrets
from tap_sfsource.command import CommandTap
from tap_sfsource.config import Settings
from tap_sfsource.errors import TapError, code_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_sfsource.api.client import Client
    from tap_sfsource.catalog.discovery import RunPlan
    from tap_sfsource.singer.output import Output
    from tap_sfsource.singer.report import RunReport
    from tap_sfsource.singer.run_record import RunRecord
    from tap_sfsource.singer.state_lines import StateLines
    from tap_sfsource.singer.stream import NamesStream, SalesforceStream
    from tap_sfsource.singer.sync_reports import SyncReports
    from tap_sfsource.sync.run import SyncRun

_SDK_SETTINGS = frozenset({"stream_maps", "stream_map_config", "batch_config", "faker_config"})
_SDK_PREFIXES = ("flattening_",)


class TapSFSource(CommandTap):
    """Reads the objects of a Salesforce org: what was added, changed and deleted since the last run."""

    name = "tap-sfsource"
    package_name = "sfsource"
    config_jsonschema: ClassVar[dict[str, Any]] = Settings.json_schema()

    def __init__(
        self,
        *,
        catalog: Any = None,
        setup_mapper: bool = True,
        **kwargs: Any,
    ) -> None:
        """Make a tap; see `singer_sdk.Tap`. The streams are planned at once, which asks the org, unless told otherwise.

        The catalog is kept as it came: the SDK's own form drops the metadata that it does not know.
        """
        super().__init__(catalog=None, setup_mapper=False, **kwargs)
        self.catalog_as_given = _as_dict(catalog)
        if setup_mapper:
            self.setup_mapper()

    @functools.cached_property
    def settings(self) -> Settings:
        """The checked settings."""
        return Settings.from_config(self.config)

    @functools.cached_property
    def client(self) -> Client:
        """The connection to the org."""
        from tap_sfsource.api.client import Client  # noqa: PLC0415 - kept off the path of --version and --about

        return Client(self.settings)

    @functools.cached_property
    def output(self) -> Output:
        """Where messages go."""
        from tap_sfsource.singer.output import Output  # noqa: PLC0415 - kept off the path of --version
        from tap_sfsource.singer.sdk import LineWriter  # noqa: PLC0415

        return self.message_writer.output if isinstance(self.message_writer, LineWriter) else Output()

    @functools.cached_property
    def state_lines(self) -> StateLines:
        """Writes the state."""
        from tap_sfsource.singer.state_lines import StateLines  # noqa: PLC0415 - kept off the path of --version

        return StateLines(self.state, self.output, self.settings.state_seconds)

    @functools.cached_property
    def report(self) -> RunReport:
        """What happens to each stream of the run."""
        from tap_sfsource.singer.progress import Progress  # noqa: PLC0415 - kept off the path of --version
        from tap_sfsource.singer.report import RunReport  # noqa: PLC0415

        streams = [stream for stream in self._selected_streams if stream is not self.names_stream]
        return RunReport(self.client.calls_by_payer, Progress(self.settings.progress, len(streams)))

    @functools.cached_property
    def sync_reports(self) -> SyncReports:
        """Writes the record of the run.

        Raises:
            ConfigError: A stream map of it cannot be used.
        """
        from tap_sfsource.catalog.sync_reports import selected_columns  # noqa: PLC0415
        from tap_sfsource.singer.sync_reports import SyncReports  # noqa: PLC0415 - kept off the path of --version

        columns = selected_columns(self.catalog_as_given, self.settings)
        return SyncReports(columns, self._record, self.output, self.config, self.plugin_version)

    def _record(self, error: BaseException | None) -> RunRecord:
        """What the run came to, as far as it came: nothing is asked of Salesforce any more."""
        from tap_sfsource.singer.run_record import RunRecord  # noqa: PLC0415 - kept off the path of --version

        made = self.__dict__
        skipped = self.run_plan.skipped if "run_plan" in made else {}
        bookmarks = self.state.get("bookmarks", {})
        return RunRecord(made.get("client"), made.get("report"), skipped, bookmarks, error, self.mask)

    @functools.cached_property
    def mask(self) -> Mask:
        """Blanks the secrets of the settings out of texts."""
        secrets = [str(self.config[name]).strip() for name in Settings.secrets() if self.config.get(name)]
        return Mask([*secrets, *storage_secrets(self.config.get("batch_config"))])

    @functools.cached_property
    def names_stream(self) -> NamesStream | None:
        """The stream of names, if it is selected."""
        from tap_sfsource.singer.stream import NamesStream  # noqa: PLC0415 - kept off the path of --version

        return next((part for part in self._selected_streams if isinstance(part, NamesStream)), None)

    @functools.cached_property
    def sync_run(self) -> SyncRun:
        """The run over the selected streams; started when it is first asked for."""
        run = self.run_at_rest()
        run.start()
        if run.begins:
            self.state_lines.write()
        return run

    def run_at_rest(self) -> SyncRun:
        """The run over the selected streams, which asks for no row yet."""
        from tap_sfsource.singer.maps import check_names  # noqa: PLC0415
        from tap_sfsource.sync.run import SelectedObject, SyncRun  # noqa: PLC0415 - kept off the path of --version

        aliases = {stream.name: stream.maps.aliases for stream in self._selected_streams}
        check_names({**aliases, "the record of each run": self.sync_reports.aliases})
        selected = [
            SelectedObject(
                stream.plan,
                stream.stream_state,
                stream.maps.signature,
                self.takes_whole_rows_only(stream),
            )
            for stream in self._selected_streams
            if stream is not self.names_stream and not stream.maps.removed
        ]
        names = self.names_stream.plan if self.names_stream is not None else None
        return SyncRun(self.client, selected, names, self.spool_dir)

    def takes_whole_rows_only(self, stream: SalesforceStream) -> bool:
        """Whether a stream may emit whole rows only: by the settings, or for its maps."""
        return self.settings.partial_rows == "whole" or not stream.maps.partial_rows

    @functools.cached_property
    def _selected_streams(self) -> list[SalesforceStream]:
        from tap_sfsource.singer.stream import SalesforceStream  # noqa: PLC0415 - kept off the path of --version

        streams = self.streams.values()
        return [part for part in streams if isinstance(part, SalesforceStream) and part.selected]

    @functools.cached_property
    def spool_dir(self) -> str | None:
        """The folder in which Bulk pages wait: beside BATCH files if they go to a folder, as a page can become one there.

        Raises:
            ConfigError: `batch_config` names a storage that cannot be used.
        """
        from tap_sfsource.singer.batch_files import prepare_storage  # noqa: PLC0415 - kept off the path of --version

        folder = prepare_storage(self.config)
        return self.settings.spool_dir or (str(folder) if folder else None)

    @functools.cached_property
    def run_plan(self) -> RunPlan:
        """What this run reads, and what it does not although it is selected."""
        from tap_sfsource.catalog.discovery import plan_run  # noqa: PLC0415
        from tap_sfsource.sync.given_names import GivenNames  # noqa: PLC0415 - kept off the path of --version

        names = GivenNames(self.state)
        plan = plan_run(self.client, self.settings, self.catalog_as_given, names.emitted, names.streams)
        names.tell_of_others([part.stream_name for part in plan.streams])
        return plan

    def catalog_of_run(self) -> Catalog:
        """What was selected, as the org is today."""
        from tap_sfsource.catalog.discovery import selected_catalog  # noqa: PLC0415

        return Catalog.from_dict(selected_catalog(self.run_plan.streams))

    @property
    def catalog_dict(self) -> dict[str, Any]:
        """The catalog that discovery prints: all that the settings reach, selected or not."""
        from tap_sfsource.catalog.listing import catalog_of, discovered  # noqa: PLC0415

        return catalog_of(discovered(self.client, self.settings))

    def print_catalog(self) -> None:
        """Print the catalog; nothing of it where it cannot be made whole, but what `report_failed_discovery` asks for."""
        from tap_sfsource.catalog.listing import catalog_text, discovered, made_whole  # noqa: PLC0415
        from tap_sfsource.catalog.sync_reports import ReportsPlan  # noqa: PLC0415

        try:
            text = catalog_text(discovered(self.client, self.settings))
            for part in made_whole(text, self.settings.spool_dir):
                self.output.write(part)
        except TapError as error:
            if not (self.settings.report_failed_discovery and self.settings.sync_reports):
                raise
            self.logger.error("%s", error)  # noqa: TRY400 - a line for people
            failed = ReportsPlan((self.mask(str(error)), code_of(error)))
            self.output.write(b"".join(catalog_text([failed])))

    def discover_streams(self) -> Sequence[SalesforceStream]:
        """Build the streams of the run."""
        from tap_sfsource.catalog.plan import NAME  # noqa: PLC0415
        from tap_sfsource.singer.stream import NamesStream, SalesforceStream  # noqa: PLC0415

        return [
            (NamesStream if plan.api_name == NAME else SalesforceStream)(
                self, self, plan, self._schemas[plan.stream_name]
            )
            for plan in self.run_plan.streams
        ]

    @functools.cached_property
    def _schemas(self) -> dict[str, dict[str, Any]]:
        """Each stream's schema; in memory once, which is most of what a stream takes."""
        return {plan.stream_name: plan.schema() for plan in self.run_plan.streams}

    def setup_mapper(self) -> None:
        """Prepare stream maps, with schemas as planned: the SDK's own form drops precision and scale."""
        from tap_sfsource.singer.maps import register, warn_of_unknown  # noqa: PLC0415 - kept off the path of --version

        self.prepare_maps()
        for plan in self.run_plan.streams:
            register(self.mapper, self.config, plan.stream_name, self._schemas[plan.stream_name], [plan.key])
        properties = {stream: schema["properties"] for stream, schema in self._schemas.items()}
        properties |= self.sync_reports.properties
        warn_of_unknown(self.config.get("stream_maps") or {}, properties)

    def checked(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Check the settings by their own rules, whose messages hold no secrets; warn of unknown ones."""
        typed = Settings.typed(config)
        others = frozenset(key for key in config if key in _SDK_SETTINGS or key.startswith(_SDK_PREFIXES))
        for name, nearest in Settings.unknown(config, others).items():
            hint = f" Is it {nearest}?" if nearest else ""
            self.logger.warning("There is no setting %s; it is ignored.%s", name, hint)
        return typed

    def check_connection(self) -> bool:
        """Test the connection and the user's permissions, and print what was found."""
        from tap_sfsource.check import check_connection  # noqa: PLC0415 - kept off the path of --version

        return check_connection(self.client, self.settings)

    def run(self) -> None:
        """Plan the streams and sync them; the run has a record also where the org cannot be asked.

        Raises:
            TapError: The org cannot be asked, or a stream is not complete.
        """
        from tap_sfsource.catalog.sync_reports import check_discovered  # noqa: PLC0415

        with self.sync_reports.of_run():
            check_discovered(self.catalog_as_given)
            self.setup_mapper()
            self.sync()

    def sync(self) -> None:
        """Sync all streams, report, and end as the run went.

        Raises:
            IncompleteError: A stream is not complete.
        """
        with self.sync_reports.of_run():
            self._sync()

    def _sync(self) -> None:
        # Where pages and BATCH files go is looked at before Salesforce is.
        self.logger.debug("Bulk pages wait in %s.", self.spool_dir or "the temporary folder")
        self.run_plan.check()
        try:
            self.sync_all()
        finally:
            self.report.progress.wipe()
            if "sync_run" in self.__dict__:
                self.sync_run.close()
        for stream, error in self.run_plan.failed.items():
            self.report.fail(self.report.begin(stream), error)
        table = self.report.progress.over(self.report.text(self.run_plan.skipped))
        print(table, file=sys.stderr)  # noqa: T201 - a table for people
        self.report.tell_again()
        self.report.check()

    def sync_all(self) -> None:  # type: ignore[misc, unused-ignore]
        """Sync all streams, and write the last STATE; also where the run fails or is told to end.

        It is true at any moment: a bookmark moves only behind rows that were written.
        """
        from tap_sfsource.singer.output import OutputError  # noqa: PLC0415 - kept off the path of --version

        try:
            super().sync_all()
        except (OutputError, BrokenPipeError):
            raise
        except BaseException:
            with contextlib.suppress(OutputError, BrokenPipeError):
                self.state_lines.write_moved()
            raise
        self.state_lines.write()

    def terminate(self, signum: int) -> None:
        """End by a signal, between two lines, with a status that is not success (the SDK's own is)."""
        self.output.end(TerminatedError(signum))


def _as_dict(catalog: Any) -> Mapping[str, Any] | None:
    if isinstance(catalog, Catalog):
        return catalog.to_dict()
    if catalog is None or isinstance(catalog, Mapping):
        return catalog
    with Path(catalog).open(encoding="utf-8") as file:
        return read_input("catalog", file)

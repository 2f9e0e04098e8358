"""The SDK's sink: what it checks and transforms record by record ends up in the same buffers as the fast path."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from singer_sdk.sinks import Sink

from target_sfwarehouse.errors import BadRecordError, BadSchemaError, MissingKeyError, shown
from target_sfwarehouse.postgres.schema import DELETED_AT, METADATA_COLUMNS, VERSION, wanted_columns
from target_sfwarehouse.postgres.types import BIGINT
from target_sfwarehouse.rows.decode import RowShape
from target_sfwarehouse.rows.layout import BadValueError, Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_sfwarehouse.input.batcher import Intake, Source
    from target_sfwarehouse.input.buffers import Buffer
    from target_sfwarehouse.load.loads import Load
    from target_sfwarehouse.target import TargetSFWarehouse

__all__ = ["WarehouseSink"]


class WarehouseSink(Sink):
    """One stream under one SCHEMA."""

    load: Load
    shape: RowShape
    buffer: Buffer

    def __init__(
        self,
        target: TargetSFWarehouse,
        stream_name: str,
        schema: dict[str, Any],
        key_properties: Sequence[str] | None,
    ) -> None:
        super().__init__(target, stream_name, schema, key_properties)
        self._intake: Intake = target.intake
        self._bookmarks: tuple[str, ...] = target.bookmarks.get(stream_name, ())
        # With `_sdc_*` columns each row has a place for a version from the start.
        self.versioned = self._intake.settings.add_record_metadata

    def _remove_sdc_metadata_from_schema(self) -> None:
        """Leave out Singer's `_sdc_*` columns, as the SDK does without `add_record_metadata`.

        Except `_sdc_deleted_at`: a tap that sends it (log-based replication) has no other word for a deleted row.
        """
        marked = self.schema["properties"].get(DELETED_AT)
        super()._remove_sdc_metadata_from_schema()
        if marked is not None:
            self.schema["properties"][DELETED_AT] = marked

    def _remove_sdc_metadata_from_record(self, record: dict[str, Any]) -> None:
        """Do for a record what was done for the schema.

        Args:
            record: The record, changed in place.
        """
        marked = record.get(DELETED_AT)
        super()._remove_sdc_metadata_from_record(record)
        if marked is not None:
            record[DELETED_AT] = marked

    @property
    def is_full(self) -> bool:
        """Never: the intake decides when a batch is full, over all streams."""
        return False

    def open(self) -> None:
        """Make the table fit the schema.

        Not `setup`, for which the SDK adds an error line of its own to the one that says what is wrong.

        Raises:
            BadSchemaError: The table cannot follow the schema.
        """
        settings = self._intake.settings
        keys = () if settings.load_method == "append-only" else tuple(self.key_properties)
        try:
            wanted = wanted_columns(self.schema, keys, self._bookmarks, settings)
            if self.versioned and VERSION not in {column.column for column in wanted.columns}:
                version = Column(VERSION, VERSION, BIGINT)
                wanted = replace(wanted, columns=(*wanted.columns, version))
            self.load = self._intake.prepare(self.stream_name, wanted)
        except BadSchemaError as error:
            raise BadSchemaError(f"line {self._intake.line}, stream '{self.stream_name}': {error}") from None
        types = self.load.table.columns
        columns = [replace(column, type=types[column.column]) for column in wanted.columns]
        own = [column for column in columns if column.column not in METADATA_COLUMNS]
        extras = [column for column in columns if column.column in METADATA_COLUMNS]
        self.shape = RowShape(self.stream_name, own, extras)
        self.buffer = self._intake.buffer(self.load, self.shape)

    def retire(self) -> None:
        """Hand over what is buffered before another SCHEMA takes this one's place."""
        self._intake.forget(self.buffer)

    def enable_version(self) -> None:
        """Keep the version of each row from now on: the stream's records carry one."""
        self.retire()
        self.versioned = True
        self.open()

    def extra_values(self, version: int | None, time_extracted: str | None) -> tuple[Any, ...]:
        """Return the values of the shape's extra columns for a record.

        Args:
            version: The message's version.
            time_extracted: The message's time of extraction.

        Returns:
            Values in the order of the columns; empty if there are none.
        """
        if not self.versioned:
            return ()
        self.load.versioned = self.load.versioned or version is not None
        now = datetime.now(UTC)
        known = {
            "_sdc_extracted_at": time_extracted,
            "_sdc_received_at": now.isoformat(),
            "_sdc_batched_at": now.isoformat(),
            "_sdc_sequence": round(now.timestamp() * 1000),
            VERSION: version,
            "_sdc_sync_started_at": self.sync_started_at,
        }
        return tuple(known[column.column] for column in self.shape.all_columns[len(self.shape.columns) :])

    def add(self, record: dict[str, Any], source: Source) -> None:
        """Take in a record given as a dict: the slow path, with the same result as the fast one.

        Args:
            record: Property values.
            source: The message that brought it.

        Raises:
            BadRecordError: A value that its column cannot hold, or a missing key.
        """
        if source.version is not None and not self.versioned:
            self.enable_version()
        try:
            row = self.shape.from_record(record)
        except BadValueError as error:
            kind = MissingKeyError if error.missing else BadRecordError
            key = ", ".join(shown(record.get(name)) for name in self.key_properties if name in record)
            raise kind(
                str(error), line=source.line, stream=self.stream_name, name=error.name, key=key
            ) from None
        buffer = self.buffer
        buffer.add(row, self.extra_values(source.version, source.time_extracted), source.line, source.text)
        buffer.slow = True
        if buffer.full:
            self._intake.push(buffer)

    def process_record(self, record: dict[str, Any], context: dict[str, Any]) -> None:
        """Take in a record that the SDK has validated and transformed.

        Args:
            record: The record.
            context: Not used.

        Raises:
            BadRecordError: A value that its column cannot hold.
        """
        del context
        self.add(record, self._intake.source)

    def process_batch(self, context: dict[str, Any]) -> None:
        """Have everything read so far committed; what the SDK calls draining.

        Args:
            context: Not used.
        """
        del context
        self._intake.flush()

    def activate_version(self, new_version: int) -> None:
        """Mark or remove what a version did not bring.

        Args:
            new_version: The version.
        """
        if not self._intake.settings.activate_version:
            self.logger.info("ACTIVATE_VERSION of '%s' ignored, as `activate_version` says", self.stream_name)
            return
        self._intake.settle()
        if self.load.counts.read and not self.load.versioned:
            # Nobody can tell which rows the version brought: marking all of them would be a catastrophe.
            self.logger.warning(
                "ACTIVATE_VERSION of '%s' ignored: its records carry no version", self.stream_name
            )
            return
        self._intake.activate_version(self.load, new_version)

    def clean_up(self) -> None:
        """Log the stream's metrics at the end of the run."""
        self.record_counter_metric.increment(self.load.counts.read)
        super().clean_up()

    def _parse_timestamps_in_record(
        self, record: dict[str, Any], schema: dict[str, Any], treatment: Any
    ) -> None:
        """Leave dates as they are: Postgres reads them, and knows years that Python does not."""

    def _singer_validate_message(self, record: dict[str, Any]) -> None:
        """Leave missing keys to `add`, which knows the line."""

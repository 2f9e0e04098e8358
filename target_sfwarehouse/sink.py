"""The SDK's sink: a record that the SDK has mapped, flattened or validated goes the way of all others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_sfwarehouse.input.batcher import Stream
from target_sfwarehouse.postgres.schema import DELETED_AT
from target_sfwarehouse.sdk import PrivateSink
from target_sfwarehouse.stream_maps import is_custom, redacted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_sfwarehouse.sdk import PrivateTarget


class WarehouseSink(PrivateSink):
    """One stream under one SCHEMA."""

    # A tap that sends this (log-based replication) has no other word for a deleted row.
    kept_metadata = (DELETED_AT,)

    def __init__(
        self,
        target: PrivateTarget,
        stream_name: str,
        schema: dict[str, Any],
        key_properties: Sequence[str] | None,
    ) -> None:
        super().__init__(target, stream_name, schema, key_properties)
        self._batcher = target.batcher
        self._mapped = any(
            is_custom(stream_map) and stream_map.stream_alias == stream_name
            for stream_maps in target.mapper.stream_maps.values()
            for stream_map in stream_maps
        )
        bookmarks = target.bookmarks.get(stream_name, ())
        self.stream = Stream(
            target.batcher, stream_name, self.schema, self.key_properties, bookmarks, target.source
        )

    @property
    def is_full(self) -> bool:
        """Never: the batcher decides when a batch is full, over all streams."""
        return False

    def process_record(self, record: dict[str, Any], context: dict[str, Any]) -> None:
        """Take in a record that the SDK has transformed. Raises BadRecordError."""
        del context
        source = self._batcher.source
        if self._mapped:
            source = source._replace(text=redacted(self.stream_name, source.version, record))
        self.stream.add(record, source)

    def process_batch(self, context: dict[str, Any]) -> None:
        """Have everything read so far committed; the SDK calls it draining."""
        del context
        self._batcher.flush()

    def count(self) -> None:
        """Set the stream's metric to what was read; the SDK logs it at the end of the run."""
        self.record_counter_metric.value = self.stream.load.total.read

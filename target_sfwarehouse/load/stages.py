"""The temporary tables in which rows wait for their batch to be merged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_sfwarehouse.load.loads import Segment
from target_sfwarehouse.postgres.ddl import make_stage
from target_sfwarehouse.postgres.identifiers import quoted

if TYPE_CHECKING:
    from target_sfwarehouse.load.flush import Flush
    from target_sfwarehouse.load.loads import Load
    from target_sfwarehouse.load.session import Lanes
    from target_sfwarehouse.postgres.capabilities import Engine
    from target_sfwarehouse.rows.decode import RowShape

__all__ = ["Stages"]


class Stages:
    """Makes staging tables, once for each session, table, key and set of columns and types."""

    def __init__(self, lanes: Lanes[Flush], engine: Engine) -> None:
        """Begin without any.

        Args:
            lanes: The sessions; the one at hand gets the table.
            engine: What the server can do.
        """
        self._lanes = lanes
        self._engine = engine
        self._names: dict[tuple[int, str, tuple[str, ...], tuple[str, ...]], str] = {}

    def segment(self, load: Load, shape: RowShape) -> Segment:
        """Give the place for rows that come next.

        Args:
            load: The table that they are for.
            shape: Their columns: those of the rows that wait already, if any do.

        Returns:
            The segment of the rows that wait, or an empty one.
        """
        if load.segment is None:
            columns, table = shape.column_names, load.table
            types = tuple(f"{quoted(column)} {table.columns[column]}" for column in columns)
            made_for = (self._lanes.number, table.label, table.keys, types)
            name = self._names.get(made_for)
            if name is None:
                name = self._names[made_for] = quoted(f"_sfw_stage_{len(self._names) + 1}")
                make_stage(self._lanes.connection, self._engine, name, table, columns)
            load.segment = Segment(name, shape)
        return load.segment

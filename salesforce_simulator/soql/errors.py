"""The error that a refused query raises, in the form in which Salesforce words it."""

from __future__ import annotations

from salesforce_simulator.errors import ApiError

# How much of the query the message quotes on either side of the offence (measured on quoted messages: 30-41).
_CONTEXT = 41


class SoqlError(ApiError):
    """A query that Salesforce refuses; where there is a place, the message quotes the query and has a caret line."""


def at(text: str, position: int, error_code: str, problem: str) -> SoqlError:
    """Build the error for a problem at one place of the query, as the REST API does.

    Its message quotes the query around the place, marks it with a caret and names row and column (both from 1). `position` is
    the offset of the offending token, from 0; the query's length stands for its end.
    """
    line_start = text.rfind("\n", 0, position) + 1
    line_end = text.find("\n", position)
    line = text[line_start : len(text) if line_end < 0 else line_end]
    column = position - line_start
    row = text.count("\n", 0, position) + 1
    excerpt, caret = _window(line, column)
    return SoqlError(
        error_code, f"\n{excerpt}\n{' ' * caret}^\nERROR at Row:{row}:Column:{column + 1}\n{problem}"
    )


def _window(line: str, column: int) -> tuple[str, int]:
    """Cut a long line to whole words around a column; return the piece and the column within it."""
    start = 0
    if column > _CONTEXT:
        start = column - _CONTEXT
        space = line.rfind(" ", start - 1, column)
        first = line.find(" ", start - 1, column)
        start = (first if first >= 0 else space) + 1 or start
    end = len(line)
    if end - column > _CONTEXT:
        space = line.rfind(" ", column, column + _CONTEXT + 1)
        end = space if space > column else column + _CONTEXT
    return line[start:end], column - start

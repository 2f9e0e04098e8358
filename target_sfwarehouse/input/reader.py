"""Read Singer messages: RECORD lines of known streams by the fast path, all others as the SDK does.

A RECORD line of a known stream starts with the same bytes up to its `"record"` as the one before it, so these bytes
find the stream's decoder without looking at the rest. RECORD lines that stand together are decoded together, stream by
stream. Where their beginning does not tell the stream, or where a stream needs the SDK's stream maps, flattening or
validation, a line takes the slow path.
"""

from __future__ import annotations

import gc
import re
import sys
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec
from singer_sdk.exceptions import InvalidRecord, RecordsWithoutSchemaException
from singer_sdk.singerlib.encoding.base import GenericSingerReader, SingerMessageType
from singer_sdk.singerlib.exceptions import InvalidInputLine

from target_sfwarehouse.errors import (
    BadRecordError,
    BadSchemaError,
    InputError,
    RecordBeforeSchemaError,
    StoppedError,
    said,
    shown,
)
from target_sfwarehouse.input.batcher import Source
from target_sfwarehouse.input.blocks import Run, blocks
from target_sfwarehouse.input.dispatch import HEAD, Dispatcher, joined
from target_sfwarehouse.rows.chunks import Span
from target_sfwarehouse.rows.values import load_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from target_sfwarehouse.input.batcher import Batcher, Stream
    from target_sfwarehouse.input.dispatch import Destination, Lines

_MESSAGES = (SingerMessageType.SCHEMA, SingerMessageType.ACTIVATE_VERSION, SingerMessageType.BATCH)
_TYPE = re.compile(rb'"type":\s*"([^"\\]*)"')
_STREAM = re.compile(rb'"stream":\s*"([^"\\]*)"')
_NO_RECORD = re.compile(rb'"type":\s*"(?:SCHEMA|STATE|ACTIVATE_VERSION|BATCH)"')


class Streams(Run, Protocol):
    """What the reader asks the target."""

    batcher: Batcher

    def take_schema(self, message: dict[str, Any]) -> None:
        """Act on a SCHEMA message."""

    def take_record(self, message: dict[str, Any]) -> None:
        """Act on a RECORD of a stream that is not plain: map, flatten and validate it as the SDK does."""

    def activate_version(self, stream: str, version: int) -> None:
        """Act on an ACTIVATE_VERSION message."""

    def take_batch(self, message: dict[str, Any]) -> None:
        """Act on a BATCH message."""

    def plain_stream(self, name: str) -> Stream | None:
        """Return a stream whose records need no transformation, if it is one."""

    def kept(self, stream: str | None, line: bytes) -> bytes:
        """Return what people may see of a line: a map may hide the values of its stream."""


class _State(msgspec.Struct):
    type: Literal["STATE"]
    value: msgspec.Raw


class _Envelope(msgspec.Struct):
    type: str
    stream: str | None = None


def _begins_as_record(line: bytes) -> bool:
    """Whether a line that cannot be decoded is a RECORD by its beginning."""
    found = _TYPE.search(line[:HEAD])
    return found is not None and found[1] == b"RECORD"


def _named_stream(line: bytes) -> str | None:
    """Find the stream in the beginning of a line that cannot be decoded."""
    found = _STREAM.search(line[:HEAD])
    return found[1].decode(errors="replace") if found else None


class FastReader(GenericSingerReader[bytes]):
    """The target's message reader."""

    def __init__(self, streams: Streams) -> None:
        super().__init__()
        self._streams = streams
        self._batcher = streams.batcher
        self._dispatcher = Dispatcher()
        self._counts: Counter[str] = Counter()
        self._state = msgspec.json.Decoder(_State)
        self._envelope = msgspec.json.Decoder(_Envelope)

    @property
    def default_input(self) -> Any:
        """Standard input, as bytes."""
        return sys.stdin.buffer

    def deserialize_json(self, line: bytes) -> dict[str, Any]:
        """Decode a line. Raises InputError, which is a BadRecordError only where the line cannot hide another message."""
        try:
            message = load_json(line)
        except ValueError:
            kind = BadRecordError if _begins_as_record(line) and not _NO_RECORD.search(line) else InputError
            raise kind(f"this is no JSON: {self._start(line)}", line=self._batcher.line) from None
        if not isinstance(message, dict):
            raise InputError(
                f"a message must be a JSON object, not {shown(message)}", line=self._batcher.line
            )
        return message

    def _start(self, line: bytes) -> str:
        """Show how a line begins."""
        return shown(self._streams.kept(_named_stream(line), line)[:80])

    def process_lines(
        self, file_input: Any, callbacks: dict[str, Callable[[dict[str, Any]], None]]
    ) -> Counter[str]:
        """Read all messages; give how many there were of each type.

        Raises InputError for a line that cannot be used, BadSchemaError, and StoppedError when a signal told the run to
        stop. Everything before that is committed.
        """
        del callbacks  # messages go to the target by names of its own
        source = file_input or self.default_input
        collecting = gc.isenabled()
        # Records make no reference cycles; looking for some would cost a tenth of the time. What other messages and
        # errors make is looked for when a batch is full, without what was there before.
        gc.freeze()
        gc.disable()
        try:
            with blocks(source, self._streams) as found:
                self._read(found)
            self._stop_if_told()
        except (InputError, BadSchemaError, StoppedError):
            self._batcher.finish()
            self._batcher.check()  # a row before it may have been refused only now
            raise
        finally:
            if collecting:
                gc.enable()
            gc.unfreeze()
        return self._counts

    def _stop_if_told(self) -> None:
        if (number := self._streams.stopped_by()) is not None:
            raise StoppedError(number)

    def _read(self, blocks: Iterator[bytes]) -> None:
        rest: list[bytes] = []
        for block in blocks:
            end = block.rfind(b"\n")
            if end < 0:
                rest.append(block)
                continue
            rest.append(block[:end])
            lines = b"".join(rest)
            rest = [block[end + 1 :]] if end + 1 < len(block) else []
            self._take(lines)
            self._batcher.took(len(block))
        last = b"".join(rest)
        if last.strip() and self._streams.stopped_by() is None:
            self._last_line(last)

    def _last_line(self, line: bytes) -> None:
        """Take a last line without newline: whole, it counts; cut off, it is an error of its own."""
        try:
            with suppress(RecursionError):
                load_json(line)
        except ValueError:
            self._batcher.line += 1
            reason = f"the input ends in the middle of a line: {self._start(line)}"
            raise InputError(reason, line=self._batcher.line) from None
        self._take(line)

    def _take(self, block: bytes) -> None:
        """Take whole lines, without the newline of the last one."""
        batcher = self._batcher
        position, number = 0, batcher.line + 1
        while position <= len(block):
            together: list[Lines] = []
            while position <= len(block):
                found = self._dispatcher.following(block, position, number)
                if found.destination is None:
                    break
                together.append(found)
                position, number = found.stop + 1, found.first + found.lines
            if together:
                self._records(block, together)
                continue  # what stopped them may have a destination since
            batcher.line = number
            self._other(block[position : found.stop])
            position, number = found.stop + 1, number + 1
        batcher.line = number - 1

    def _records(self, block: bytes, together: list[Lines]) -> None:
        """Take lines whose destination is known: all of a stream at once, or one by one if a decoder refuses one of them."""
        groups: dict[Destination, list[Lines]] = {}
        for lines in together:
            assert lines.destination is not None
            groups.setdefault(lines.destination, []).append(lines)
        decoded = []
        try:
            for destination, runs in groups.items():
                span = joined(block, runs)
                messages = destination.decode_lines(span.text)
                if len(messages) != len(span.numbers):
                    break  # an empty line, or two messages in one
                decoded.append((destination, messages, span))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
        if len(decoded) < len(groups):
            self._one_by_one(block, together)
            return
        self._batcher.line = together[-1].first + together[-1].lines - 1
        for destination, messages, span in decoded:
            self._hand_over(destination, messages, span)

    def _hand_over(self, destination: Destination, messages: list[Any], span: Span) -> None:
        """Put decoded messages into their stream's buffer, chunk by chunk: the hot loop."""
        stream, start, end = destination.stream, 0, len(messages)
        self._counts[SingerMessageType.RECORD] += end
        while start < end:
            buffer = stream.buffer
            stop = min(end, start + buffer.limit - len(buffer.items))
            part = messages[start:stop]
            versioned = stream.versioned
            extras = [stream.extra_values(m.version, m.time_extracted) for m in part] if versioned else ()
            buffer.extend([message.record for message in part], extras, span._replace(start=start, stop=stop))
            self._batcher.push_full(buffer)
            start = stop

    def _one_by_one(self, block: bytes, together: list[Lines]) -> None:
        """Take such lines in order, each decoded value by value; a line that a decoder refuses goes the slow way."""
        for lines in together:
            texts = block[lines.start : lines.stop].split(b"\n")
            for number, text in enumerate(texts, lines.first):
                self._batcher.line = number
                # A slow record can change where the lines behind it go.
                destination = self._dispatcher.like(lines.destination)
                try:
                    messages = [destination.decode(text)] if destination is not None else []
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    messages = []
                if destination is not None and messages:
                    self._hand_over(destination, messages, Span(text, (number,)))
                else:
                    self._other(text)

    def _other(self, line: bytes) -> None:
        """Take a line that no destination takes."""
        if not line.strip():
            return
        try:
            self._dispatch(line)
        except (BadRecordError, RecordBeforeSchemaError) as error:
            self._refuse(error, line)
        except RecursionError:
            reason, stream = "it is nested too deeply: about 900 levels can be read", _named_stream(line)
            if not _begins_as_record(line):
                raise InputError(reason, line=self._batcher.line, stream=stream) from None
            self._refuse(BadRecordError(reason, line=self._batcher.line, stream=stream), line)

    def _refuse(self, error: InputError, line: bytes) -> None:
        self._batcher.refuse(error, self._streams.kept(error.stream or _named_stream(line), line))

    def _dispatch(self, line: bytes) -> None:
        kind, stream = self._peek(line)
        batcher = self._batcher
        if kind == SingerMessageType.RECORD:
            self._record(line, stream)
        elif kind == SingerMessageType.STATE:
            try:
                batcher.state(bytes(self._state.decode(line).value))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise InputError(f"a STATE without a value: {error}", line=batcher.line) from None
        elif kind in _MESSAGES:
            self._message(kind, stream, self.deserialize_json(line))
        else:
            raise InputError(f"unknown message type {shown(kind)}", line=batcher.line)
        self._counts[kind] += 1

    def _message(self, kind: str, stream: str | None, message: dict[str, Any]) -> None:
        """Take a SCHEMA, ACTIVATE_VERSION or BATCH."""
        line = self._batcher.line
        a = "an" if kind == SingerMessageType.ACTIVATE_VERSION else "a"
        try:
            if kind == SingerMessageType.SCHEMA:
                self._streams.take_schema(message)
            elif kind == SingerMessageType.ACTIVATE_VERSION:
                version = message["version"]
                if type(version) is not int:
                    raise InputError(
                        f"an ACTIVATE_VERSION whose version is no integer: {shown(version)}",
                        line=line,
                        stream=stream,
                    )
                self._streams.activate_version(message["stream"], version)
            else:
                self._streams.take_batch(message)
        except (RecordsWithoutSchemaException, KeyError) as error:
            if isinstance(error, KeyError) and error.args != (stream,):
                raise InputError(
                    f"{a} {kind} that lacks its member {error}", line=line, stream=stream
                ) from None
            raise InputError(
                f"{a} {kind} before the SCHEMA of its stream", line=line, stream=stream
            ) from None
        except (InvalidInputLine, TypeError) as error:
            # The SDK quotes the whole message, which may be long.
            reason = str(error).partition(": {")[0]
            raise InputError(f"{a} {kind} that is incomplete: {reason}", line=line, stream=stream) from None
        self._dispatcher.clear()

    def _peek(self, line: bytes) -> tuple[str, str | None]:
        """Return a message's type and stream."""
        try:
            envelope = self._envelope.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            message = self.deserialize_json(line)
            kind = message.get("type")
            if not isinstance(kind, str):
                raise InputError(
                    f"a message without a type: {shown(message)}", line=self._batcher.line
                ) from None
            stream = message.get("stream")
            return kind, stream if isinstance(stream, str) else None
        return envelope.type, envelope.stream

    def _record(self, line: bytes, stream: str | None) -> None:
        """Take a RECORD by the slow path, after learning how to take the next one by the fast path."""
        number = self._batcher.line
        message = self.deserialize_json(line)
        record = message.get("record")
        if stream is None or not isinstance(record, dict):
            raise BadRecordError("a RECORD needs a stream and a record", line=number, stream=stream)
        version = message.get("version")
        source = Source(
            number, line, version if isinstance(version, int) else None, message.get("time_extracted")
        )
        plain = self._streams.plain_stream(stream)
        if plain is not None:
            versioned = plain.versioned
            plain.add(record, source)
            if plain.versioned != versioned:
                self._dispatcher.clear()
            self._dispatcher.learn(line, plain)
            return
        self._batcher.source = source
        try:
            self._streams.take_record(message)
        except RecordsWithoutSchemaException:
            raise RecordBeforeSchemaError(
                "a RECORD before the SCHEMA of its stream", line=number, stream=stream
            ) from None
        except InvalidRecord as error:
            text = self._batcher.source.text
            raise BadRecordError(said(error), line=number, stream=stream, text=text) from None

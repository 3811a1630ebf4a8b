"""Server-sent events: bytes in, event payloads out. Frames only; never reads JSON, never decodes text.

Written to the event stream grammar of the WHATWG HTML standard (section 9.2), with two differences that a reader of an
API wants: an event whose data is empty, or that only keeps the connection alive, is dropped, and the last event counts
even when its blank line is missing.
"""

from __future__ import annotations

from kilo_gateway.errors import MalformedAnswerError

MAX_EVENT_BYTES = 64 * 1024 * 1024
"""An event may be this long; what is longer is not an answer."""


class NamedEvent(bytes):
    """The payload of an event that has a name of its own, as `event: error` gives it; most events have none."""

    name: str


_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SNIPPET_BYTES = 200
_LONGEST_NAME = 100
_LONGEST_STRAY = 16 * 1024
_NAMES = frozenset({b"event", b"error"})
_KEEP_ALIVES = frozenset({b"ping", b"heartbeat", b"keepalive", b"keep-alive", b"keep_alive"})
"""Names of events that say what a comment says: that the connection lives."""
_STRAY_STARTS = frozenset({b"{", b"[", b"<"})
_FIRST_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")


def is_event_stream(body: bytes) -> bool:
    """Return whether a whole body is an event stream rather than JSON, judged by its first line."""
    return body[:1] != b"{" and body.removeprefix(_BYTE_ORDER_MARK).lstrip().startswith(_FIRST_FIELDS)


class SseDecoder:
    """Collects bytes, split anywhere, and returns the payloads of the events they complete.

    Only the lines of the open event that carry data are kept; comments and other fields are dropped as they come.
    """

    __slots__ = (
        "_at_start",
        "_data",
        "_data_size",
        "_held",
        "_held_size",
        "_is_between_events",
        "_name",
        "_skip_newline",
        "stray",
    )

    def __init__(self) -> None:
        self._held: list[bytes] = []  # pieces of the last, unfinished line
        self._held_size = 0
        self._data: list[bytes] = []  # values of the data lines of the unfinished event
        self._data_size = 0
        self._name = b""  # of the unfinished event
        self._at_start = True  # a byte order mark may still come
        self._skip_newline = False  # the last byte was a carriage return: a line feed now is half of that line end
        self._is_between_events = False  # nothing of all this is pending
        self.stray = b""
        """What looked like JSON, a page or an error on a line of its own: relays write so."""

    def feed(self, data: bytes) -> list[bytes]:
        r"""Return the payloads of the events completed by these bytes, `data:` lines joined by `\n`.

        Raises:
            MalformedAnswerError: an event is larger than MAX_EVENT_BYTES.
        """
        if self._is_between_events and data[:6] == b"data: ":
            size = len(data)
            if data.find(b"\n") == size - 2 < MAX_EVENT_BYTES and data[-1:] == b"\n" and b"\r" not in data:
                return [data[6:-2]] if size > 8 else []  # noqa: PLR2004 - the length of an event without data
        if self._at_start or self._skip_newline or b"\r" in data:
            data = self._normalise(data)
        lines = data.split(b"\n")
        rest = lines.pop()
        if lines and self._held:
            lines[0] = self._take_held(lines[0])
        events = self._read(lines)
        self._hold(rest)
        self._is_between_events = not (self._held or self._data or self._name or self._skip_newline or self._at_start)
        return events

    def finish(self) -> bytes | None:
        """Return the payload of an event that the end of the stream cut off from its blank line; None without one."""
        if self._held:
            self._read_line(self._take_held(b""))
        return self._take_event()

    def _read(self, lines: list[bytes]) -> list[bytes]:
        """Return the payloads that these whole lines complete."""
        if not self._data and not self._name and len(lines) % 2 == 0 and not any(lines[1::2]):
            data_lines = lines[::2]
            events = [line[6:] for line in data_lines if line[:6] == b"data: "]
            if len(events) == len(data_lines) and all(events) and max(map(len, events), default=0) <= MAX_EVENT_BYTES:
                return events
        events = []
        for line in lines:
            if line:
                if line[:4] == b"data" or line[:5] in _NAMES or line[:1] in _STRAY_STARTS:
                    self._read_line(line)
            elif self._data:
                if (event := self._take_event()) is not None:
                    events.append(event)
            else:
                self._name = b""
        return events

    def _read_line(self, line: bytes) -> None:
        """Keep the value of a data line, the name of an event, and what is no field; forget any other line."""
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"event":
            self._name = value[:_LONGEST_NAME]
        elif name == b"error" or line[:1] in _STRAY_STARTS:
            self.stray += line[: _LONGEST_STRAY - len(self.stray)]
        if name != b"data":
            return
        self._data.append(value)
        self._data_size += len(value) + 1
        _check_size(self._data_size - 1, self._data[0])

    def _take_event(self) -> bytes | None:
        """Return the payload of the open event and forget it; None when it has no data."""
        if not self._data:
            return None
        event = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        if self._name:
            name, self._name = self._name, b""
            event = NamedEvent(b"" if name.strip().lower() in _KEEP_ALIVES else event)
            event.name = name.decode(errors="replace")
        self._data = []
        self._data_size = 0
        return event or None

    def _take_held(self, end: bytes) -> bytes:
        """Return the held line with its end, and forget it."""
        self._held.append(end)
        line = b"".join(self._held)
        self._held.clear()
        self._held_size = 0
        return line

    def _hold(self, data: bytes) -> None:
        """Keep the beginning of a line until its end arrives."""
        if not data:
            return
        self._held.append(data)
        self._held_size += len(data)
        if self._held_size + self._data_size > MAX_EVENT_BYTES:
            beginning = self._held[0][:_SNIPPET_BYTES]
            self._held.clear()  # the traceback of the error would hold it
            _check_size(self._held_size + self._data_size, beginning)

    def _normalise(self, data: bytes) -> bytes:
        """Return the bytes with line feeds as the only line ends and without a byte order mark at the start."""
        if self._skip_newline and data:
            self._skip_newline = False
            data = data.removeprefix(b"\n")
        if b"\r" in data:
            self._skip_newline = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if self._at_start and data:
            data = self._take_held(data)
            self._at_start = len(data) < len(_BYTE_ORDER_MARK) and _BYTE_ORDER_MARK.startswith(data)
            if not self._at_start:
                data = data.removeprefix(_BYTE_ORDER_MARK)
        return data


def _check_size(size: int, beginning: bytes) -> None:
    if size > MAX_EVENT_BYTES:
        raise MalformedAnswerError(
            f"One event of the stream is larger than {MAX_EVENT_BYTES // 1024 // 1024} MiB; this is not an answer. "
            "Check base_url.",
            snippet=beginning[:_SNIPPET_BYTES].decode(errors="replace"),
        )

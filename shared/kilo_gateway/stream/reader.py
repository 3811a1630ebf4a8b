"""Bytes of a streamed answer -> deltas and a whole completion, or this package's error. Fed from outside; no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kilo_gateway.answer.body import check_completion, malformed_answer, parse_json_object, quote, unwrap_answer
from kilo_gateway.answer.completion import parse_completion
from kilo_gateway.errors import MalformedAnswerError, TruncatedStreamError
from kilo_gateway.errors.bodies import find_error, parse_error_object, without_error
from kilo_gateway.errors.stated import states_error
from kilo_gateway.jsontext import dumps, loads_answer, loads_fast, loads_leniently
from kilo_gateway.refs import render_ref
from kilo_gateway.stream.accumulator import Accumulator
from kilo_gateway.stream.repeats import Repeats
from kilo_gateway.stream.sse import NamedEvent, SseDecoder
from kilo_gateway.stream.surrogates import SurrogateJoiner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from kilo_gateway.answer.completion import Completion
    from kilo_gateway.stream.delta import Delta

_BRACE = ord("{")
_DONE_SPELLINGS = frozenset({b"[DONE]", b"[done]", b"[Done]", b'"[DONE]"', b"DONE"})

_OTHER_APIS = ("response.", "message_", "content_block_")
"""How the types of the events of other APIs begin."""

MAX_PLAIN_BYTES = 1024 * 1024
"""How much is kept of an answer that turns out to be no event stream, to say what it was."""


class StreamReader:
    """The state of one streamed answer: feed it bytes as they come, take deltas out.

    `call_seed` gives what the ids of tool calls without one are made of, beside the id of the answer.
    """

    def __init__(self, *, model: str, call_seed: Callable[[], str] | None = None) -> None:
        self._ref = render_ref(model)
        self.is_done = False
        """Whether `[DONE]` was seen; what comes after it is not read."""
        self.had_event = False
        """Whether the bytes fed last completed an event, as opposed to keep-alive comments."""
        self.has_delivered = False
        """Whether a delta was given out: from then on the request must not be sent again."""
        self.status = 200
        """The response's status, for messages: any that is a success."""
        self.headers: Mapping[str, str] = {}
        """The response's headers, for an error that an event holds."""
        self._sse = SseDecoder()
        self._accumulator = Accumulator(requested_model=model, call_seed=call_seed)
        self._repeats = Repeats()
        self._surrogates: SurrogateJoiner | None = None  # only once a server has cut a character into two events
        self._plain: bytearray | None = bytearray()

    def feed(self, data: bytes) -> Iterator[Delta]:
        """Yield the deltas that these bytes complete.

        Raises:
            GatewayError: an event holds an error; what stood before it has been yielded.
            MalformedAnswerError: an event is not a JSON object; its line is quoted.
        """
        payloads = self._sse.feed(data)
        self.had_event = bool(payloads)
        if self._plain is not None:
            self._keep_plain(data)
        for payload in payloads:
            if (repeated := self._repeats.read(payload)) is not None:
                yield self._accumulator.add_text(*repeated)
                continue
            if payload[0] != _BRACE and payload.strip() in _DONE_SPELLINGS:
                self.is_done, self._plain = True, None
                return
            event, name = self._parse(payload), _name_of(payload)
            if find_error(event, name) is None:
                deltas = self._accumulator.add(event)
                if len(deltas) == 1 and self._surrogates is None:
                    self._repeats.note(payload, event)
                for delta in deltas:  # what `_read` does, without a generator for each event
                    self.has_delivered = True
                    yield delta
            else:
                yield from self._read(event, name)

    def finish(self) -> Iterator[Delta]:
        """Yield what is left at the end of the stream, and check that the answer is whole.

        Raises:
            TruncatedStreamError: the stream ended before a finish reason, and before `[DONE]` behind some content.
            GatewayError, MalformedAnswerError: the answer was no event stream, but an error, a page or nothing.
        """
        rest = self._sse.finish()
        if rest is not None and rest.strip() in _DONE_SPELLINGS:
            self.is_done = True
        if rest and not self.is_done:
            yield from self._read_rest(rest)
        for event in () if self._surrogates is None else self._surrogates.remaining():
            yield from self._read(event)
        if self._plain is not None:
            yield from self._read_plain(bytes(self._plain))
        elif not self._accumulator.is_complete and not (self.is_done and self._accumulator.has_content):
            yield from self._read_rest(self._sse.stray, is_error=True)
            raise self._unfinished()
        for delta in self._accumulator.finish():
            self.has_delivered = True
            yield delta

    def completion(self) -> Completion:
        """Return the answer so far; the whole answer once `finish` has run."""
        return self._accumulator.completion()

    def partial(self) -> Completion | None:
        """Return what had arrived, for an error; None when nothing had."""
        return self._accumulator.completion() if self._accumulator.has_content else None

    def _parse(self, payload: bytes) -> dict[str, Any]:
        self._plain = None
        event = self._load(payload)
        if (event is None and payload.strip() == b"null") or event == {"type": "ping"}:
            event = {}  # says nothing, as a comment does
        if isinstance(event, list) and event and isinstance(event[0], dict) and find_error(event[0]) is not None:
            event = event[0]  # Google's servers put an error into a list
        if not isinstance(event, dict):
            if isinstance(payload, NamedEvent) and states_error({}, payload.name):
                return {"message": event if isinstance(event, str) else payload.decode("utf-8", "replace")}
            raise MalformedAnswerError(
                f"Model {self._ref!r} streamed an event that is not a JSON object: {quote(payload).rstrip('. ')}. "
                "Choose another model if it goes on, or report it.",
                model=self._ref,
                status=self.status,
                snippet=quote(payload),
            )
        return event

    def _load(self, payload: bytes) -> Any:
        """Return the JSON of an event; None when it is none. Halves of a character wait for the next event."""
        try:
            if self._surrogates is None:
                return loads_fast(payload)
        except ValueError:
            pass
        try:
            event = loads_leniently(payload)
        except ValueError:
            return None
        if not isinstance(event, dict):
            return loads_answer(payload)
        self._surrogates = self._surrogates or SurrogateJoiner()
        return self._surrogates.join(event)

    def _read(self, event: dict[str, Any], name: str | None = None) -> Iterator[Delta]:
        error = find_error(event, name)
        for delta in self._accumulator.add(event if error is None else without_error(event)):
            self.has_delivered = True
            yield delta
        if error is not None:
            raise parse_error_object(event, model=self._ref, headers=self.headers, event_name=name)

    def _read_plain(self, body: bytes) -> Iterator[Delta]:
        """Read an answer that was not streamed, though it was asked to be; HTTP says that it is whole."""
        answer = parse_json_object(body, model=self._ref, status=self.status)
        if find_error(answer) is None:
            answer = unwrap_answer(answer)
        yield from self._read(answer)
        completion = self._accumulator.completion()
        if not completion.choices and not isinstance(answer.get("choices"), list):
            completion = parse_completion(answer)  # what is no chat at all is not worth another try
        check_completion(completion, body, model=self._ref, status=self.status)

    def _read_rest(self, rest: bytes, *, is_error: bool = False) -> Iterator[Delta]:
        """Read an event that the end of the stream cut off, if it happens to be whole; or only if it is an error."""
        self._plain = None
        try:
            event = loads_answer(rest)
        except ValueError:
            return
        if isinstance(event, dict) and (not is_error or find_error(event) is not None):
            yield from self._read(event, _name_of(rest))

    def _unfinished(self) -> TruncatedStreamError | MalformedAnswerError:
        has_content, facts = self._accumulator.has_content, self._accumulator.unknown_facts
        if not has_content and _is_of_another_api(facts):
            return malformed_answer("is that of another API than chat", dumps(facts), self._ref, status=self.status)
        said = self._sse.stray or (dumps(facts) if facts and not has_content else b"")
        quoted = f" The server said: {quote(said).rstrip('. ')}." if said else ""
        return TruncatedStreamError(
            f"The answer of model {self._ref!r} stopped before its end: no finish reason came.{quoted} "
            + ("What had arrived is in `partial`; try again." if has_content else "Try again."),
            model=self._ref,
            status=self.status,
        )

    def _keep_plain(self, data: bytes) -> None:
        if self._plain is not None and len(self._plain) < MAX_PLAIN_BYTES:
            self._plain += data[: MAX_PLAIN_BYTES - len(self._plain)]
            if self._plain.startswith(b":"):  # a comment: an event stream after all
                self._plain = None


def _name_of(payload: bytes) -> str | None:
    return payload.name if isinstance(payload, NamedEvent) else None


def _is_of_another_api(facts: Mapping[str, Any]) -> bool:
    """Return whether events are those of OpenAI's Responses, Anthropic's Messages or Gemini: no answer follows."""
    kind = facts.get("type")
    return "candidates" in facts or (isinstance(kind, str) and kind.startswith(_OTHER_APIS))

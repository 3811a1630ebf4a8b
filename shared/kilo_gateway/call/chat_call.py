"""A chat request: reads a whole answer, and holds the reader of a streamed one."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from kilo_gateway import jsontext
from kilo_gateway.answer.body import parse_answer
from kilo_gateway.call.gateway_call import GatewayCall
from kilo_gateway.errors import KiloError
from kilo_gateway.spans import TimedReader
from kilo_gateway.stream.reader import StreamReader
from kilo_gateway.stream.sse import is_event_stream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kilo_gateway.answer.completion import Completion
    from kilo_gateway.settings.headers import HeaderList
    from kilo_gateway.settings.settings import Settings


class _CallSeed:
    """What made-up ids of tool calls are made of: the same for the same request, streamed or not.

    Knows the request and not the call, whose reader holds it: a circle would be left to the garbage collector.
    """

    __slots__ = ("_messages", "_model_id", "_seed")

    def __init__(self, model_id: str, messages: Any) -> None:
        self._model_id = model_id
        self._messages = messages
        self._seed: str | None = None

    def __call__(self) -> str:
        if self._seed is None:
            asked = {"model": self._model_id, "messages": self._messages}
            self._seed = sha256(jsontext.dumps(asked)).hexdigest()
        return self._seed


class ChatCall(GatewayCall["Completion"]):
    """A chat request."""

    path = "chat/completions"
    is_listed = True

    def __init__(self, settings: Settings, body: dict[str, Any], *, headers: HeaderList, timeout: Any = None) -> None:
        super().__init__(settings, body, headers=headers, timeout=timeout)
        self.call_seed = _CallSeed(self.requested_id, body["messages"])
        self.is_left = False
        """Whether nobody wants the rest of a streamed answer."""
        self._reader: StreamReader | None = None

    @property
    def reader(self) -> StreamReader:
        """Reads the current try of a streamed answer; made when something is streamed, which most calls are not."""
        reader = self._reader
        if reader is None:
            reader = self.fresh_reader()
            reader.headers, reader.status = self.answer_headers, self.answer_status
        return reader

    def accepts(self, status: int, headers: Mapping[str, str]) -> bool:
        """Take note of the answer's headers; return whether its body is to be read as a completion."""
        if self._reader is not None:
            self._reader.headers, self._reader.status = headers, status
        return super().accepts(status, headers)

    def fresh_reader(self) -> StreamReader:
        """Return a new reader for the next try of a streamed answer."""
        kind = StreamReader if self.span is None else TimedReader
        self._reader = kind(model=self.model_id, call_seed=self.call_seed)
        return self._reader

    def _stream_reader(self) -> StreamReader | None:
        return self._reader

    def partial_completion(self) -> Completion | None:
        """Return what has arrived of a streamed answer."""
        return self.completion if self._reader is not None and self._reader.has_delivered else None

    @property
    def completion(self) -> Completion:
        """The streamed answer so far."""
        return self._named(self.reader.completion())

    def parse_answer(self, body: bytes) -> Completion:
        """Return the completion of a body of status 200, also where the server streamed it unasked.

        Raises what `kilo_gateway.answer.body.parse_answer` raises.
        """
        if is_event_stream(body):
            return self._parse_events(body)
        return self._named(
            parse_answer(
                body,
                model=self.model_id,
                headers=self.answer_headers,
                status=self.answer_status,
                call_seed=self.call_seed,
            )
        )

    def _parse_events(self, body: bytes) -> Completion:
        reader = self.fresh_reader()
        self.accepts(self.answer_status, self.answer_headers)
        try:
            for _ in (*reader.feed(body), *reader.finish()):
                pass
        except KiloError as error:
            error.partial = reader.partial()
            raise
        return self.completion

    def _named(self, completion: Completion) -> Completion:
        headers = self.answer_headers
        if self.model_id == self.requested_id:
            return completion if completion.headers is headers else replace(completion, headers=headers)
        return replace(completion, headers=headers, requested_model=self.requested_id, sent_model=self.model_id)

"""A cassette in use: vcrpy's, with scrubbing, matching by meaning and readable differences. Touches no network."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from vcr.cassette import Cassette as VcrCassette

from kilo_gateway.testing.cassettes.errors import CassetteError, NoMatchError
from kilo_gateway.testing.cassettes.explanation import Situation, explain
from kilo_gateway.testing.cassettes.matching import Matcher
from kilo_gateway.testing.cassettes.modes import VCR_MODES
from kilo_gateway.testing.cassettes.naming import shown
from kilo_gateway.testing.cassettes.origin import is_gateway, origin_of
from kilo_gateway.testing.cassettes.pieces import Pieces
from kilo_gateway.testing.cassettes.scrubbing import Scrubber
from kilo_gateway.testing.cassettes.store import Store
from kilo_gateway.testing.cassettes.surroundings import base_url_of, secrets_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from vcr.request import Request

    from kilo_gateway.testing.cassettes.document import Document


@dataclass(frozen=True)
class Manner:
    """How a cassette is used; what a marker, `use_cassette` and options say."""

    ignore: tuple[str, ...] = ()
    """Fields of the body that may change, such as `messages[0].content` or `metadata`."""
    hosts: tuple[str, ...] = ()
    """Further hosts whose httpx traffic goes into the cassette."""
    repeats: bool = False
    """Whether an answer may be given more than once."""
    pieces: Pieces = field(default_factory=Pieces)
    network: bool | tuple[str, ...] = False
    """What may be reached while replaying, beside this machine: nothing, these hosts, or (True) everything."""
    models: tuple[str, ...] = ()
    """The entries that are kept of a model list when it is recorded; empty keeps all."""
    strict: bool = False
    """Whether answers that nobody asked for are an error."""


class Cassette(VcrCassette):  # type: ignore[misc] # vcrpy has no types
    """Recorded answers of a gateway. `requests`, `responses`, `play_count` and `all_played` are vcrpy's."""

    def __init__(
        self,
        path: Path,
        mode: str,
        manner: Manner,
        document: Document | None,
        *,
        secrets: Iterable[str] = (),
        how_to_record: str,
    ) -> None:
        self.file = path
        self.mode = mode
        self.manner = manner
        self.mismatches: list[NoMatchError] = []
        """Requests of this session that nothing fitted, be the error swallowed or not."""
        self.lock = threading.RLock()
        self._exists = document is not None
        self._how_to_record = how_to_record
        self._scrubber = Scrubber([*secrets, *secrets_of(os.environ)])
        self._base_url = base_url_of(os.environ)
        self._matcher = Matcher(manner.ignore, self._base_url)
        self._store = Store(path, self._scrubber, None if mode == "rewrite" else document)
        super().__init__(
            path=str(path),
            persister=self._store,
            record_mode=VCR_MODES[mode],
            match_on=(self._matcher,),
            before_record_request=self._scrubber.request,
            before_record_response=self._scrubber.response,
            allow_playback_repeats=manner.repeats,
        )
        self._load()
        self._from_disk = len(self.data)

    @property
    def origin(self) -> Mapping[str, Any] | None:
        """Where the answers came from, as it stands in the file; None while there is none."""
        return None if self._store.origin is None else self._store.origin.render()

    @property
    def recorded(self) -> int:
        """How many interactions were recorded now."""
        return len(self.data) - self._from_disk

    @property
    def unused(self) -> list[str]:
        """The interactions on disk that nobody asked for, as `3: POST /api/gateway/chat/completions`."""
        if self.mode in {"all", "rewrite"}:
            return []
        idle = [at for at in range(self._from_disk) if not self.play_counts[at]]
        return [f"{at + 1}: {self.requests[at].method} {self.requests[at].path}" for at in idle]

    def concerns(self, request: Request) -> bool:
        """Return whether the request goes into this cassette; all others are none of its business."""
        if request.host in self.manner.hosts:
            return True
        return is_gateway(request.uri, request.headers, self._base_url)

    def answer(self, request: Request) -> dict[str, Any] | None:
        """Return the recorded answer, or None when the request is to be sent and recorded.

        Raises:
            NoMatchError: nothing fits, and nothing may be recorded.
        """
        __tracebackhide__ = True
        with self.lock:
            self._scrubber.learn_headers(request.headers)
            if self.can_play_response_for(request):
                answer: dict[str, Any] = self.play_response(request)
                return answer
            if self.write_protected:
                raise self._no_match(self.filter_request(request))
            return None

    def keep(self, request: Request, response: dict[str, Any]) -> None:
        """Add an answer that came just now.

        Raises:
            CassetteError: the cassette's other answers come from elsewhere.
        """
        plain = {name: ", ".join(values) for name, values in response["headers"].items()}
        today = datetime.now(UTC).date().isoformat()
        address = self._scrubber.address(request.uri)
        origin = origin_of(address, plain, base_url=self._scrubber.address(self._base_url), today=today)
        with self.lock:
            known = self._store.origin
            if is_gateway(request.uri, request.headers, self._base_url):
                if known is not None and self._from_disk and known.kind != origin.kind:
                    raise CassetteError(
                        f"{shown(self.file)} holds answers of {known.kind}, and this one came from {origin.kind}: one "
                        f"cassette tells one story. Record it anew:\n    {self._how_to_record}"
                    )
                self._store.origin = origin if known is None or not self._from_disk else known
            self.append(request, response)

    def _no_match(self, request: Request) -> NoMatchError:
        used = [bool(self.play_counts[at]) for at in range(len(self.data))]
        situation = Situation(shown(self.file), self._exists, self._how_to_record, self.requests, used)
        message = explain(request, situation, self._matcher)
        error = NoMatchError(message, cassette=self, failed_request=request)
        self.mismatches.append(error)
        return error

    def close(self) -> None:
        """Write what was recorded.

        Raises:
            SecretFoundError: a secret would have been written.
        """
        self._save()

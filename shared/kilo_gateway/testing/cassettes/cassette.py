"""A cassette in use: vcrpy's, with scrubbing, matching by meaning and readable differences. Touches no network."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from vcr.cassette import Cassette as VcrCassette

from kilo_gateway.testing.cassettes.errors import CassetteError, NoMatchError
from kilo_gateway.testing.cassettes.explanation import Situation, explain_mismatch
from kilo_gateway.testing.cassettes.matching import Matcher
from kilo_gateway.testing.cassettes.modes import VCR_MODES
from kilo_gateway.testing.cassettes.naming import shown
from kilo_gateway.testing.cassettes.origin import EMBEDDED, is_gateway, origin_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vcr.request import Request

    from kilo_gateway.testing.cassettes.options import CassetteOptions
    from kilo_gateway.testing.cassettes.scrubbing import Scrubber
    from kilo_gateway.testing.cassettes.store import Store


class Cassette(VcrCassette):  # type: ignore[misc] # vcrpy has no types
    """Recorded answers of a gateway. `requests`, `responses`, `play_count` and `all_played` are vcrpy's."""

    def __init__(
        self,
        store: Store,
        mode: str,
        options: CassetteOptions,
        *,
        scrubber: Scrubber,
        base_url: str,
        how_to_record: str,
    ) -> None:
        self.file = store.path
        self.mode = mode
        self.options = options
        self.problems: list[CassetteError] = []
        """What this cassette has refused, be the error swallowed on its way or not."""
        self.lock = threading.RLock()
        self._exists = store.document is not None
        self._how_to_record = how_to_record
        self._scrubber = scrubber
        self._base_url = base_url
        self._matcher = Matcher(options.ignore, base_url)
        self._store = store
        super().__init__(
            path=str(store.path),
            persister=store,
            record_mode=VCR_MODES[mode],
            match_on=(self._matcher,),
            before_record_request=scrubber.request,
            before_record_response=scrubber.response,
            allow_playback_repeats=options.repeats,
        )
        self._load()
        self._from_disk = len(self.data)

    @property
    def origin(self) -> Mapping[str, Any] | None:
        """Where the answers came from, as it stands in the file; None while there is none."""
        return None if self._store.origin is None else self._store.origin.render()

    @property
    def provenance(self) -> str:
        """Which file this is, of which gateway and when, for a message."""
        return f"{shown(self.file)}, recorded from {self._store.origin.describe() if self._store.origin else '?'}"

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

    def is_of_gateway(self, request: Request) -> bool:
        """Return whether the request goes to a gateway."""
        return is_gateway(request.uri, request.headers, self._base_url)

    def concerns(self, request: Request) -> bool:
        """Return whether the request goes into this cassette; all others are none of its business."""
        return request.host in self.options.hosts or self.is_of_gateway(request)

    def find(self, request: Request, *, is_embedded: bool) -> dict[str, Any] | None:
        """Return the recorded answer, or None when the request is to be sent and recorded.

        `is_embedded` says that an embedded gateway would answer.

        Raises:
            NoMatchError: nothing fits, and nothing may be recorded.
            CassetteError: the cassette's other answers come from elsewhere.
        """
        __tracebackhide__ = True
        with self.lock:
            self._scrubber.learn_headers(request.headers)
            if self.can_play_response_for(request):
                answer: dict[str, Any] = self.play_response(request)
                return answer
            if self.write_protected:
                raise self._refusal(self._no_match(self.filter_request(request)))
            if is_embedded and self._from_disk:
                self._check_origin(EMBEDDED)
            return None

    def _check_origin(self, kind: str) -> None:
        known = self._store.origin
        if known is not None and known.kind != kind:
            raise self._refusal(
                CassetteError(
                    f"{shown(self.file)} holds answers of {known.kind}, and this one would come from {kind}: one "
                    "cassette tells one story. Set KILOCODE_API_KEY, or delete the file and record it anew:\n"
                    f"    {self._how_to_record}"
                )
            )

    def keep(self, request: Request, response: dict[str, Any]) -> None:
        """Add an answer that came just now.

        Raises:
            CassetteError: the cassette's other answers come from elsewhere.
        """
        plain = {name: ", ".join(values) for name, values in response["headers"].items()}
        today = datetime.now(UTC).date().isoformat()
        address, base_url = self._scrubber.address(request.uri), self._scrubber.address(self._base_url)
        with self.lock:
            if self.is_of_gateway(request):
                origin = origin_of(address, plain, base_url=base_url, today=today)
                if self._from_disk:
                    self._check_origin(origin.kind)
                self._store.origin = self._store.origin or origin
            self.append(request, response)

    def _no_match(self, request: Request) -> NoMatchError:
        used = [bool(self.play_counts[at]) for at in range(len(self.data))]
        situation = Situation(shown(self.file), self._exists, self._how_to_record, self.requests, used)
        message = explain_mismatch(request, situation, self._matcher)
        return NoMatchError(message, cassette=self, failed_request=request)

    def _refusal(self, error: CassetteError) -> CassetteError:
        self.problems.append(error)
        return error

    def close(self) -> None:
        """Write what was recorded.

        Raises:
            SecretFoundError: a secret would have been written.
        """
        self._save()

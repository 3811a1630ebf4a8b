"""`reasoning_details`: the readable text in them, and the merge of their streamed fragments.

The gateway wants the merged list back unchanged with the next request, so nothing in it is rewritten or made up.
"""

from __future__ import annotations

from typing import Any

from kilo_gateway.answer.thinking import REASONING_KEYS, thinking_text

_MERGED_TYPES = frozenset({"reasoning.text", "reasoning.summary", "reasoning.encrypted"})
_TEXT_KEYS = ("text", "summary")
_OPAQUE_KEYS = ("data", "signature")


def reasoning_text(delta_or_message: dict[str, Any]) -> str:
    """Return the readable reasoning of a delta or a message; "" without any."""
    return find_reasoning(delta_or_message)[1]


def find_reasoning(delta_or_message: dict[str, Any]) -> tuple[str, str]:
    """Return where the readable reasoning of a delta or a message stands, and its text, from one source only.

    The same words usually come twice. First choice: `text` of the details of type `reasoning.text`; then the first
    non-empty string of `reasoning`, `reasoning_content`, `reasoning_text`; then `summary` of the details; then what can
    be read of details of other types.
    """
    details = delta_or_message.get("reasoning_details")
    text = _join(details, "reasoning.text", "text")
    if text:
        return "reasoning.text", text
    for key in REASONING_KEYS:
        flat = delta_or_message.get(key)
        if isinstance(flat, str) and flat:
            return key, flat
    if not details:
        return "reasoning.summary", ""
    if summary := _join(details, "reasoning.summary", "summary"):
        return "reasoning.summary", summary
    items = details if isinstance(details, list) else []
    others = [item for item in items if isinstance(item, dict) and not _is_of_known_type(item)]
    return "reasoning.other", thinking_text(others)


def _join(details: Any, type_: str, key: str) -> str:
    if not isinstance(details, list):
        return ""
    items = [item for item in details if isinstance(item, dict) and item.get("type") == type_]
    return "".join([value for item in items if isinstance(value := item.get(key), str)])


class ReasoningDetails:
    """Merges the fragments of streamed `reasoning_details` into whole entries.

    Fragments belong together by type, index and id. Texts are concatenated; `data` and `signature` never are. A
    signature comes alone after the text that it signs, so text after a signature belongs to a new entry.
    """

    __slots__ = ("_entries", "_last", "_last_key", "_latest")

    def __init__(self) -> None:
        self._entries: list[_PartialDetail] = []
        self._latest: dict[tuple[Any, ...], _PartialDetail] = {}
        self._last: _PartialDetail | None = None  # the entry that grew last, and what its fragment was known by
        self._last_key: tuple[Any, ...] = ()

    def __bool__(self) -> bool:
        return bool(self._entries)

    def add(self, items: Any) -> None:
        """Take the `reasoning_details` of one delta; whatever is not an object is ignored."""
        if not isinstance(items, list):
            return
        for item in items:
            if not isinstance(item, dict):
                continue
            if not _is_mergeable(item):
                self._entries.append(_PartialDetail(item))
                continue
            key = (item["type"], item.get("index"), item.get("id"))
            if self._last is not None and key == self._last_key and self._last.accepts(item):
                self._last.absorb(item)
                continue
            entry = self._find(item)
            if entry is None:
                entry = _PartialDetail({})
                self._entries.append(entry)
            entry.absorb(item)
            self._remember(entry)
            self._last, self._last_key = entry, key

    def add_repeat(self, items: Any) -> None:
        """Take details that state the whole reasoning once more: their texts only where none came before."""
        said = {text for entry in self._entries for text in entry.texts().values()}
        for item in items if isinstance(items, list) else []:
            if isinstance(item, dict):
                is_said = {key for key in _TEXT_KEYS if isinstance(text := item.get(key), str) and text in said}
                self.add([{key: value for key, value in item.items() if key not in is_said}])

    def merged(self) -> list[dict[str, Any]]:
        """Return the entries so far, in the order of their first fragments."""
        return [entry.render() for entry in self._entries]

    def _find(self, item: dict[str, Any]) -> _PartialDetail | None:
        """Return the entry that the fragment continues; None when it begins one."""
        type_, index, id_ = item["type"], _parse_key(item.get("index")), _parse_key(item.get("id"))
        key: tuple[Any, ...] = (type_,) if index is None else (type_, index)
        if id_ is None:
            entry = self._latest.get(key)
        else:
            entry = self._latest.get((type_, index, id_))
            if entry is None:
                entry = self._latest.get(key)
                if entry is not None and _parse_key(entry.fields.get("id")) is not None:
                    return None
        return entry if entry is not None and entry.accepts(item) else None

    def _remember(self, entry: _PartialDetail) -> None:
        fields = entry.fields
        type_, index, id_ = fields["type"], _parse_key(fields.get("index")), _parse_key(fields.get("id"))
        self._latest[(type_,)] = entry
        if index is not None:
            self._latest[type_, index] = entry
        if id_ is not None:
            self._latest[type_, index, id_] = entry
            self._latest[type_, None, id_] = entry


class _PartialDetail:
    """One entry in the making: its keys in the order of their first appearance, its texts as pieces."""

    __slots__ = ("fields", "pieces")

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields = fields
        self.pieces: dict[str, list[str]] = {}

    def accepts(self, item: dict[str, Any]) -> bool:
        """Return whether the fragment can belong to this entry, by what it signs and encrypts."""
        is_sealed = False
        for key in _OPAQUE_KEYS:
            ours, theirs = self.fields.get(key), item.get(key)
            if ours and theirs and ours != theirs:
                return False
            is_sealed = is_sealed or bool(ours and not theirs)
        return not (is_sealed and any(item.get(key) for key in _TEXT_KEYS))

    def absorb(self, item: dict[str, Any]) -> None:
        """Take the keys of a fragment: texts are appended, of others the first value that says something stays."""
        fields = self.fields
        for key, value in item.items():
            if key in _TEXT_KEYS and isinstance(value, str):
                fields.setdefault(key, value)
                self.pieces.setdefault(key, []).append(value)
            elif fields.get(key) is None or (key in _OPAQUE_KEYS and not fields[key]):
                fields[key] = value

    def render(self) -> dict[str, Any]:
        """Return the entry as it goes back to the gateway."""
        return {**self.fields, **self.texts()}

    def texts(self) -> dict[str, str]:
        """Return the readable texts so far, by key."""
        return {key: "".join(pieces) for key, pieces in self.pieces.items()}


def _is_of_known_type(item: dict[str, Any]) -> bool:
    type_ = item.get("type")
    return isinstance(type_, str) and type_ in _MERGED_TYPES


def _is_mergeable(item: dict[str, Any]) -> bool:
    """Return whether the item is of a type whose fragments are known, and its texts are texts."""
    if not _is_of_known_type(item):
        return False
    return all(item.get(key) is None or isinstance(item[key], str) for key in _TEXT_KEYS)


def _parse_key(value: Any) -> int | float | str | None:
    """Return what can tell entries apart; None for null, "" and anything that is not a scalar."""
    return value if isinstance(value, int | float | str) and value != "" else None

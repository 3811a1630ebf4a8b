"""Thought signatures: which values stay, where they are looked for, and what is never rewritten."""

from __future__ import annotations

import base64
import binascii
import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_gateway.request.families import SignatureRule, rules_for
from kilo_gateway.request.thought_signatures import is_base64_signature, sanitize_signatures

RULES: list[SignatureRule] = ["base64", "msg_prefix"]
KEYS = ["thought_signature", "thoughtSignature"]

VALID = [
    *["AQID", "c2ln", "AQI=", "AQI", "AQ==", "AQ", " AQ ID ", "AQID====", "ab-_", "ab+/"],
    *["abcd", "skip_thought_signature_validator", "msg_abc", "msg_01XFDUDYJgAACcnSM2TTgQsA"],
    *["AQID= =", "AQ\nID\r\n", "\ufeffAQID", "AQ\u00a0ID\u3000", "A" * 40_000],
]
INVALID = [
    *["AQJ", "AQJ=", "AR", "A", "====", "", "   ", "AQ==ID", "ab+-"],
    *['{"id":1}', '{"type":"reasoning.encrypted","data":"c2ln"}', "hello!", "not base64"],
    *["hello", "reasoning", "reasoning_details", "reasoning_content", "msg_abc123", "msg_123", "sig_1", "call_1"],
    *[
        "ab_+",
        "AQ=ID",
        "AQ= ID",
        "=AQID",
        "AQID.",
        "ÀQID",
        "\uff21QID",
        "AQID\x00",
        "AQ\x85ID",
        "AQ\x1cID",
        "\u200bAQID",
        "A" * 40_001,
    ],
]
NOT_STRINGS: list[Any] = [None, 0, 12, 1.5, True, {}, {"a": "AQID"}, [], ["AQID"], b"AQID", bytearray(b"AQID")]


def clean(message: dict[str, Any], rule: SignatureRule = "base64") -> dict[str, Any]:
    """Sanitize one message, checking that it stays as it was."""
    before = copy.deepcopy(message)
    [cleaned] = sanitize_signatures([message], rule=rule)  # type: ignore[list-item]
    assert message == before
    assert (cleaned is message) == (cleaned == message)
    return cleaned  # type: ignore[return-value]


def assistant(*parts: Any, **rest: Any) -> dict[str, Any]:
    """Return an assistant message with a list of parts."""
    return {"role": "assistant", "content": list(parts), **rest}


@pytest.mark.parametrize("value", VALID)
def test_value_that_decodes_is_a_signature(value: str) -> None:
    """Base64 in either alphabet is a signature, whatever its padding and blanks."""
    assert is_base64_signature(value) is True


@pytest.mark.parametrize("value", [*INVALID, *NOT_STRINGS])
def test_value_that_does_not_decode_is_no_signature(value: Any) -> None:
    """Other characters, mixed alphabets, no bytes, loose bits and other types are no signature."""
    assert is_base64_signature(value) is False


def test_every_last_character_is_judged_by_its_bits() -> None:
    """Of the 64 characters exactly those without loose bits may end an incomplete group."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    for prefix, bits in (("A", 16), ("AA", 4), ("AAA", 1)):
        endings = [c for c in alphabet if is_base64_signature(prefix + c)]
        assert endings == [c for index, c in enumerate(alphabet) if index % bits == 0]


@pytest.mark.parametrize("value", [*INVALID, *NOT_STRINGS, "msg_abc", "msg_01XFDUDYJgAACcnSM2TTgQsA", " msg_abc"])
def test_gemini_part_loses_a_bad_signature_only(value: Any) -> None:
    """From a part of any type exactly the bad key goes; the part, its other keys and their order stay."""
    for kind in ("text", "thinking", "redacted_thinking", "toolCall", "image_url", None):
        others = {"thinkingSignature": "{}", "textSignature": "!", "signature": "!", "data": "!", "id": "call_1"}
        kept = {"type": kind, **others}
        for key in KEYS:
            cleaned = clean(assistant({"type": kind, key: value, **others}))
            assert cleaned == assistant(kept), (key, kind)
            assert list(cleaned["content"][0]) == list(kept), (key, kind)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("value", [v for v in VALID if not v.startswith("msg_")])
def test_gemini_part_keeps_a_good_signature_as_it_is(key: str, value: str) -> None:
    """A signature that decodes is kept byte for byte, blanks and padding included."""
    message = assistant({"type": "text", "text": "a", key: value})
    assert clean(message) is message


def test_the_two_keys_of_a_part_are_judged_apart() -> None:
    """A bad signature in one spelling does not take a good one in the other with it."""
    both_bad = {"type": "text", "thought_signature": "!", "thoughtSignature": None}
    snake_bad = {"thought_signature": "!", "thoughtSignature": "c2ln", "type": "text"}
    camel_bad = {"thought_signature": "c2ln", "thoughtSignature": 1, "type": "text"}
    assert clean(assistant(both_bad, snake_bad, camel_bad)) == assistant(
        {"type": "text"}, {"thoughtSignature": "c2ln", "type": "text"}, {"thought_signature": "c2ln", "type": "text"}
    )


def test_canonical_gemini_message() -> None:
    """A stored turn with a Claude id, a JSON value and two good signatures keeps all parts and the good two."""
    call_1 = {"type": "toolCall", "id": "call_1", "name": "f", "arguments": {}}
    call_2 = {"type": "toolCall", "id": "call_2", "thoughtSignature": "c2ln"}
    thinking = {"type": "thinking", "thinking": "t", "thought_signature": "c2ln"}
    message = assistant(
        {"type": "text", "text": "hi", "thought_signature": "msg_abc123"},
        thinking,
        {**call_1, "thoughtSignature": '{"id":1}'},
        call_2,
    )
    cleaned = clean(message)
    assert cleaned == assistant({"type": "text", "text": "hi"}, thinking, call_1, call_2)
    assert cleaned["content"][1] is thinking
    assert cleaned["content"][3] is call_2


@pytest.mark.parametrize("role", ["user", "tool", "system", "developer", "Assistant", "", None, 1])
@pytest.mark.parametrize("rule", RULES)
def test_other_roles_are_never_touched(role: Any, rule: SignatureRule) -> None:
    """Only messages of the role assistant are looked at."""
    message = {
        "role": role,
        "content": [{"type": "text", "thought_signature": "msg_1"}],
        "tool_calls": [{"thought_signature": "msg_1"}],
    }
    assert clean(message, rule) is message


@pytest.mark.parametrize(
    "message",
    [
        assistant(None, 5, "msg_1", ["thought_signature"], True, {}),
        assistant({"type": "x", "extra_content": {"google": {"thought_signature": "!"}}}),
        assistant({"type": "x", "function": {"thought_signature": "!"}}),
        assistant({"type": "x", "reasoning_details": [{"thought_signature": "!"}]}),
        assistant({"type": "x", "parts": [{"thought_signature": "!"}]}),
        assistant({"type": "x", "ThoughtSignature": "!", "thought-signature": "!", "signature": "!"}),
        {"role": "assistant", "content": "thought_signature: msg_1"},
        {"role": "assistant", "content": None},
        {"role": "assistant"},
        {"role": "assistant", "content": {"thought_signature": "!"}},
        {"role": "assistant", "content": "", "thought_signature": "!", "thoughtSignature": "!"},
        {
            "role": "assistant",
            "reasoning": "msg_1",
            "reasoning_details": [{"thought_signature": "!", "signature": "!"}],
        },
        {"role": "assistant", "tool_calls": None},
        {"role": "assistant", "tool_calls": "thought_signature"},
        {"role": "assistant", "tool_calls": {"thought_signature": "!"}},
        {"role": "assistant", "tool_calls": [None, 5, "x", [], {}]},
        {"role": "assistant", "tool_calls": [{"function": None, "extra_content": None}]},
        {"role": "assistant", "tool_calls": [{"function": "x", "extra_content": {"google": None}}]},
        {"role": "assistant", "tool_calls": [{"function": [{"thought_signature": "!"}], "extra_content": ["google"]}]},
        {"role": "assistant", "tool_calls": [{"extra_content": {"thought_signature": "!"}}]},
        {"role": "assistant", "tool_calls": [{"extra_content": {"vertex": {"thought_signature": "!"}}}]},
        {"role": "assistant", "tool_calls": [{"google": {"thought_signature": "!"}}]},
        {"role": "assistant", "tool_calls": [{"function": {"arguments": '{"thought_signature": "!"}'}}]},
        {"role": "assistant", "function_call": {"thought_signature": "!"}},
    ],
)
@pytest.mark.parametrize("rule", RULES)
def test_message_without_a_signature_in_its_place_is_the_same_object(
    message: dict[str, Any], rule: SignatureRule
) -> None:
    """What is odd, nested or elsewhere is passed on as the object that came in."""
    assert clean(message, rule) is message


def place(call: dict[str, Any], where: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Return the tool call with the fields at one of the three places."""
    if where == "call":
        return {**call, **fields}
    if where == "function":
        return {**call, "function": {**call["function"], **fields}}
    return {**call, "extra_content": {"vendor": {"x": 1}, "google": fields}}


@pytest.mark.parametrize("where", ["call", "function", "extra_content"])
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    ("value", "stays"),
    [("c2ln", True), (" AQ ID ", True), ("msg_abc123", False), ("msg_abc", False), ('{"id":1}', False), (None, False)],
)
def test_tool_call_of_gemini_keeps_good_signatures(where: str, key: str, value: Any, stays: bool) -> None:
    """At each of its three places a tool call loses a bad signature and nothing else, not even an emptied object."""
    call = {"id": "call_a-b|c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call, place(call, where, {key: value})]}
    cleaned = clean(message)
    assert cleaned["tool_calls"] == [call, place(call, where, {key: value} if stays else {})]
    assert cleaned["tool_calls"][0] is call
    assert (cleaned is message) is stays


def test_tool_call_is_cleaned_at_all_places_at_once() -> None:
    """Bad signatures in every place and both spellings go together, from content and tool calls alike."""
    bad = dict.fromkeys(KEYS, "msg_1")
    call = {"id": "1", **bad, "function": {"name": "f", **bad}, "extra_content": {"google": bad}}
    assert clean(assistant({"type": "text", **bad}, tool_calls=[call], reasoning_details=[bad])) == assistant(
        {"type": "text"},
        tool_calls=[{"id": "1", "function": {"name": "f"}, "extra_content": {"google": {}}}],
        reasoning_details=[bad],
    )


@pytest.mark.parametrize(
    ("fields", "after"),
    [
        ({"thought_signature": "msg_abc123"}, {}),
        ({"thought_signature": "msg_01XFDUDYJgAACcnSM2TTgQsA"}, {}),
        ({"thought_signature": "msg_"}, {}),
        ({"thought_signature": "msg_1", "thoughtSignature": "msg_1"}, {"thoughtSignature": "msg_1"}),
    ],
)
@pytest.mark.parametrize("where", ["call", "function", "extra_content"])
def test_other_models_lose_only_claude_ids(where: str, fields: dict[str, Any], after: dict[str, Any]) -> None:
    """Without Gemini only a snake-case signature that is a Claude message id goes, from parts and tool calls."""
    call = {"id": "1", "function": {"name": "f"}}
    message = assistant({"type": "text", **fields}, tool_calls=[place(call, where, fields)])
    assert clean(message, "msg_prefix") == assistant({"type": "text", **after}, tool_calls=[place(call, where, after)])


@pytest.mark.parametrize("value", ["c2ln", "hello!", '{"id":1}', "", " msg_1", "MSG_1", "xmsg_1", *NOT_STRINGS])
def test_other_models_keep_every_other_signature(value: Any) -> None:
    """Without Gemini a value that is no Claude message id stays, whether it decodes or not."""
    call = {"id": "1", "thought_signature": value, "thoughtSignature": value}
    message = assistant({"type": "text", "thought_signature": value, "thoughtSignature": value}, tool_calls=[call])
    assert clean(message, "msg_prefix") is message


@pytest.mark.parametrize(
    ("model_id", "after"),
    [
        ("google/gemini-3-pro-preview", {}),
        ("gemini-2.5-pro", {}),
        ("x/My-GEMINI-tune", {}),
        ("kilo/auto", {"thought_signature": "!"}),
        ("google/gemma-3-27b-it", {"thought_signature": "!"}),
        ("anthropic/claude-sonnet-4", {"thought_signature": "!"}),
    ],
)
def test_model_id_decides_the_rule(model_id: str, after: dict[str, Any]) -> None:
    """Only a Gemini id asks for base64; an automatic route does not, whatever it may lead to."""
    assert clean(assistant({"thought_signature": "!"}), rules_for(model_id).signature_rule) == assistant(after)


HISTORIES: dict[str, list[dict[str, Any]]] = {
    "assistant first": [{"role": "assistant", "content": "hi"}, {"role": "user", "content": "hello"}],
    "assistant alone": [assistant({"type": "text", "text": "hi"})],
    "two assistants": [assistant({"type": "text", "text": "a"}), assistant({"type": "text", "text": "b"})],
    "two users": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}],
    "system later": [{"role": "user", "content": "a"}, {"role": "system", "content": "b"}],
    "empty parts": [assistant({"type": "text", "text": ""}), assistant(), {"role": "assistant", "content": ""}],
    "unanswered call": [
        {"role": "assistant", "content": None, "tool_calls": [{"id": "a_b-c|d.e", "type": "function"}]}
    ],
    "orphaned result": [{"role": "tool", "tool_call_id": "a_b-c|d.e", "content": "r"}],
    "doubled result": [{"role": "tool", "tool_call_id": "1", "content": "r"}] * 2,
    "result before call": [
        {"role": "tool", "tool_call_id": "1", "content": "r"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function"}]},
    ],
    "call without a signature": [
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": {"name": "f"}}]},
        {"role": "tool", "tool_call_id": "1", "content": "r"},
    ],
    "thinking": [assistant({"type": "thinking", "thinking": "t"}, {"type": "redacted_thinking", "data": "d"})],
    "nothing": [],
    "odd": [None, 5, "x", [], {}],  # type: ignore[list-item]
}


@pytest.mark.parametrize("name", HISTORIES)
@pytest.mark.parametrize("rule", RULES)
def test_history_is_never_rewritten(name: str, rule: SignatureRule) -> None:
    """No turn is added, merged, moved or dropped, no id rewritten, no result made up, no signature put in."""
    history = HISTORIES[name]
    before = copy.deepcopy(history)
    cleaned = sanitize_signatures(history, rule=rule)  # type: ignore[arg-type]
    assert cleaned == before
    assert [id(message) for message in cleaned] == [id(message) for message in history]


@pytest.mark.parametrize("rule", RULES)
def test_only_the_messages_that_change_are_copied(rule: SignatureRule) -> None:
    """The list is new, each unchanged message is the old one, and any sequence is read."""
    same = assistant({"type": "text", "text": "a"})
    changed = assistant({"type": "text", "thought_signature": "msg_1"})
    user = {"role": "user", "content": "u"}
    history = (user, same, changed, user)
    cleaned = sanitize_signatures(history, rule=rule)  # type: ignore[arg-type]
    assert [new is old for new, old in zip(cleaned, history, strict=True)] == [True, True, False, True]
    messages: list[Any] = [user, same]
    assert sanitize_signatures(messages, rule=rule) is not messages


def decodes_and_encodes_back(value: str) -> bool:
    """Say the same as `is_base64_signature` by decoding, encoding and comparing."""
    blanks = "\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(map(chr, range(0x2000, 0x200B)))
    core = value.translate(dict.fromkeys(map(ord, blanks))).rstrip("=")
    is_url = "-" in core or "_" in core
    if is_url and ("+" in core or "/" in core):
        return False
    try:
        raw = base64.b64decode(core + "=" * (-len(core) % 4), altchars=b"-_" if is_url else None, validate=True)
    except (binascii.Error, ValueError):
        return False
    encoded = base64.urlsafe_b64encode(raw) if is_url else base64.b64encode(raw)
    return bool(raw) and encoded.rstrip(b"=").decode() == core


SIGNATURES = (
    st.text(alphabet="AQgwEIx048bz+/-_==  \n{é\x1c\x85\ufeff", max_size=14)
    | st.binary(max_size=12).map(lambda raw: base64.b64encode(raw).decode())
    | st.binary(max_size=12).map(lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("="))
    | st.sampled_from(["msg_1", "msg_abc", "c2ln", "!"])
    | st.text(max_size=8)
)


@given(SIGNATURES)
def test_signature_agrees_with_decoding_and_encoding(value: str) -> None:
    """A value is a signature exactly when its bytes, encoded again, give it back."""
    assert is_base64_signature(value) == decodes_and_encodes_back(value)


VALUES: st.SearchStrategy[Any] = SIGNATURES | st.none() | st.integers() | st.booleans() | st.just([]) | st.just({})
NAMES = [*KEYS, "google", "function", "extra_content", "type", "id"]
ITEMS = st.recursive(
    VALUES | st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4),
    lambda inner: st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=6,
)
ITEM_LISTS = st.lists(ITEMS, max_size=4) | VALUES
MESSAGES = st.fixed_dictionaries(
    {"role": st.sampled_from(["assistant", "assistant", "user", "tool"])},
    optional={"content": ITEM_LISTS, "tool_calls": ITEM_LISTS, "reasoning_details": ITEM_LISTS},
)


def with_signatures_masked(node: Any) -> Any:
    """Return the tree without any signature key, to compare the rest."""
    if isinstance(node, dict):
        return {key: with_signatures_masked(value) for key, value in node.items() if key not in KEYS}
    return [with_signatures_masked(value) for value in node] if isinstance(node, list) else node


@given(st.lists(MESSAGES, max_size=3), st.sampled_from(RULES))
def test_sanitation_of_any_history(history: list[Any], rule: SignatureRule) -> None:
    """Sanitation is done after one pass, changes no input, and drops nothing but signatures."""
    before = copy.deepcopy(history)
    cleaned: list[Any] = list(sanitize_signatures(history, rule=rule))
    assert history == before
    assert with_signatures_masked(cleaned) == with_signatures_masked(before)
    again = sanitize_signatures(cleaned, rule=rule)
    assert all(new is old for new, old in zip(again, cleaned, strict=True))
    for new, old in zip(cleaned, history, strict=True):
        assert (new is old) == (new == old)
        assert new.get("reasoning_details") is old.get("reasoning_details")
        for part in new["content"] if new["role"] == "assistant" and isinstance(new.get("content"), list) else []:
            values = [part[key] for key in KEYS if key in part] if isinstance(part, dict) else []
            if rule == "base64":
                assert all(is_base64_signature(value) and not value.lstrip().startswith("msg_") for value in values)
            elif isinstance(part, dict):
                assert not str(part.get("thought_signature")).startswith("msg_")

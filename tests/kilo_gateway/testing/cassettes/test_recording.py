"""`use_cassette`: recording with and without a key, replaying with no server, and nothing secret in the file."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from kilo_gateway import AsyncKiloClient, KiloClient
from kilo_gateway.errors import KiloError
from kilo_gateway.testing import (
    Account,
    CassetteError,
    EmbeddedGateway,
    Fault,
    NoMatchError,
    Reply,
    SecretFoundError,
    UnreadableCassetteError,
    UnusedInteractionsError,
    UnusedInteractionsWarning,
    check_cassettes,
    use_cassette,
)
from kilo_gateway.testing.cassettes.environment import PLACEHOLDER_KEY

pytestmark = pytest.mark.usefixtures("folder")

MODEL = "anthropic/claude-sonnet-4.6"
KEY = "kilo-real-key-0123456789"
SHAPED = "sk-or-v1-0123456789abcdef0123456789abcdef"
FILE = Path("cassettes/c.kilo.yaml")


def ask(text: str = "Hello", **arguments: Any) -> str:
    """Return the model's answer."""
    return str(KiloClient(model=MODEL, **arguments).complete([{"role": "user", "content": text}]).text)


def stream(text: str = "Hello") -> list[str]:
    """Return the pieces of a streamed answer."""
    return [delta.text or "" for delta in KiloClient(model=MODEL).stream([{"role": "user", "content": text}])]


@pytest.fixture
def own_gateway(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Serve a gateway that the environment names with a key, as the real one would be."""
    with EmbeddedGateway() as gateway:
        gateway.accounts.add(Account(key=KEY))
        monkeypatch.setenv("KILOCODE_API_KEY", KEY)
        monkeypatch.setenv("KILOCODE_BASE_URL", gateway.base_url)
        yield gateway


def test_recording_needs_no_key_and_replaying_no_server() -> None:
    """Without a key an embedded gateway answers the first time; afterwards the file does."""
    before = set(threading.enumerate())
    with use_cassette("c") as cassette:
        first = ask()
        assert os.environ["KILOCODE_BASE_URL"].startswith("http://127.0.0.1")
    assert (cassette.recorded, cassette.play_count) == (1, 0)
    assert "KILOCODE_BASE_URL" not in os.environ
    assert set(threading.enumerate()) <= before
    with use_cassette("c") as cassette:
        assert ask() == first
        assert os.environ["KILOCODE_API_KEY"] == PLACEHOLDER_KEY
    assert (cassette.recorded, cassette.play_count, cassette.all_played) == (0, 1, True)
    assert cassette.origin is not None
    assert cassette.origin["from"] == "embedded gateway"


def test_recording_with_a_key_asks_the_gateway_of_the_environment(own_gateway: EmbeddedGateway) -> None:
    """With a key the same lines ask the gateway that it is for, and the key stays out of the file."""
    with use_cassette("c"):
        ask()
    assert len(own_gateway.requests) == 1
    assert KEY not in FILE.read_text()
    with use_cassette("c"):
        ask()
        assert os.environ["KILOCODE_API_KEY"] == PLACEHOLDER_KEY
    assert len(own_gateway.requests) == 1
    assert os.environ["KILOCODE_API_KEY"] == KEY


def test_recording_twice_gives_the_same_file() -> None:
    """The embedded gateway's answers do not change, so that a new recording shows only what changed."""
    texts = []
    for _ in range(2):
        with use_cassette("c", record="rewrite"):
            stream()
            ask()
        texts.append(FILE.read_text())
    assert texts[0] == texts[1]


def test_sync_recordings_replay_for_async_clients() -> None:
    """What the blocking client recorded answers the awaiting one, streamed and whole."""

    async def again() -> list[str]:
        client = AsyncKiloClient(model=MODEL)
        return [delta.text or "" async for delta in client.stream([{"role": "user", "content": "Hello"}])]

    with use_cassette("c"):
        first = stream()
    with use_cassette("c"):
        assert asyncio.run(again()) == first


def test_async_recording_and_decorated_coroutines() -> None:
    """A coroutine function can be decorated; its file lies beside its module."""
    answers = []

    async def two() -> None:
        answers.append(await AsyncKiloClient(model=MODEL).complete([{"role": "user", "content": "Hello"}]))

    async def run() -> None:
        async with use_cassette("c"):
            await two()

    asyncio.run(run())
    asyncio.run(run())
    assert answers[0].text == answers[1].text


@pytest.mark.parametrize("pieces", ["recorded", "whole", "random:3", "random", 1, 17])
def test_pieces(pieces: Any, own_gateway: EmbeddedGateway) -> None:
    """A stream is replayed in its recorded pieces, whole, at random or byte by byte, and reads the same."""
    own_gateway.enqueue(Reply(text="Grüße an alle im Süden", pieces=[5, 40, 3]))
    with use_cassette("c"):
        first = stream()
    with use_cassette("c", pieces=pieces):
        assert stream() == first


def test_recorded_pieces_have_their_sizes(own_gateway: EmbeddedGateway) -> None:
    """Pieces arrive as the network delivered them, be they cut within an event."""
    own_gateway.enqueue(Reply(text="one two three", pieces=[7, 300], piece_delay_seconds=0.02))
    with use_cassette("c"):
        stream()
    assert "pieces: [7, 300, 7, 300" in FILE.read_text()
    with use_cassette("c"), httpx.Client() as client:
        body = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}], "stream": True}
        body["stream_options"] = {"include_usage": True}
        with client.stream("POST", f"{os.environ['KILOCODE_BASE_URL']}chat/completions", json=body) as response:
            assert [len(piece) for piece in response.iter_raw()][:4] == [7, 300, 7, 300]


def test_parallel_calls_are_answered_each_once() -> None:
    """Threads that ask at the same time each get one of the recorded answers."""

    def many() -> list[str]:
        answers: list[str] = []
        threads = [threading.Thread(target=lambda: answers.append(ask())) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers

    with use_cassette("c") as cassette:
        many()
    assert cassette.recorded == 8
    with use_cassette("c") as cassette:
        assert len(many()) == 8
    assert cassette.all_played


@pytest.mark.parametrize(
    ("mode", "exists", "recorded", "held"),
    [
        ("once", False, 1, 1),
        ("new_episodes", False, 1, 1),
        ("all", False, 1, 1),
        ("rewrite", False, 1, 1),
        ("new_episodes", True, 1, 2),
        ("all", True, 1, 2),
        ("rewrite", True, 1, 1),
    ],
)
def test_record_modes(mode: str, exists: bool, recorded: int, held: int) -> None:
    """The modes mean what they mean to vcrpy and pytest-recording."""
    if exists:
        with use_cassette("c"):
            ask("old")
    with use_cassette("c", record=mode) as cassette:
        ask("new")
    assert cassette.recorded == recorded
    assert FILE.read_text().count("- request:") == held


@pytest.mark.parametrize(("mode", "exists"), [("none", False), ("none", True), ("once", True)])
def test_modes_that_do_not_record(mode: str, exists: bool) -> None:
    """Where nothing may be recorded, an unknown request is refused with the reason."""
    if exists:
        with use_cassette("c"):
            ask("old")
    before = FILE.read_bytes() if exists else None
    with (
        pytest.raises(NoMatchError, match="recorded: 'old'" if exists else "There is no cassette"),
        use_cassette("c", record=mode),
    ):
        ask("new")
    assert (FILE.read_bytes() if FILE.exists() else None) == before


def test_nothing_is_recorded_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """In CI the mode is none, whatever the code says; only the variable wins over that."""
    monkeypatch.setenv("CI", "true")
    with pytest.raises(NoMatchError), use_cassette("c", record="all"):
        ask()
    monkeypatch.setenv("KILO_RECORD", "once")
    with use_cassette("c"):
        ask()


def test_a_swallowed_mismatch_fails_all_the_same() -> None:
    """A program that catches every error does not hide that its request changed."""
    with use_cassette("c"):
        ask("old")
    with pytest.raises(NoMatchError), use_cassette("c"):  # noqa: PT012 - the block is what such programs do
        try:
            ask("new")
        except Exception:  # noqa: BLE001 - see above
            ask("old")


def test_answers_left_over() -> None:
    """Answers that nobody asked for are a warning, and an error when strict."""
    with use_cassette("c"):
        ask("one")
        ask("two")
    with pytest.warns(UnusedInteractionsWarning, match=r"2: POST /api/gateway/chat/completions"), use_cassette("c"):
        ask("one")
    with pytest.raises(UnusedInteractionsError, match="KILO_RECORD=rewrite"), use_cassette("c", strict=True):
        ask("one")


def test_repeats() -> None:
    """An answer is given once, unless repeats are allowed."""
    with use_cassette("c"):
        ask()
    with pytest.raises(NoMatchError, match="now it is made again"), use_cassette("c"):
        assert ask() == ask()
    with use_cassette("c", repeats=True):
        assert ask() == ask()


def test_ignored_fields_may_change() -> None:
    """A field that is ignored may differ from what was recorded."""
    with use_cassette("c"):
        first = ask("It is 10:31. Hello")
    with use_cassette("c", ignore=["messages[*].content"]):
        assert ask("It is 10:32. Hello") == first


def test_discovery_is_forgotten_around_a_cassette() -> None:
    """A model list known from before is asked for again, and the recorded one is not kept afterwards."""
    for _ in range(2):
        with use_cassette("c", models=["openai/gpt-5-mini"]) as cassette:
            found = [model.id for model in KiloClient().list_models()]
        assert found[0] == "openai/gpt-5-mini"
        assert len(cassette) == 1
    with use_cassette("d"):
        assert len(KiloClient().list_models()) > 5


def test_a_model_that_outlives_its_cassette_records_in_the_next() -> None:
    """The next embedded gateway is found where the last one was."""
    with use_cassette("c"):
        client = KiloClient(model=MODEL)
        client.complete([{"role": "user", "content": "one"}])
    with use_cassette("d") as cassette:
        client.complete([{"role": "user", "content": "two"}])
    assert cassette.recorded == 1


SECRET_CALLS = {
    "in a message": lambda: ask(f"My key is {SHAPED}."),
    "in a streamed message": lambda: stream(f"Repeat: my key is {SHAPED}."),
    "in the environment's spelling": lambda: ask(f"My key is {KEY}."),
    "in a field": lambda: KiloClient(model=MODEL).complete([{"role": "user", "content": "x"}], user="user-77-of-acme"),
    "in the address": lambda: httpx.get(f"{os.environ['KILOCODE_BASE_URL']}models?api_key={KEY}&key={SHAPED}"),
    "in the path": lambda: httpx.get(f"{os.environ['KILOCODE_BASE_URL']}models/{SHAPED}"),
    "in a header": lambda: ask(default_headers={"Cookie": f"session={SHAPED}", "X-Other": SHAPED}),
    "of an account": lambda: httpx.get(
        os.environ["KILOCODE_BASE_URL"].replace("gateway/", "profile"),
        headers={"authorization": f"Bearer {KEY}", "x-kilocode-feature": "x"},
    ),
}


@pytest.mark.parametrize("where", SECRET_CALLS)
def test_secrets_of_requests_never_reach_the_disk(where: str, own_gateway: EmbeddedGateway) -> None:
    """A key or id in a message, an address, a header or a field is not in the file, and the call is replayed."""
    own_gateway.accounts.adjust(KEY, user_id="user-77-of-acme", email="somebody@acme.example", balance=77.125)
    for _ in range(2):
        with use_cassette("c") as cassette:
            SECRET_CALLS[where]()
    assert cassette.all_played
    text = FILE.read_text()
    for secret in (KEY, SHAPED, SHAPED[12:], "user-77-of-acme", "somebody@acme.example", "77.125"):
        assert secret not in text
    assert check_cassettes("cassettes") == []


def test_secrets_of_answers_never_reach_the_disk(own_gateway: EmbeddedGateway) -> None:
    """A key in an error's body, in a redirect, in cookies and in a stream is not in the file."""
    own_gateway.enqueue(
        Fault(status=400, body={"error": {"message": f"Key {KEY} of user u", "user_id": "user-77", "balance": -3.75}}),
        Fault(
            status=307, headers={"location": f"https://other.example/?api_key={SHAPED}", "set-cookie": f"a={SHAPED}"}
        ),
        Fault(status=500, body=f"<html>{SHAPED} {KEY}</html>"),
        Reply(text=f"Your key is {SHAPED}. Bye."),
    )
    with use_cassette("c"):
        for _ in range(3):
            with pytest.raises(KiloError):
                ask(max_retries=0)
        stream()
    text = FILE.read_text()
    for secret in (KEY, SHAPED, SHAPED[12:], "user-77", "3.75"):
        assert secret not in text
    assert "https://other.example/?api_key=redacted" in text
    assert "Key [redacted] of user u" in text
    with use_cassette("c"):
        for status in (400, 307, 500):
            with pytest.raises(KiloError) as caught:
                ask(max_retries=0)
            assert getattr(caught.value, "status", None) == status
        assert "".join(stream()) == "Your key is [redacted]. Bye."


def test_a_cassette_that_holds_a_key_is_refused() -> None:
    """A key that somebody put into a file by hand is found before the file is used, and never quoted."""
    with use_cassette("c"):
        ask()
    FILE.write_text(FILE.read_text().replace("Hello", f"Hello {SHAPED}"))
    with pytest.raises(SecretFoundError, match=r"c.kilo.yaml:\d+: holds an API key") as caught, use_cassette("c"):
        ask()
    assert SHAPED not in str(caught.value)


def test_a_cassette_that_cannot_be_read_is_named() -> None:
    """The error says which file and why."""
    FILE.parent.mkdir()
    FILE.write_text("kilo_cassette: 99\ninteractions: []\n")
    with (
        pytest.raises(UnreadableCassetteError, match=r"c.kilo.yaml cannot be read: it has format 99"),
        use_cassette("c"),
    ):
        ask()
    FILE.write_bytes(b"\xff\xfe")
    with pytest.raises(UnreadableCassetteError, match="not UTF-8"), use_cassette("c"):
        ask()


@pytest.mark.parametrize("mark", ["<<<<<<< HEAD", ">>>>>>> branch"])
def test_a_cassette_with_the_marks_of_a_merge_says_so(mark: str) -> None:
    """A merge that was not resolved is named with its line."""
    FILE.parent.mkdir()
    FILE.write_text(f"kilo_cassette: 1\n{mark}\ninteractions: []\n")
    with pytest.raises(UnreadableCassetteError, match="line 2: the mark of a merge"), use_cassette("c"):
        ask()


def test_a_cassette_that_cannot_be_written_is_named() -> None:
    """Where a file stands in the way of the folder, the error says which cassette and why."""

    def lose_the_folder() -> None:
        with use_cassette("c"):
            ask()
            FILE.parent.rmdir()
            FILE.parent.touch()

    FILE.parent.mkdir()
    with pytest.raises(CassetteError, match=r"c.kilo.yaml cannot be written: "):
        lose_the_folder()


def test_cassettes_beside_each_other_are_refused() -> None:
    """Two tasks or two threads with a cassette each get a sentence, and leave everything as it was."""
    before = httpx.HTTPTransport.handle_request

    async def one(name: str) -> str:
        async with use_cassette(name):
            await asyncio.sleep(0)
            return await asyncio.to_thread(ask)

    async def both() -> list[Any]:
        return await asyncio.gather(one("a"), one("b"), return_exceptions=True)

    first, second = asyncio.run(both())
    assert isinstance(first, str)
    assert isinstance(second, CassetteError)
    assert "b.kilo.yaml begins while another task or thread uses" in str(second)
    refused: list[CassetteError] = []

    def within() -> None:
        with pytest.raises(CassetteError, match="begins while another") as caught, use_cassette("b"):
            ask()
        refused.append(caught.value)

    def around() -> None:
        with use_cassette("c"):
            inner = threading.Thread(target=within)
            inner.start()
            inner.join()

    outer = threading.Thread(target=around)
    outer.start()
    outer.join()
    assert len(refused) == 1
    assert httpx.HTTPTransport.handle_request is before


def test_a_cassette_within_another_is_fine() -> None:
    """A task or a thread that was begun within a cassette may use one of its own."""

    async def inner() -> str:
        async with use_cassette("a"):
            return await asyncio.to_thread(ask)

    async def outer() -> list[str]:
        async with use_cassette("c"):
            return [await asyncio.create_task(inner()), await asyncio.to_thread(ask)]

    assert asyncio.run(outer()) == asyncio.run(outer())
    with use_cassette("c"):
        threaded: list[str] = []
        thread = threading.Thread(target=lambda: threaded.append(asyncio.run(inner())))
        thread.start()
        thread.join()
        assert threaded == [ask()]


def test_stories_are_not_mixed(own_gateway: EmbeddedGateway) -> None:
    """Answers of another gateway are not added to a cassette."""
    with use_cassette("c"):
        ask("old")
    FILE.write_text(FILE.read_text().replace("from: embedded gateway", "from: Kilo Gateway"))
    with pytest.raises(CassetteError, match="one cassette tells one story"), use_cassette("c", record="new_episodes"):
        ask("new")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"recrod": "none"}, None),
        ({"ignore": "messages"}, "ignore must be a list of texts"),
        ({"hosts": [1]}, "hosts must be a list of texts"),
        ({"pieces": "some"}, "pieces must be recorded, whole, random"),
        ({"colour": "red"}, "has no option colour"),
    ],
)
def test_wrong_options(arguments: dict[str, Any], message: str | None) -> None:
    """A misspelled or impossible option is refused at once."""
    with pytest.raises(CassetteError, match=message):
        use_cassette("c", **arguments)


def test_wrong_modes_and_uses() -> None:
    """An unknown mode, a missing name and a nested use are refused with the reason."""
    with pytest.raises(CassetteError, match="no record mode 'sometimes'"), use_cassette("c", record="sometimes"):
        ask()
    with pytest.raises(CassetteError, match="needs a name"), use_cassette():
        ask()
    use = use_cassette("c")
    with pytest.raises(CassetteError, match="in use already"), use, use:
        ask()
    with pytest.raises(CassetteError, match="is a generator"):
        use_cassette(lambda: (yield))


def test_everything_is_put_back_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong inside, transports and environment are as before."""
    monkeypatch.setenv("KILO_ORGANIZATION_ID", "org-1")
    before = (httpx.HTTPTransport.handle_request, httpx.AsyncHTTPTransport.handle_async_request, dict(os.environ))
    with pytest.raises(ZeroDivisionError), use_cassette("c"):
        assert (ask(), os.environ.get("KILO_ORGANIZATION_ID")) == 1 / 0
    after = (httpx.HTTPTransport.handle_request, httpx.AsyncHTTPTransport.handle_async_request, dict(os.environ))
    assert after == before

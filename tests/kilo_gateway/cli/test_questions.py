"""`chat` with one question, against the embedded gateway, as a process with pipes."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kilo_gateway.cli.chat.command import LEVELS
from kilo_gateway.request import reasoning
from kilo_gateway.testing import Fault, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing import EmbeddedGateway


def sent(gateway: EmbeddedGateway) -> dict[str, Any]:
    """Return the body of the last question."""
    return gateway.requests[-1].body


def asked(gateway: EmbeddedGateway) -> Any:
    """Return the last question's last message."""
    return sent(gateway)["messages"][-1]["content"]


def test_the_answer_is_all_there_is(gateway: EmbeddedGateway, run: Callable[..., Any]) -> None:
    """Without a terminal stdout is the answer to the byte, stderr is empty: no reasoning, no summary."""
    text = "a :smile: [b] x\ty \x1b[31mred\x1b[0m \r end " + "word " * 60
    gateway.enqueue(Reply(text=text, reasoning="They greet."))
    done = run("chat", "Hi", "--reasoning", "low", "-m", "anthropic/claude-sonnet-4.6")
    assert done.stdout_bytes == f"{text}\n".encode()
    assert done.stderr == ""
    assert sent(gateway)["reasoning"] == {"effort": "low"}


def test_a_newline_is_added_where_none_is(gateway: EmbeddedGateway, run: Callable[..., Any]) -> None:
    """An answer that ends with a newline gets no other one; where nothing arrives stdout stays empty."""
    gateway.enqueue(Reply(text="one\n"), Fault.named("usage_limit"))
    assert run("chat", "Hi").stdout == "one\n"
    refused = run("chat", "Hi", status=5)
    assert refused.stdout == ""
    assert refused.stderr.startswith("error: ")
    assert refused.stderr.count("\n") == 1


def test_the_answer_comes_as_it_arrives(gateway: EmbeddedGateway, start: Callable[..., Any]) -> None:
    """Each piece is written at once: what has come is shown while the rest is still to come."""
    gateway.enqueue(Fault(stall_after_events=3, stall_seconds=30, reply=Reply(text="one two three four five")))
    running = start("chat", "Hi")
    running.close_stdin()
    running.wait_for("one", stream="stdout")
    assert "five" not in running.stdout


@pytest.mark.parametrize(
    ("words", "stdin", "message"),
    [
        (("Sum it up.",), "a\nb\n", "a\nb\n\nSum it up."),
        (("Sum it up.",), "a", "a\n\nSum it up."),
        ((), "What?\n", "What?\n"),
        (("-",), "What?", "What?"),
        (("Hi",), "", "Hi"),
        (("Hi",), " \n", "Hi"),
        (("--no-stdin", "Hi"), "data", "Hi"),
        (("--", "-5 + 3?"), "", "-5 + 3?"),
        ((), b"\xef\xbb\xbfWith a mark", "With a mark"),
    ],
)
def test_where_the_prompt_comes_from(
    words: tuple[str, ...], stdin: str | bytes, message: str, gateway: EmbeddedGateway, run: Callable[..., Any]
) -> None:
    """Stdin, what was typed, or stdin, a blank line and what was typed; blank stdin is none."""
    run("chat", *words, stdin=stdin)
    assert asked(gateway) == message


def test_a_closed_stdin_is_none(gateway: EmbeddedGateway, start: Callable[..., Any]) -> None:
    """A prompt is asked without a stdin; without a prompt that is wrong usage."""
    assert start("chat", "Hi", closed=(0,)).wait() == 0
    assert asked(gateway) == "Hi"
    assert start("chat", closed=(0,)).wait() == 2


def test_a_silent_pipe_is_named(gateway: EmbeddedGateway, start: Callable[..., Any]) -> None:
    """An open pipe on which nothing comes gives one line that names --no-stdin; it is read all the same."""
    running = start("chat", "Sum it up.")
    running.wait_for("--no-stdin", stream="stderr")
    running.write(b"late")
    running.close_stdin()
    assert running.wait() == 0
    assert running.stderr.count("\n") == 1
    assert asked(gateway) == "late\n\nSum it up."


@pytest.mark.parametrize(
    ("words", "stdin", "names"),
    [
        ((), "", "chat"),
        (("",), "", "prompt"),
        (("  ",), " ", "prompt"),
        ((), b"\xff\xfe", "-a -"),
        (("Hi", "--reasoning", "lots"), "", "--reasoning"),
        (("Hi", "-o", "temprature=1"), "", "temperature"),
        (("Hi", "-o", "temprature", "1"), "", "temperature"),
        (("Hi", "-o", "temperature=hot"), "", "temperature"),
        (("Hi", "-o", "temperature"), "", "-o temperature"),
        (("Hi", "-o"), "", "-o"),
        (("Hi", "-o", "messages=[]"), "", "messages"),
        (("Hi", "--modle", "x"), "", "--model"),
        (("Hi", "-5 degrees"), "", "--"),
        (("Hi", "there"), "", "quotes"),
        (("Hi", "--base-url", "ftp://x"), "", "--base-url"),
        (("Hi", "-m", " "), "", "--model"),
        (("Hi", "--cl", "-1"), "", "--chain-limit"),
        (("Hi", "--key", "s3cr3t-value"), "", "KILOCODE_API_KEY"),
        (("Hi", "--log", "-n"), "", "--no-log"),
        (("Hi", "-c"), "", "logs on"),
        (("Hi", "--cid", "nope"), "", "logs on"),
    ],
)
def test_wrong_usage_sends_nothing(
    words: tuple[str, ...], stdin: str | bytes, names: str, gateway: EmbeddedGateway, run: Callable[..., Any]
) -> None:
    """Wrong usage ends with 2, one line that names what would be right, and no request."""
    done = run("chat", *words, stdin=stdin, status=2)
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert names in done.stderr
    assert "s3cr3t" not in done.stderr
    assert not gateway.requests


def test_options_in_both_spellings(gateway: EmbeddedGateway, run: Callable[..., Any]) -> None:
    """`-o NAME=VALUE` and `-o NAME VALUE` send JSON where it is JSON, else text."""
    words = ("-o", "temperature", "0.5", "-otop_p=0.9", "--option", 'stop=["a=b"]', "--option=verbosity", "low")
    run("chat", *words, "Hi", "-o", "seed", "7")
    body = sent(gateway)
    assert [body[name] for name in ("temperature", "top_p", "stop", "verbosity", "seed")] == [
        0.5,
        0.9,
        ["a=b"],
        "low",
        7,
    ]
    assert asked(gateway) == "Hi"


def test_levels_are_those_of_the_core() -> None:
    """The levels that are completed are those that are taken."""
    assert LEVELS == reasoning.LEVELS


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault.named("invalid_token"), 4),
        (Fault(status=402, body={"error": {"message": "no credits"}}), 5),
        (Fault(status=400, body={"error": {"message": "no"}}), 1),
        (Fault(status=404, body={"error": {"message": "no"}}), 1),
        (Fault(status=408, body={"error": {"message": "slow"}}), 3),
        (Fault(status=429, body={"error": {"message": "slow down"}}), 3),
        (Fault(status=500, body={"error": {"message": "oops"}}), 3),
        (Fault(status=503, body="html"), 3),
        (Fault(status=200, body="html"), 1),
        (Fault(cut_before_headers=True), 3),
        (Fault(cut_after_events=2, reply=Reply(text="one two three")), 3),
    ],
)
def test_exit_statuses(fault: Fault, status: int, gateway: EmbeddedGateway, run: Callable[..., Any]) -> None:
    """What a script may do next is in the exit status; stderr is one line in the command line's own words."""
    gateway.enqueue(fault)
    done = run("chat", "Hi", status=status, variables={"KILOCODE_MAX_RETRIES": "0"})
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    for word in ("Error:", "KiloClient", "api_key", "base_url ", "Traceback"):
        assert word not in done.stderr


def test_a_missing_key_sends_no_question(gateway: EmbeddedGateway, run: Callable[..., Any]) -> None:
    """Without a key a paid model ends with 4 before it is asked."""
    run("chat", "Hi", status=4, variables={"KILOCODE_API_KEY": None})
    assert not [one for one in gateway.requests if one.method == "POST"]


def test_no_connection_is_try_again(run: Callable[..., Any]) -> None:
    """A gateway out of reach ends with 3."""
    words = ("chat", "Hi", "--base-url", "http://127.0.0.1:9/")
    assert "127.0.0.1:9" in run(*words, status=3, variables={"KILOCODE_MAX_RETRIES": "0"}).stderr


def test_an_unknown_model_names_the_nearest(run: Callable[..., Any]) -> None:
    """An unknown model ends with 1 and up to three ids that look like it."""
    assert "anthropic/claude-sonnet-4.6" in run("chat", "Hi", "-m", "anthropic/claude-sonet-4.6", status=1).stderr


def test_what_had_arrived_stays(gateway: EmbeddedGateway, run: Callable[..., Any]) -> None:
    """A cut answer is on stdout as far as it came, with a newline; the error is on stderr."""
    gateway.enqueue(
        Fault(error_event={"error": {"code": 502, "message": "gone \x1b[31m"}}, after_events=2, reply=Reply(text="a b"))
    )
    done = run("chat", "Hi", status=3)
    assert done.stdout.startswith("a")
    assert done.stdout.endswith("\n")
    assert "gone" in done.stderr
    assert "\x1b" not in done.stderr


def test_json_is_one_object(gateway: EmbeddedGateway, run: Callable[..., Any]) -> None:
    """`--json` prints one object in ASCII, controls spelt out, with every key; stderr stays empty."""
    gateway.enqueue(Reply(text="Grüß \x1b\x7f\x9b Gott", reasoning="Hm."))
    done = run("chat", "Hi", "--json", "-u")
    assert done.stdout.isascii()
    assert "\x7f" not in done.stdout
    answer = json.loads(done.stdout)
    assert answer["text"] == "Grüß \x1b\x7f\x9b Gott"
    assert answer["reasoning"] == "Hm."
    keys = "text reasoning json model requested_model provider finish_reason usage cost conversation tool_calls"
    assert set(answer) == {*keys.split(), "attachments", "seconds"}
    assert set(answer["usage"]) == {"input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens"}
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("words", "status", "kind"),
    [
        (("chat", "Hi", "--json", "-m", "no/such"), 1, "model_not_found"),
        (("chat", "--json", "Hi", "--nope"), 2, "usage"),
    ],
)
def test_json_of_a_failure(words: tuple[str, ...], status: int, kind: str, run: Callable[..., Any]) -> None:
    """With `--json` a failure is an object on stdout, wrong usage too."""
    error = json.loads(run(*words, status=status).stdout)["error"]
    assert set(error) == {"type", "message", "status", "code", "retry", "partial"}
    assert error["type"] == kind


def test_a_refusal_is_not_what_was_asked(gateway: EmbeddedGateway, run: Callable[..., Any]) -> None:
    """An answer that is a refusal and nothing else ends with 6, its words on stderr."""
    message = {"role": "assistant", "content": None, "refusal": "I cannot help with that."}
    gateway.enqueue(Reply(body={"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}))
    done = run("chat", "Hi", "--no-stream", status=6)
    assert done.stdout == ""
    assert "I cannot help with that" in done.stderr


@pytest.mark.parametrize(("reason", "said"), [("content_filter", "content filter"), ("length", "max_tokens")])
@pytest.mark.parametrize("words", [("chat", "Hi"), ("chat", "Hi", "--no-stream"), ("chat", "Hi", "--json")])
def test_an_answer_without_a_word_says_why(
    reason: str, said: str, words: tuple[str, ...], gateway: EmbeddedGateway, run: Callable[..., Any]
) -> None:
    """One that a filter withheld, or whose thoughts used up its tokens, ends with 6 instead of nothing at all."""
    gateway.enqueue(Reply(text="", reasoning="Hm.", finish_reason=reason))
    done = run(*words, status=6)
    assert said in (json.loads(done.stdout)["error"]["message"] if "--json" in words else done.stderr)


def test_usage_in_any_case(gateway: EmbeddedGateway, run: Callable[..., Any]) -> None:
    """`-u` puts model, tokens and cost on stderr without a terminal."""
    gateway.enqueue(Reply(text="Hello", usage={"prompt_tokens": 3, "completion_tokens": 4, "cost": 0.00012}))
    assert run("chat", "Hi", "-u").stderr == "kilo-embedded/scripted-1 · Kilo Embedded · tokens 3/4 · $0.00012\n"


@pytest.mark.parametrize(
    ("option", "text", "printed"),
    [
        ("-x", "See:\n```py\nprint(1)\n```\nor\n~~~\ntwo\n~~~\n", "print(1)\n"),
        ("--xl", "See:\n```py\nprint(1)\n```\nor\n~~~\ntwo\n~~~\n", "two\n"),
        ("-x", "````md\n```py\n1\n```\n````", "```py\n1\n```\n"),
        ("-x", "no block", "no block\n"),
        ("-x", "1. do:\n   ```sh\n   ls\n   ```\n", "ls\n"),
    ],
)
def test_blocks_are_extracted(
    option: str, text: str, printed: str, gateway: EmbeddedGateway, run: Callable[..., Any]
) -> None:
    """`-x` and `--xl` print the content of the first or the last block; a longer fence holds shorter ones."""
    gateway.enqueue(Reply(text=text))
    assert run("chat", "Hi", option).stdout == printed


def test_no_stream_asks_for_a_whole_answer(gateway: EmbeddedGateway, run: Callable[..., Any]) -> None:
    """`--no-stream` sends a request that is not streamed."""
    gateway.enqueue(Reply(text="Whole."))
    assert run("chat", "Hi", "--no-stream", "-s", "Be brief.").stdout == "Whole.\n"
    assert not sent(gateway).get("stream")
    assert sent(gateway)["messages"][0] == {"role": "system", "content": "Be brief."}


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", None])
def test_every_encoding(encoding: str | None, gateway: EmbeddedGateway, run: Callable[..., Any]) -> None:
    """What an encoding cannot show is replaced; halves of characters are; nothing is raised."""
    event = 'data: {"choices":[{"index":0,"delta":{"content":"\\u2713 \\ud83d lone"},"finish_reason":"stop"}]}\n\n'
    gateway.enqueue(Reply(events=[event, "data: [DONE]\n\n"]))
    done = run("chat", "Hi", variables={"PYTHONIOENCODING": encoding, "LC_ALL": "C"})
    shown = "? ? lone\n" if encoding in {"ascii", "latin-1"} else "✓ \ufffd lone\n"
    assert done.stdout_bytes == shown.encode()


def test_the_reader_may_leave(gateway: EmbeddedGateway, start: Callable[..., Any]) -> None:
    """When nobody reads the answer any more it ends with 141, silently, also at the last flush."""
    gateway.enqueue(Reply(text="word " * 500, event_delay_seconds=0.01))
    reader, writer = os.pipe()
    running = start("chat", "Hi", files={"stdout": writer})
    running.close_stdin()
    os.close(writer)
    os.read(reader, 1)
    os.close(reader)
    assert running.wait() == 141
    assert running.stderr == ""
    assert gateway.wait_until(lambda: gateway.open_streams == 0)


@pytest.mark.parametrize("words", [("--help",), ("models",), ("settings", "--json"), ("--version",)])
def test_a_reader_that_left_before(words: tuple[str, ...], start: Callable[..., Any]) -> None:
    """Help and tables end with 141 where nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    running = start(*words, files={"stdout": writer})
    os.close(writer)
    assert running.wait() == 141
    assert running.stderr == ""


@pytest.mark.parametrize("words", [("chat", "Hi"), ("--help",), ("models", "--json")])
def test_a_full_disk_is_an_error(words: tuple[str, ...], start: Callable[..., Any]) -> None:
    """What cannot be written ends with 1 and a sentence."""
    with Path("/dev/full").open("wb") as full:
        running = start(*words, files={"stdout": full.fileno()})
        running.close_stdin()
        assert running.wait() == 1
    assert running.stderr.startswith("error: No space left")


@pytest.mark.parametrize(("number", "status"), [(2, 130), (15, 143)])
@pytest.mark.parametrize("words", [("-x",), ("--schema", "name")])
def test_a_signal_loses_no_part(
    words: tuple[str, ...], number: int, status: int, gateway: EmbeddedGateway, start: Callable[..., Any]
) -> None:
    """What had arrived is printed too where the text is printed at the end."""
    deltas = ['{"content":"one two"}', '{"reasoning":"thinking"}']  # the reasoning is seen, and came last
    events = [f'data: {{"choices":[{{"index":0,"delta":{delta}}}]}}\n\n' for delta in [*deltas, *deltas]]
    gateway.enqueue(Fault(stall_after_events=2, stall_seconds=30, reply=Reply(events=events)))
    running = start("chat", "Hi", *words, terminal=("stderr",))
    running.close_stdin()
    running.wait_for("thinking")
    running.interrupt(number)
    assert running.wait() == status
    assert running.stdout == "one two\n"
    assert "error" not in running.shown


@pytest.mark.parametrize(("number", "status"), [(2, 130), (15, 143)])
def test_a_signal_is_told_to_scripts(
    number: int, status: int, gateway: EmbeddedGateway, start: Callable[..., Any]
) -> None:
    """With `--json` an interrupt is an error object with what had arrived, and stderr stays empty."""
    gateway.enqueue(Fault(stall_after_events=4, stall_seconds=30, reply=Reply(text="one two three four")))
    running = start("chat", "Hi", "--json")
    running.close_stdin()
    assert gateway.wait_until(lambda: gateway.open_streams == 1)
    running.interrupt(number)
    assert running.wait() == status
    error = json.loads(running.stdout)["error"]
    assert error["type"] == "interrupted"
    assert error["partial"] is None or error["partial"].startswith("one")
    assert running.stderr == ""


def test_a_cut_stream_loses_no_part(gateway: EmbeddedGateway, run: Callable[..., Any]) -> None:
    """Where the text is printed at the end, what had arrived before the cut is printed before the error."""
    gateway.enqueue(Fault(cut_after_events=3, reply=Reply(text="one two three four")))
    done = run("chat", "Hi", "-x", status=3)
    assert done.stdout.startswith("one")
    assert done.stderr.startswith("error: ")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("chat", "Hi", "--cl", "-1"), "-1 is less than 0"),
        (("chat", "Hi", "--cl", "two"), "'two' is no whole number"),
        (("serve", "--port", "70000"), "70000 is more than 65535"),
        (("serve", "--delay-ms", "nan"), "'nan' is no number"),
        (("logs", "-n", "-1"), "-1 is less than 0"),
        (("logs", "-n", "9" * 20), f"{'9' * 20} is more than 1000000000"),
        (("chat", "Hi", "--cl", "9" * 400), " is more than 1000000000"),
        (("batch", "a", "b", "--grace", "inf"), "inf is more than 1000000000"),
        (("batch", "a", "b", "--concurrency", "0"), "0 is less than 1"),
        (("batch", "a", "b", "--row-timeout", "0"), "0 is not more than 0"),
    ],
)
def test_numbers_out_of_bounds(words: tuple[str, ...], why: str, run: Callable[..., Any]) -> None:
    """A number that an option cannot take is wrong usage, in words and not in formulas."""
    assert f"{why}. See kilo-gateway {words[0]}" in run(*words, status=2).stderr


@pytest.mark.parametrize(("number", "status"), [(2, 130), (15, 143), (1, 129)])
def test_signals_end_an_answer(number: int, status: int, gateway: EmbeddedGateway, start: Callable[..., Any]) -> None:
    """Ctrl-C, SIGTERM and SIGHUP close the request within a second; what had arrived stays, and no word more."""
    gateway.enqueue(Fault(stall_after_events=4, stall_seconds=30, reply=Reply(text="one two three four")))
    running = start("chat", "Hi")
    running.close_stdin()
    running.wait_for("one", stream="stdout")
    began = time.monotonic()
    running.interrupt(number)
    assert running.wait() == status
    assert gateway.wait_until(lambda: gateway.open_streams == 0)
    assert time.monotonic() - began < 2  # one on a machine that does nothing else
    assert running.stdout.startswith("one")
    assert running.stdout.endswith("\n")
    assert running.stderr == ""

"""Every content block goes out as the part it means, and pictures, sounds and sources come in as blocks."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import TYPE_CHECKING, Any, get_args

import pytest
from llama_index.core.base.llms.types import (
    AudioBlock,
    CacheControl,
    CachePoint,
    ChatMessage,
    CitableBlock,
    CitationBlock,
    ContentBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)

from kilo_gateway.errors import InvalidRequestError
from kilo_gateway.testing import Reply
from llama_index_kilo.content import render_parts
from llama_index_kilo.messages import render_messages

if TYPE_CHECKING:
    from pathlib import Path

    from kilo_gateway.testing import EmbeddedGateway
    from llama_index_kilo import KiloLLM

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
WAV = (
    b"RIFF$\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00D\xac\x00\x00\x88X\x01\x00\x02\x00\x10\x00data"
    + bytes(8)
)
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(8)
PDF = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n"
URL = "https://example.com/files/thing"
CACHE = CachePoint(cache_control=CacheControl(type="ephemeral"))


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


CASES: list[tuple[str, Any, list[dict[str, Any]]]] = [
    ("text", TextBlock(text="hi"), [_text("hi")]),
    (
        "image bytes",
        ImageBlock(image=PNG, detail="low"),
        [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{_b64(PNG)}", "detail": "low"}}],
    ),
    (
        "image file object",
        ImageBlock(image=BytesIO(PNG)),
        [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{_b64(PNG)}"}}],
    ),
    ("image url", ImageBlock(url=f"{URL}.png"), [{"type": "image_url", "image_url": {"url": f"{URL}.png"}}]),
    (
        "image data url",
        ImageBlock(url="data:image/png;base64,aGk="),
        [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}],
    ),
    (
        "audio bytes",
        AudioBlock(audio=WAV),
        [{"type": "input_audio", "input_audio": {"data": _b64(WAV), "format": "wav"}}],
    ),
    (
        "audio file object",
        AudioBlock(audio=BytesIO(WAV)),
        [{"type": "input_audio", "input_audio": {"data": _b64(WAV), "format": "wav"}}],
    ),
    (
        "audio data url",
        AudioBlock(url="data:audio/mpeg;base64,aGk="),
        [{"type": "input_audio", "input_audio": {"data": "aGk=", "format": "mp3"}}],
    ),
    (
        "audio url",
        AudioBlock(url=f"{URL}.mp3", format="mp3"),
        [{"type": "input_audio", "input_audio": {"data": f"{URL}.mp3", "format": "mp3"}}],
    ),
    (
        "video bytes",
        VideoBlock(video=MP4),
        [{"type": "video_url", "video_url": {"url": f"data:video/mp4;base64,{_b64(MP4)}"}}],
    ),
    (
        "video url",
        VideoBlock(url=f"{URL}.mp4", fps=2),
        [{"type": "video_url", "video_url": {"url": f"{URL}.mp4", "fps": 2}}],
    ),
    (
        "document bytes",
        DocumentBlock(data=PDF, title="Report"),
        [{"type": "file", "file": {"filename": "Report", "file_data": f"data:application/pdf;base64,{_b64(PDF)}"}}],
    ),
    (
        "document file object",
        DocumentBlock(data=BytesIO(PDF), document_mimetype="application/pdf"),
        [
            {
                "type": "file",
                "file": {"filename": "input_document", "file_data": f"data:application/pdf;base64,{_b64(PDF)}"},
            }
        ],
    ),
    (
        "document url",
        DocumentBlock(url=f"{URL}.pdf"),
        [{"type": "file", "file": {"filename": "thing.pdf", "file_data": f"{URL}.pdf"}}],
    ),
    (
        "citable",
        CitableBlock(title="Title", source="book", content=[TextBlock(text="words"), ImageBlock(url=f"{URL}.png")]),
        [_text("Title (book):"), _text("words"), {"type": "image_url", "image_url": {"url": f"{URL}.png"}}],
    ),
    (
        "citation",
        CitationBlock(cited_content="words", source=URL, title="Title", additional_location_info={}),
        [_text(f"Cited from Title ({URL}):"), _text("words")],
    ),
]


ROLES = ("tool", "user", "system")


@pytest.mark.parametrize(("block", "parts"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_block_to_part(gateway: EmbeddedGateway, llm: KiloLLM, block: Any, parts: list[dict[str, Any]]) -> None:
    """A block becomes its part in a message of any role, beside a picture so that content is a list."""
    gateway.enqueue(Reply(text="ok"))
    call = ChatMessage(role="assistant", blocks=[ToolCallBlock(tool_call_id="c", tool_name="f", tool_kwargs={})])
    blocks = [block, ImageBlock(url=f"{URL}.gif")]
    given = [ChatMessage(role=r, blocks=blocks, additional_kwargs={"tool_call_id": "c"}) for r in ROLES]
    llm.chat([ChatMessage(content="x"), call, *given])
    for sent in gateway.requests[-1].body["messages"][2:]:
        assert sent["content"] == [*parts, {"type": "image_url", "image_url": {"url": f"{URL}.gif"}}]


def test_every_block_type_has_a_case() -> None:
    """LlamaIndex has no block type that this file does not know; a new one must be decided on."""
    known = {type(block) for _, block, _ in CASES} | {CachePoint, ThinkingBlock, ToolCallBlock}
    assert set(get_args(get_args(ContentBlock)[0])) == known


def test_files_are_read(tmp_path: Path) -> None:
    """A local path is read, and its name tells the kind where its bytes do not."""
    (tmp_path / "a.png").write_bytes(PNG)
    (tmp_path / "notes.md").write_bytes(b"# Notes")
    (tmp_path / "a.wav").write_bytes(WAV)
    image, audio, notes = render_parts(
        [
            ImageBlock(path=tmp_path / "a.png"),
            AudioBlock(path=tmp_path / "a.wav"),
            DocumentBlock(path=str(tmp_path / "notes.md"), document_mimetype="text/markdown"),
        ]
    )
    assert image["image_url"]["url"] == f"data:image/png;base64,{_b64(PNG)}"
    assert audio["input_audio"] == {"data": _b64(WAV), "format": "wav"}
    assert notes["file"] == {"filename": "notes.md", "file_data": f"data:text/markdown;base64,{_b64(b'# Notes')}"}


@pytest.mark.parametrize(
    ("blocks", "words"),
    [
        ([ImageBlock()], "ImageBlock has no data"),
        ([DocumentBlock(data=BytesIO(b""))], "no bytes"),
        ([ImageBlock(image=BytesIO(b"what is this"))], "MIME type"),
        ([CACHE], "CachePoint"),
        ([AudioBlock(url="data:audio/wav,plain")], "base64"),
        ([DocumentBlock(path="/no/such/file.pdf", document_mimetype="application/pdf")], "cannot be read"),
    ],
)
def test_what_cannot_be_sent_is_named(blocks: list[Any], words: str) -> None:
    """A block that cannot be sent is a typed error that names it; nothing is dropped silently."""
    with pytest.raises(InvalidRequestError, match=words):
        render_parts(blocks)


def test_cache_point_marks_the_part_before_it(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """A cache point becomes cache_control of the block before it, in any role."""
    gateway.enqueue(Reply(text="ok"))
    long = CachePoint(cache_control=CacheControl(type="ephemeral", ttl="1h"))
    ask.chat(
        llm,
        [
            ChatMessage(role="system", blocks=[TextBlock(text="rules"), long]),
            ChatMessage(role="user", blocks=[TextBlock(text="one"), CACHE, TextBlock(text="two")]),
            ChatMessage(role="assistant", blocks=[TextBlock(text="three"), CACHE]),
            ChatMessage(role="user", content="four"),
        ],
    )
    system, user, assistant, plain = gateway.requests[-1].body["messages"]
    assert system["content"] == [_text("rules") | {"cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    assert user["content"] == [_text("one") | {"cache_control": {"type": "ephemeral", "ttl": "5m"}}, _text("two")]
    assert assistant["content"] == [_text("three") | {"cache_control": {"type": "ephemeral", "ttl": "5m"}}]
    assert plain["content"] == "four"


def test_texts_are_joined_as_llamaindex_joins_them(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """Several texts alone are one text, the one that `message.content` shows."""
    gateway.enqueue(Reply(text="ok"))
    message = ChatMessage(blocks=[TextBlock(text="one"), TextBlock(text="two")])
    ask.chat(llm, [message])
    assert gateway.requests[-1].body["messages"][0]["content"] == message.content == "one\ntwo"


ANNOTATIONS = [
    {
        "type": "url_citation",
        "url_citation": {"url": URL, "title": "T", "content": "quote", "start_index": 3, "end_index": 9},
    },
    {"type": "file", "file": {"hash": "abc", "name": "a.pdf", "content": [{"type": "text", "text": "parsed"}]}},
]
PICTURE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{_b64(PNG)}"}}


def test_images_and_annotations_come_in(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """Made images are ImageBlocks and web sources CitationBlocks, streamed or not; images and parsed files go back."""
    gateway.enqueue(Reply(text="see", images=[PICTURE], annotations=ANNOTATIONS, times=2), Reply(text="ok", times=2))
    for response in (ask.chat(llm, "hi"), ask.stream(llm, "hi")[-1]):
        image = next(block for block in response.message.blocks if isinstance(block, ImageBlock))
        assert (image.resolve_image().read(), image.image_mimetype) == (PNG, "image/png")
        citation = next(block for block in response.message.blocks if isinstance(block, CitationBlock))
        assert (citation.source, citation.title, citation.cited_content.text) == (URL, "T", "quote")
        assert citation.additional_location_info == {"start_index": 3, "end_index": 9}
        assert response.message.content == "see"
        assert response.additional_kwargs["annotations"] == ANNOTATIONS
        assert response.additional_kwargs["images"] == [PICTURE]
        stored = ChatMessage.model_validate_json(response.message.model_dump_json())
        ask.chat(llm, [ChatMessage(content="hi"), stored, ChatMessage(content="and?")])
        sent = gateway.requests[-1].body["messages"][1]
        assert (sent["content"], sent["images"], sent["annotations"]) == ("see", [PICTURE], ANNOTATIONS[1:])


def test_image_alone(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """An answer that is only an image, by URL, has its block and no text."""
    picture = {"type": "image_url", "image_url": {"url": f"{URL}.png"}}
    gateway.enqueue(Reply(text="", images=[picture], reasoning="drawing", times=2))
    for response in (ask.chat(llm, "hi"), ask.stream(llm, "hi")[-1]):
        assert [block.block_type for block in response.message.blocks] == ["thinking", "image"]
        assert str(response.message.blocks[1].url) == f"{URL}.png"
        assert not response.message.content


def test_audio_comes_in(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """A spoken answer is an AudioBlock, and goes back by its id."""
    message = {"role": "assistant", "content": None, "audio": {"id": "a", "data": _b64(WAV), "transcript": "hello"}}
    body = {"id": "g", "model": "m", "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}
    gateway.enqueue(Reply(body=body))
    answer = ask.chat(llm, "hi").message
    [block] = answer.blocks
    assert isinstance(block, AudioBlock)
    assert block.resolve_audio().read() == WAV
    gateway.enqueue(Reply(text="ok"))
    ask.chat(llm, [ChatMessage(content="hi"), answer, ChatMessage(content="and?")])
    assert gateway.requests[-1].body["messages"][1] == {"role": "assistant", "content": None, "audio": {"id": "a"}}


@pytest.mark.parametrize(
    "message",
    [
        {"content": "x", "images": [None, {}, {"image_url": None}, {"image_url": {"url": 3}}, {"image_url": "no url"}]},
        {"content": "x", "annotations": [None, {"url_citation": None}, {"url_citation": {"url": None, "title": 3}}]},
        {"content": "x", "audio": {"data": 3}},
        {"content": "x", "tool_calls": None, "reasoning_details": "text", "refusal": 3},
        {"content": [{"type": "text", "text": "x"}, {"type": "image_url"}, None, 3]},
    ],
)
def test_odd_answers_are_survived(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any, message: dict[str, Any]) -> None:
    """Odd values beside the text cost the answer nothing but themselves."""
    body = {"id": "g", "model": "m", "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}
    gateway.enqueue(Reply(body=body))
    assert ask.chat(llm, "hi").message.content == "x"


def test_log_probabilities(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """Log probabilities come as LlamaIndex has them: for each token its alternatives."""
    tokens = [
        {
            "token": "a",
            "logprob": -0.5,
            "bytes": [97],
            "top_logprobs": [{"token": "a", "logprob": -0.5}, {"token": "b"}],
        },
        {"token": "c", "logprob": -1, "bytes": None},
    ]
    choice = {"index": 0, "finish_reason": "stop", "message": {"content": "ac"}, "logprobs": {"content": tokens}}
    gateway.enqueue(Reply(body={"id": "g", "model": "m", "choices": [choice]}))
    found = ask.chat(llm, "hi", logprobs=True).logprobs
    assert [[(item.token, item.logprob) for item in token] for token in found] == [
        [("a", -0.5), ("b", 0.0)],
        [("c", -1.0)],
    ]


class _OtherText(TextBlock):
    """A text that is not written the short way."""


@pytest.mark.parametrize("role", list(MessageRole))
@pytest.mark.parametrize("text", ["Yes.", ""])
@pytest.mark.parametrize(
    "extra", [{}, {"name": "ann"}, {"refusal": "No."}, {"audio": {"id": "a1"}}, {"tool_call_id": "c1"}], ids=str
)
def test_texts_of_a_history_are_written_as_ever(role: MessageRole, text: str, extra: dict[str, Any]) -> None:
    """A message that is a text is written without a look for all the rest, and the same comes of it."""
    call = ChatMessage(role="assistant", blocks=[ToolCallBlock(tool_call_id="c1", tool_name="f", tool_kwargs={})])
    messages = [
        [call, ChatMessage(role=role, blocks=[kind(text=text)], additional_kwargs={"tool_call_id": "c1", **extra})]
        if role in (MessageRole.TOOL, MessageRole.FUNCTION)
        else [ChatMessage(role=role, blocks=[kind(text=text)], additional_kwargs=extra)]
        for kind in (TextBlock, _OtherText)
    ]
    assert render_messages(messages[0]) == render_messages(messages[1])

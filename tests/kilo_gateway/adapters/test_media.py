"""Media types by name and by bytes: one table for both adapters."""

from __future__ import annotations

import base64

import pytest
from langchain_core.messages import HumanMessage
from llama_index.core.base.llms.types import AudioBlock, ChatMessage

from kilo_gateway.adapters.media import audio_format, sniff_mime_type, split_data_url
from langchain_kilo.messages import render_messages as render_langchain
from llama_index_kilo.messages import render_messages as render_llama_index

FORMATS = [
    ("audio/mpeg", "mp3"),
    ("audio/mpga", "mp3"),
    ("audio/x-mp3", "mp3"),
    ("audio/mp4", "m4a"),
    ("audio/x-m4a", "m4a"),
    ("audio/x-flac", "flac"),
    ("audio/L16", "pcm16"),
    ("audio/l16;rate=24000;channels=1", "pcm16"),
    ("audio/vnd.wave", "wav"),
    ("audio/x-pn-wav", "wav"),
    ("audio/ogg; codecs=opus", "ogg"),
    ("audio/x-aiff", "aiff"),
    ("opus", "opus"),
]


@pytest.mark.parametrize(("mime_type", "word"), FORMATS)
def test_audio_formats(mime_type: str, word: str) -> None:
    """An audio type goes by the wire's word for it."""
    assert audio_format(mime_type) == word


@pytest.mark.parametrize(("mime_type", "word"), FORMATS[:7])
def test_both_adapters_name_a_sound_alike(mime_type: str, word: str) -> None:
    """The same sound is sent as the same part, whichever framework it came from."""
    data = base64.b64encode(b"sound").decode()
    block = {"type": "audio", "base64": data, "mime_type": mime_type}
    langchain = render_langchain([HumanMessage([block])])[0]["content"]
    sound = AudioBlock(url=f"data:{mime_type};base64,{data}")
    llama_index = render_llama_index([ChatMessage(role="user", blocks=[sound])])[0]["content"]
    part = {"type": "input_audio", "input_audio": {"data": data, "format": word}}
    assert (langchain, llama_index) == ([part], [part])


@pytest.mark.parametrize(
    ("head", "mime_type"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"RIFF\x00\x00\x00\x00WEBP", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVE", "audio/wav"),
        (b"\x00\x00\x00\x20ftypM4A ", "audio/mp4"),
        (b"\x00\x00\x00\x20ftypisom", "video/mp4"),
        (b"\x00\x00\x00\x20ftypheic", "image/heic"),
        (b"nothing known", None),
    ],
)
def test_first_bytes_show_the_type(head: bytes, mime_type: str | None) -> None:
    """A media type is told from the first bytes, or not at all."""
    assert sniff_mime_type(base64.b64encode(head + bytes(40)).decode()) == mime_type


def test_data_urls() -> None:
    """Only a base64 data URL is split; a type that is not named is None."""
    assert split_data_url("data:image/png;base64,QUJD") == ("image/png", "QUJD")
    assert split_data_url("data:image/png;x=1;base64,QUJD") == ("image/png", "QUJD")
    assert split_data_url("data:;base64,QUJD") == (None, "QUJD")
    assert split_data_url("https://a.example/b,c") is None

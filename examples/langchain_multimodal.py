"""Pictures and files in a message, as LangChain's standard content blocks; sound and video go the same way.

Needs `pip install langchain-kilo`.
"""

from __future__ import annotations

import base64
import struct
import zlib

from _gateway import a_gateway
from langchain_core.messages import HumanMessage

from langchain_kilo import ChatKilo


def png(red: int, green: int, blue: int) -> bytes:
    """Return a picture of one dot."""

    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    dot = zlib.compress(bytes([0, red, green, blue]))
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", dot) + part(b"IEND", b"")


def main() -> None:
    """See what the model takes, then send a picture by its bytes, one by its address, and a text."""
    model = ChatKilo(model="google/gemini-3-flash-preview")
    picture = base64.b64encode(png(200, 30, 30)).decode()
    for name in ("image_inputs", "audio_inputs", "video_inputs", "pdf_inputs"):
        print(f"{name:<13}", (model.profile or {}).get(name))
    message = HumanMessage(
        [
            {"type": "text", "text": "Here are the sign at the platform and the timetable. When does the train leave?"},
            {"type": "image", "base64": picture, "mime_type": "image/png"},
            {"type": "image", "url": "https://upload.wikimedia.org/wikipedia/commons/4/47/PNG_transparency_demo.png"},
            {"type": "text-plain", "text": "The night train leaves at 20:29.", "mime_type": "text/plain"},
        ]
    )
    answer = model.invoke([message])
    for block in answer.content_blocks:
        print(f"{block['type']:<8}", block.get("text") or block.get("url"))


if __name__ == "__main__":
    with a_gateway():
        main()

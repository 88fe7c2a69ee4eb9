"""Text for terminals that know few letters: sigma for σ, +- for ±, and no crash."""

from __future__ import annotations

import codecs
import unicodedata
from typing import Any

PLAIN = {
    "±": "+-", "·": "*", "∘": "*", "×": "x", "∂": "d", "√": "sqrt ", "Σ": "sum ",
    "∫": "integral ", "∞": "inf", "∈": "in", "≤": "<=", "≥": ">=", "≠": "!=",
    "≈": "~", "→": "->", "←": "<-", "∇": "grad ", "−": "-", "–": "-", "—": "-",
    "²": "^2", "³": "^3", "…": "...", "’": "'", "‘": "'", "“": '"', "”": '"',
}  # fmt: skip


def spelled(text: str) -> str:
    """Text in ASCII: signs by the table, Greek by name, letters without their accents."""
    return "".join(map(_one, text))


def _one(letter: str) -> str:
    if letter.isascii():
        return letter
    if letter in PLAIN:
        return PLAIN[letter]
    name = unicodedata.name(letter, "")
    if name.startswith("GREEK"):
        return name.split()[-1].lower()
    bare = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
    return bare or "?"


def _spell(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return spelled(error.object[error.start : error.end]), error.end


codecs.register_error("minibnn", _spell)


def spell(*streams: Any) -> None:
    """From now on these streams spell out what their encoding cannot write."""
    for stream in streams:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="minibnn")

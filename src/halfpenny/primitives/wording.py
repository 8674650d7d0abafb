"""Number agreement in what people read."""

from __future__ import annotations


def counted(number: int, singular: str, plural: str = "") -> str:
    """``1 problem``, ``2 problems``; ``plural`` is for nouns that do not take an s."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"

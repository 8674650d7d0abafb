"""The language of a page, and its messages. English is the source; others are gettext catalogues."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.core import negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

LANGUAGES: Final[Mapping[str, str]] = {"en": "English", "pl": "Polski"}
DEFAULT: Final = "en"
COOKIE: Final = "halfpenny_language"
_FOLDER = Path(__file__).parent / "translations"


def choose(asked: str | None, stored: str | None, accept_language: str | None) -> str:
    """The page's language: what the reader chose now, chose before, or their browser prefers."""
    for candidate in (asked, stored):
        if candidate is not None and candidate in LANGUAGES:
            return candidate
    preferred = _by_preference(accept_language or "")
    return negotiate_locale(preferred, [*LANGUAGES], sep="-") or DEFAULT


def _by_preference(accept_language: str) -> list[str]:
    """The languages of an Accept-Language header (RFC 9110, 12.5.4), most wanted first."""
    weighted = []
    # Nobody speaks more languages than this; a longer header is not worth reading.
    for position, part in enumerate(accept_language[:500].split(",")[:20]):
        tag, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        if tag and weight > 0:
            weighted.append((-weight, position, tag))
    return [tag for _, _, tag in sorted(weighted)]


@cache
def translations(language: str) -> NullTranslations:
    """The catalogue of a language, read from its .po file once: there is no compiled copy to go stale."""
    if language == DEFAULT:
        return NullTranslations()
    with (_FOLDER / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)

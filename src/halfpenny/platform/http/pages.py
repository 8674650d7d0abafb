"""What the pages of features stand on: the layout, which lies above them, and plain forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Protocol
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from starlette.responses import Response

from halfpenny.primitives.errors import HalfpennyError, Malformed

_MOST_FIELDS: Final = 50


def translatable(text: str) -> str:
    """The text itself, marked for the catalogues of web/translations where it is called ``_``."""
    return text


def translatable_in(_context: str, text: str) -> str:
    """As ``translatable``, for a text that is translated otherwise in ``_context`` (gettext's msgctxt)."""
    return text


class MalformedForm(Malformed):
    code = "malformed_form"
    message = "The form cannot be read."


class PageRenderer(Protocol):
    """The layout. The application hands it to the features."""

    def render(self, request: Request, template: str, context: Mapping[str, Any], *, status: int = 200) -> Response: ...

    def failure(self, request: Request, error: HalfpennyError) -> Response: ...


def _pages(request: Request) -> PageRenderer:
    found: PageRenderer = request.app.state.pages
    return found


AppPages = Annotated[PageRenderer, Depends(_pages)]


async def form_fields(request: Request) -> dict[str, str]:
    """The fields of a plain form (application/x-www-form-urlencoded), each once. Raises MalformedForm."""
    try:
        pairs = parse_qsl(
            (await request.body()).decode("utf-8"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError as error:
        raise MalformedForm() from error
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise MalformedForm()
    # Browsers send line breaks as CR LF; texts are kept with LF.
    return {name: value.replace("\r\n", "\n") for name, value in fields.items()}


FormFields = Annotated[dict[str, str], Depends(form_fields)]

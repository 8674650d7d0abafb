"""The explorer of the REST interface: Swagger UI from our own files, because its stock page loads another host's."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from halfpenny import identity
from halfpenny.web.pages import Pages

router = APIRouter()


@router.get("/docs", dependencies=[identity.ANYONE], include_in_schema=False)
async def explorer(request: Request) -> Response:
    pages: Pages = request.app.state.pages
    return pages.render(request, "explorer.html", {})

"""Static files of the pages, from this package alone: no address of another host appears in a page."""

from __future__ import annotations

import os
from typing import Final

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from halfpenny.web.pages import STATIC, static_cache_header

MOUNT: Final = "/static"


class PageFiles(StaticFiles):
    """Serves web/static with an honest lifetime on each answer."""

    def __init__(self) -> None:
        super().__init__(directory=STATIC)

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["cache-control"] = static_cache_header(scope)
        return response

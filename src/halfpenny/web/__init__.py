"""Shared layout, static files and languages of the server-rendered pages."""

from halfpenny.web.explorer import router as explorer_router
from halfpenny.web.language import LANGUAGES
from halfpenny.web.page_context import check_page_request, set_page_context
from halfpenny.web.pages import STATIC, Pages
from halfpenny.web.static_files import MOUNT, PageFiles

__all__ = [
    "LANGUAGES",
    "MOUNT",
    "STATIC",
    "PageFiles",
    "Pages",
    "check_page_request",
    "explorer_router",
    "set_page_context",
]

"""Shared layout, static files and languages of the server-rendered pages."""

from halfpenny.web.arrival import look_around, page_arrival
from halfpenny.web.explorer import router as explorer_router
from halfpenny.web.language import LANGUAGES
from halfpenny.web.pages import STATIC, Pages
from halfpenny.web.static_files import MOUNT, PageFiles

__all__ = ["LANGUAGES", "MOUNT", "STATIC", "PageFiles", "Pages", "explorer_router", "look_around", "page_arrival"]

"""REST routes of servicing, one module a use case."""

from __future__ import annotations

from fastapi import APIRouter

from halfpenny.servicing.rest import quotes

router = APIRouter()
router.include_router(quotes.router)

"""REST routes of servicing, one module a use case."""

from __future__ import annotations

from fastapi import APIRouter

from halfpenny.servicing.rest import (
    arrears_routes,
    distribution_routes,
    investor_routes,
    loan_routes,
    quotes,
    receipt_routes,
    statistics_routes,
)

router = APIRouter()
for part in (
    quotes,
    loan_routes,
    receipt_routes,
    distribution_routes,
    arrears_routes,
    investor_routes,
    statistics_routes,
):
    router.include_router(part.router)

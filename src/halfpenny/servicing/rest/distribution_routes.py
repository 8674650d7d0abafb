"""Distributions and their proofs, and investors' tax profiles."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter

from halfpenny import identity
from halfpenny.identity import Permission, requires
from halfpenny.platform.http import AppDatabase, PageOf, PageQuery, page
from halfpenny.primitives.rate import Rate
from halfpenny.servicing import views
from halfpenny.servicing.requests import TaxProfileRequest
from halfpenny.servicing.rest.dependencies import AppWithholding, visible_loan
from halfpenny.servicing.service import distributing, tax_profiles
from halfpenny.servicing.store import distributions

router = APIRouter(tags=["distributions"])


@router.get(
    "/loans/{loan_id}/distributions",
    dependencies=[requires(Permission.LOANS_READ)],
    response_model=PageOf,
    summary="Distributions",
)
async def of_loan(
    loan_id: UUID, principal: identity.SignedIn, database: AppDatabase, paging: PageQuery
) -> dict[str, Any]:
    """A loan's distributions, in their order."""
    start = paging.start(int)
    async with database.reading() as connection:
        await visible_loan(connection, loan_id, principal)
        rows = await distributions.page_of_loan(connection, loan_id, start[0] if start else 0, paging.limit + 1)
    return page(rows, paging.limit, lambda row: (row["number"],), views.distribution)


@router.get("/distributions/{distribution_id}/proof", dependencies=[requires(Permission.OWN_BOOKS)])
async def proof(
    distribution_id: UUID, principal: identity.SignedIn, database: AppDatabase, paging: PageQuery
) -> dict[str, Any]:
    """What came in, the rule that divided it and what each share was paid. Investors see their own share only."""
    start = paging.start(UUID)
    everything = principal.may(Permission.SERVICING_READ)
    async with database.reading() as connection:
        return await distributing.proof(
            connection,
            distribution_id,
            None if everything else principal.user_id,
            start[0] if start else None,
            paging.limit,
        )


@router.put("/tax-profile", dependencies=[requires(Permission.INVEST)])
async def tax_profile(
    body: TaxProfileRequest, principal: identity.SignedIn, database: AppDatabase, withholding: AppWithholding
) -> dict[str, Any]:
    """Where one pays tax, and whether a treaty form is on file; decides what is withheld from now on."""
    rate = withholding.rate_millionths(body.country, body.treaty_form)
    async with database.unit_of_work() as connection:
        await tax_profiles.set_tax_profile(connection, principal.user_id, body.country, body.treaty_form, rate)
    return {
        "country": body.country,
        "treaty_form": body.treaty_form,
        "withholding_percent": f"{Rate(rate).percent:f}",
    }

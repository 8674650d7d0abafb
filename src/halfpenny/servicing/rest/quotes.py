"""Quotes over REST: public, because a borrower compares before they register."""

from __future__ import annotations

from fastapi import APIRouter

from halfpenny import identity
from halfpenny.platform.clock import business_date
from halfpenny.platform.http import AppDatabase
from halfpenny.servicing.model.quote import quote
from halfpenny.servicing.quote_body import QuoteAnswer, QuoteBody

QUOTES_PER_ADDRESS = "600/minute"

router = APIRouter(tags=["quotes"])


@router.post("/quotes", dependencies=[identity.ANYONE])
async def post_quote(
    body: QuoteBody,
    database: AppDatabase,
    people: identity.RunningIdentity,
    address: identity.CallerAddress,
) -> QuoteAnswer:
    """Instalments, totals, net advance, redemption and APR for a loan on these terms; nothing is stored."""
    await people.limiter.spend(QUOTES_PER_ADDRESS, "quotes", address)
    async with database.reading() as connection:
        today = await business_date(connection)
    return QuoteAnswer.of(quote(body.read(today)))

"""Quotes over REST: public, because a borrower compares before they register."""

from __future__ import annotations

from fastapi import APIRouter

from halfpenny import identity, loans
from halfpenny.platform.clock import business_date
from halfpenny.platform.http import AppDatabase
from halfpenny.primitives.product_terms import default_rate
from halfpenny.servicing.model.quote import quote
from halfpenny.servicing.model.rates import RatesInForce
from halfpenny.servicing.quote_body import QuoteAnswer, QuoteBody

QUOTES_PER_ADDRESS = "600/minute"

router = APIRouter(tags=["quotes"])


@router.post("/quotes", dependencies=[identity.ANYONE])
async def post_quote(
    body: QuoteBody,
    database: AppDatabase,
    rules: loans.Rules,
    people: identity.RunningIdentity,
    address: identity.CallerAddress,
) -> QuoteAnswer:
    """Instalments, totals, net advance, redemption and APR for a loan on these terms; nothing is stored.

    409 ``rate_above_legal_maximum`` where the governing law allows no such rate on the day of the advance.
    """
    await people.limiter.spend(QUOTES_PER_ADDRESS, "quotes", address)
    async with database.reading() as connection:
        today = await business_date(connection)
    request = body.read(today)
    law = body.governing_law or rules.product.governing_law
    maximum = loans.check_legal_maximum(request.rate, law, request.currency, request.advanced_on)
    agreed = default_rate(request.rate, rules.product.default_margin)
    rates = RatesInForce(request.rate, agreed, (maximum,) if maximum else ())
    return QuoteAnswer.of(quote(request), law, rates.default, maximum)

"""How much the compiled path of GraphQL gains over the ordinary executor, as ratios.

Both answer the same request from the same document store, in turns, in one process; medians of the rounds. What
counts is the CPU time of this process, PyMongo included: what the store itself takes is the same on both sides, and
with the embedded one most of the waiting.

    python bench/marketplace_graphql.py            starts its own document store
    MONGO_URL=... python bench/marketplace_graphql.py
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from halfpenny.marketplace import ListingStore, Marketplace
from halfpenny.marketplace.model import Document, Order
from halfpenny.platform.documents import DocumentStore
from halfpenny.platform.servers import DocumentServer

LOANS = 200
ROUNDS = 5
SECONDS = 0.4
QUERY = """
query ($first: Int) {
  loans(first: $first) {
    edges { cursor node {
      id title status purpose
      property { kind city country areaM2 yearBuilt valuation { amount currency } }
      terms { amount { amount currency } annualRate termMonths interestMode ltv }
      funding { target { amount currency } funded { amount currency } percent investors deadline version }
      risk { grade probabilityOfDefault expectedLoss suggestedRate reasons { code text } }
    } }
    pageInfo { endCursor hasNextPage }
  }
}
"""


def made_up(number: int) -> Document:
    """A listing of the usual size."""
    money = {"amount": f"{100_000 + number}.00", "currency": "EUR"}
    return {
        "_id": f"{number:08d}",
        "revision": 1,
        "facets": {"status": "funding"},
        "order": {order.value: f"{number:012d}|{number:08d}" for order in Order},
        "node": {
            "id": f"{number:08d}",
            "title": "Townhouse in Seattle, 119.80 m²",
            "status": "funding",
            "purpose": "Buy and renovate",
            "exit_strategy": "sale",
            "property": {
                "kind": "townhouse",
                "city": "Seattle",
                "country": "US",
                "area_m2": 119.8,
                "year_built": 2005,
                "beds": 2,
                "condition": "good",
                "description": "Two bedrooms near the park. " * 6,
                "valuation": money,
                "valued_on": "2016-12-31",
            },
            "terms": {
                "amount": money,
                "annual_rate": "9.50",
                "term_months": 12,
                "interest_mode": "retained",
                "ltv": "62.50",
                "charge_rank": 1,
            },
            "funding": {
                "target": money,
                "funded": money,
                "remaining": money,
                "percent": 100,
                "investors": 31,
                "deadline": "2026-03-01T12:00:00Z",
                "version": 58,
            },
            "risk": {
                "grade": "B",
                "probability_of_default": "0.0310",
                "expected_loss": "0.0068",
                "suggested_rate": "10.25",
                "reasons": [
                    {"code": f"r{n}", "text": "The loan is 60 % of the value.", "polish": "."} for n in range(4)
                ],
            },
        },
    }


async def nobody() -> Document | None:
    return None


async def rate(run: Callable[[], Awaitable[bytes]]) -> float:
    """Requests in a second of this process's CPU."""
    done, began = 0, time.process_time()
    while time.process_time() - began < SECONDS:
        await run()
        done += 1
    return done / (time.process_time() - began)


async def measure(mongo_url: str) -> None:
    documents = await DocumentStore.connect(mongo_url, "bench_graphql")
    listings = ListingStore(documents)
    await listings.recreate()
    await listings.upsert([made_up(number) for number in range(LOANS)])
    market = Marketplace(introspection=False)
    print(f"{LOANS} listings, one caller, medians of {ROUNDS} rounds, requests a second of CPU\n")
    print(f"{'first':>6} {'executor':>10} {'compiled':>10} {'ratio':>7}")
    for first in (1, 20, 100):
        request = {"query": QUERY, "variables": {"first": first}}

        async def compiled(request: Document = request) -> bytes:
            return (await market.answer(request, listings, nobody)).body()

        async def executed(request: Document = request) -> bytes:
            prepared = market.prepare(request)
            return (await market.execute(prepared, listings, nobody)).body()

        if await compiled() != await executed():
            sys.exit("the two paths differ: nothing to compare")
        rounds = [(await rate(executed), await rate(compiled)) for _ in range(ROUNDS)]
        slow, fast = (statistics.median(column) for column in zip(*rounds, strict=True))
        print(f"{first:>6} {slow:>10.0f} {fast:>10.0f} {fast / slow:>6.1f}x")
    await documents.drop()
    await documents.close()


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    with ExitStack() as stack:
        url = os.environ.get("MONGO_URL", "")
        if not url:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="halfpenny-bench-")))
            server = DocumentServer(folder / "documents")
            server.start()
            stack.callback(server.stop)
            url = server.url
        asyncio.run(measure(url))


if __name__ == "__main__":
    main()

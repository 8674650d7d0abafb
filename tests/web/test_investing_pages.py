"""Investing and wallets on pages, over the whole application: as a browser without scripts would use them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI

from halfpenny import funding, loans
from halfpenny.entrypoints.settings import Settings
from halfpenny.platform import clock
from halfpenny.platform.database import Database
from halfpenny.primitives.ids import uuid7
from support import lending
from support.money import pay_in
from support.people import Somebody, make_somebody
from support.visitors import browser, hidden, sign_in, words


@dataclass(frozen=True)
class Scene:
    """A loan of 300,000.00 EUR that is open, and an investor with 1,250.00 EUR who is signed in."""

    client: httpx2.AsyncClient
    database: Database
    investor: Somebody
    borrower: Somebody
    loan_id: UUID

    @property
    def path(self) -> str:
        return f"/loans/{self.loan_id}/invest"

    async def form(self, amount: str) -> httpx2.Response:
        """The page that shows an amount, with its key."""
        first = await self.client.get(self.path, params={"amount": amount})
        assert first.status_code == 303
        return await self.client.get(first.headers["location"])

    async def invested(self) -> list[tuple[int, str]]:
        async with self.database.reading() as connection:
            found = await connection.fetch("SELECT amount_minor, status FROM investment ORDER BY id")
        return [(row["amount_minor"], row["status"]) for row in found]

    async def free(self) -> int:
        async with self.database.reading() as connection:
            loan = await loans.get(connection, self.loan_id)
            assert loan.funding is not None
            return await funding.free_to_invest(connection, self.investor.user_id, loan.funding)


async def open_loan(database: Database, borrower: Somebody, **changes: Any) -> UUID:
    async with database.unit_of_work() as connection:
        staff = await lending.person(connection, "administrator")
        return (await lending.funding(connection, borrower.user_id, staff, **changes)).id


@pytest.fixture
async def scene(app: FastAPI, settings: Settings, database: Database) -> AsyncIterator[Scene]:
    investor = await make_somebody(database, full_name="Ida Nowak")
    borrower = await make_somebody(database, "borrower")
    loan_id = await open_loan(database, borrower)
    async with database.unit_of_work() as connection:
        await pay_in(connection, [investor.user_id], 1_250_00)
    async with browser(app, settings) as client:
        assert (await sign_in(client, investor.email)).status_code == 303
        yield Scene(client, database, investor, borrower, loan_id)


def button_form(page: httpx2.Response) -> dict[str, str]:
    """The fields of the form that invests."""
    found = re.search(r'(?s)<form class="form" method="post" action="/loans/[^"]+/invest">.*?</form>', page.text)
    assert found is not None, page.text
    return dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', found[0]))


@pytest.mark.parametrize("typed", ["1 234,56", "1,234.56", "1234.56", "1\u00a0234,56"])
async def test_an_amount_is_shown_back_before_it_counts_and_then_invested(scene: Scene, typed: str) -> None:
    page = await scene.form(typed)
    assert page.status_code == 200
    text = words(page)
    assert "Invest €1,234.56" in text and f'value="{typed}"' in page.text
    assert "You receive as planned" in text and "What can go wrong" in text and "four days" in text
    assert await scene.invested() == []
    done = await scene.client.post(scene.path, data=button_form(page))
    assert done.status_code == 303 and done.headers["location"].startswith("/investments/")
    receipt = await scene.client.get(done.headers["location"])
    assert "Your investment of €1,234.56" in words(receipt)
    assert re.search(r"Until \d+ \w+ \d{4}, \d\d:\d\d CES?T you can take it back", words(receipt))
    assert await scene.invested() == [(1_234_56, "committed")]
    assert await scene.free() == 1_250_00 - 1_234_56


async def test_a_double_click_and_the_back_button_lead_to_one_receipt(scene: Scene) -> None:
    page = await scene.form("100")
    first = await scene.client.post(scene.path, data=button_form(page))
    second = await scene.client.post(scene.path, data=button_form(page))
    assert first.headers["location"] == second.headers["location"]
    # Back: the browser asks for the form's address again, which holds the key.
    back = await scene.client.get(str(page.url))
    assert (back.status_code, back.headers["location"]) == (303, first.headers["location"])
    assert await scene.invested() == [(100_00, "committed")]


async def test_one_form_does_not_invest_two_amounts(scene: Scene) -> None:
    page = await scene.form("100")
    await scene.client.post(scene.path, data=button_form(page))
    changed = await scene.client.post(scene.path, data=button_form(page) | {"amount": "200"})
    assert changed.status_code == 422 and "sent before with another amount" in words(changed)
    assert await scene.invested() == [(100_00, "committed")]


REFUSED = [
    ("abc", 422, "not an amount that we understand", "Nie rozumiemy tej kwoty"),
    ("0", 422, "above zero", "większą od zera"),
    ("10,00", 409, "smallest investment in this loan is €50.00", "Najmniejsza inwestycja w tę pożyczkę to 50,00 €"),
    ("1 250,01", 409, "You have €1,250.00 free", "Wolne środki: 1 250,00 €. Wpisz"),
    ("300 000,01", 409, "still needs €300,000.00", "brakuje jeszcze 300 000,00 €"),
]


@pytest.mark.parametrize(("typed", "status", "english", "polish"), REFUSED)
async def test_a_refusal_stands_at_the_amount_in_words_and_what_was_typed_stays(
    scene: Scene, typed: str, status: int, english: str, polish: str
) -> None:
    page = await scene.form("100")
    for language, expected in (("en", english), ("pl", polish)):
        for answer in (
            await scene.client.post(
                scene.path, data=button_form(page) | {"amount": typed}, headers={"accept-language": language}
            ),
            await scene.client.get(
                scene.path, params={"amount": typed, "request": "k"}, headers={"accept-language": language}
            ),
        ):
            assert answer.status_code == status and expected in words(answer), words(answer)
            assert f'value="{typed}"' in answer.text
            assert (
                'aria-invalid="true" autofocus' in answer.text
                and 'aria-describedby="amount-hint amount-fault"' in answer.text
            )
    assert await scene.invested() == [] and await scene.free() == 1_250_00


async def test_terms_that_changed_meanwhile_are_shown_again(scene: Scene) -> None:
    page = await scene.form("100")
    assert button_form(page)["terms_version"].isdigit()
    answer = await scene.client.post(scene.path, data=button_form(page) | {"terms_version": "999"})
    assert answer.status_code == 409 and "The terms have changed" in words(answer)
    assert await scene.invested() == []


async def test_a_loan_that_fills_while_one_types_offers_its_waiting_list(scene: Scene) -> None:
    page = await scene.form("100")
    async with scene.database.unit_of_work() as connection:
        [state] = (await loans.lock_funding(connection, [scene.loan_id])).values()
        await loans.add_funded(connection, [(scene.loan_id, state.remaining_minor, 1, 1)])
        await loans.transition(connection, scene.loan_id, loans.TransitionName.COMPLETE_FUNDING)
    full = await scene.client.post(scene.path, data=button_form(page))
    assert full.status_code == 409 and "This loan filled first. Nothing was taken." in words(full)
    waiting = f"/loans/{scene.loan_id}/waiting-list"
    assert f'action="{waiting}"' in full.text
    fields = {"request": str(uuid7()), "amount": "100.00"}
    for _ in range(2):
        joined = await scene.client.post(waiting, data=fields)
        assert joined.status_code == 303
    async with scene.database.reading() as connection:
        found = await connection.fetch("SELECT investor_id, amount_minor FROM waiting_ticket")
    assert [(row["investor_id"], row["amount_minor"]) for row in found] == [(scene.investor.user_id, 100_00)]
    assert await scene.invested() == []


async def test_it_is_taken_back_as_easily_as_it_was_given(scene: Scene) -> None:
    done = await scene.client.post(scene.path, data=button_form(await scene.form("100")))
    receipt = done.headers["location"]
    assert "Can still be taken back" in words(await scene.client.get("/portfolio"))
    page = await scene.client.get(receipt)
    fields = hidden(page)
    for _ in range(2):
        back = await scene.client.post(receipt, data=dict(fields))
        assert (back.status_code, back.headers["location"]) == (303, receipt)
    assert "The whole amount is back in your wallet." in words(await scene.client.get(receipt))
    assert await scene.invested() == [(100_00, "revoked")] and await scene.free() == 1_250_00
    again = await scene.client.post(receipt, data={"request": str(uuid7())})
    assert again.status_code == 409 and "cannot be taken back any more" in words(again)


async def test_after_four_days_the_receipt_names_the_end_and_takes_nothing_back(scene: Scene) -> None:
    done = await scene.client.post(scene.path, data=button_form(await scene.form("100")))
    receipt = done.headers["location"]
    async with scene.database.unit_of_work() as connection:
        await clock.advance(connection, timedelta(days=4))
    page = await scene.client.get(receipt)
    assert re.search(r"It ended on \d+ \w+ \d{4}, \d\d:\d\d", words(page)) and hidden(page) == {}
    late = await scene.client.post(receipt, data={"request": str(uuid7())})
    assert late.status_code == 409 and "reflection period of this investment is over" in words(late)
    assert await scene.invested() == [(100_00, "committed")]


async def test_another_persons_investment_does_not_exist(scene: Scene, app: FastAPI, settings: Settings) -> None:
    done = await scene.client.post(scene.path, data=button_form(await scene.form("100")))
    receipt, other = done.headers["location"], await make_somebody(scene.database)
    async with browser(app, settings) as client:
        await sign_in(client, other.email)
        unknown = f"/investments/{uuid7()}"
        for address in (receipt, unknown):
            assert (await client.get(address)).status_code == 404
            assert (await client.post(address, data={"request": str(uuid7())})).status_code == 404
        form = await client.get(f"{scene.path}?request=mine")
        assert "Your investments in this loan" not in form.text
    assert await scene.invested() == [(100_00, "committed")]


async def test_a_loan_that_is_not_offered_cannot_be_found_by_investing(scene: Scene) -> None:
    async with scene.database.unit_of_work() as connection:
        hidden_loan = (await lending.submitted(connection, scene.borrower.user_id)).id
    for loan_id in (hidden_loan, uuid7()):
        path = f"/loans/{loan_id}/invest"
        assert (await scene.client.get(f"{path}?request=k")).status_code == 404
        fields = {"request": "k", "amount": "100", "terms_version": "1"}
        assert (await scene.client.post(path, data=fields)).status_code == 404


async def test_whoever_is_not_signed_in_comes_back_with_the_amount(
    scene: Scene, app: FastAPI, settings: Settings
) -> None:
    async with browser(app, settings) as client:
        closed = await client.get(scene.path, params={"amount": "1 234,56"})
        form = await client.get(closed.headers["location"])
        landed = await sign_in(client, scene.investor.email, **hidden(form))
        with_key = await client.get(landed.headers["location"])
        page = await client.get(with_key.headers["location"])
    assert "Invest €1,234.56" in words(page)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("UPDATE app_user SET email_verified_at = NULL WHERE role = 'investor'", "Confirm your e-mail address first"),
        ("UPDATE app_user SET kyc_status = 'pending' WHERE role = 'investor'", "We have to verify your identity"),
    ],
)
async def test_who_may_not_move_money_yet_reads_why_on_each_form(scene: Scene, change: str, expected: str) -> None:
    page = await scene.form("100")
    async with scene.database.unit_of_work() as connection:
        await connection.execute(change)
    refused = await scene.client.post(scene.path, data=button_form(page))
    assert refused.status_code == 403 and expected in words(refused)
    for way in ("deposit", "withdraw"):
        refused = await scene.client.post(f"/wallet/{way}", data={"request": "k", "currency": "EUR", "amount": "10"})
        assert refused.status_code == 403 and expected in words(refused) and 'value="10"' in refused.text
    assert await scene.invested() == []
    async with scene.database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM wallet_payment") == 1  # that of the fixture


async def payments(database: Database) -> list[tuple[str, int, str]]:
    async with database.reading() as connection:
        found = await connection.fetch(
            "SELECT direction, amount_minor, status FROM wallet_payment ORDER BY id OFFSET 1"
        )
    return [(row["direction"], row["amount_minor"], row["status"]) for row in found]


@pytest.mark.parametrize(("way", "direction"), [("deposit", "deposit"), ("withdraw", "withdrawal")])
async def test_money_is_asked_for_once_a_form(scene: Scene, way: str, direction: str) -> None:
    address = f"/wallet/{way}"
    form = await scene.client.get((await scene.client.get(address)).headers["location"])
    fields = dict(hidden(form)) | {"currency": "EUR", "amount": "1 000,50"}
    for typed in ("1 000,50", "1,000.50"):
        done = await scene.client.post(address, data=fields | {"amount": typed})
        assert (done.status_code, done.headers["location"]) == (303, f"/wallet?currency=EUR&done={direction}")
    other = await scene.client.post(address, data=fields | {"amount": "7"})
    assert other.status_code == 422 and "sent before with another amount" in words(other)
    assert await payments(scene.database) == [(direction, 1_000_50, "pending")]
    page = await scene.client.get(done.headers["location"])
    assert "€1,000.50" in words(page) and "on its way" in words(page)
    if way == "withdraw":
        assert "€1,000.50 more is being paid out" in words(page) and "€249.50" in words(page)


@pytest.mark.parametrize(
    ("way", "typed", "status", "expected"),
    [
        ("withdraw", "1 250,01", 409, "less free money in your wallet"),
        ("withdraw", "x", 422, "not an amount that we understand"),
        ("deposit", "0,00", 422, "above zero"),
        ("deposit", "1,2,3", 422, "not an amount that we understand"),
    ],
)
async def test_a_payment_that_is_refused_says_why_and_moves_nothing(
    scene: Scene, way: str, typed: str, status: int, expected: str
) -> None:
    fields = {"request": str(uuid7()), "currency": "EUR", "amount": typed}
    refused = await scene.client.post(f"/wallet/{way}", data=fields)
    assert refused.status_code == status and expected in words(refused)
    assert f'value="{typed}"' in refused.text and fields["request"] in refused.text
    assert await payments(scene.database) == [] and await scene.free() == 1_250_00


async def test_a_wallet_lists_what_moved_in_pages_and_only_ones_own(scene: Scene) -> None:
    async with scene.database.unit_of_work() as connection:
        for cents in range(1, 30):
            await pay_in(connection, [scene.investor.user_id], cents)
        await pay_in(connection, [scene.borrower.user_id], 777_77)
    await scene.client.post(scene.path, data=button_form(await scene.form("100")))
    address: str | None = "/wallet"
    seen: list[str] = []
    while address is not None:
        page = await scene.client.get(address)
        entries = page.text.partition('id="entries"')[2]
        seen += re.findall(r'<td data-label="Amount"[^>]*>([^<]+)</td>', entries)
        assert "777.77" not in page.text
        more = re.search(r'<p class="more"><a [^>]*href="([^"]+)"', page.text)
        address = more[1].replace("&amp;", "&") if more else None
    assert seen == ["\N{MINUS SIGN}€100.00", *(f"+€0.{cents:02}" for cents in range(29, 0, -1)), "+€1,250.00"]


async def test_the_portfolio_of_somebody_new_names_the_first_step(scene: Scene) -> None:
    page = await scene.client.get("/portfolio")
    assert "You have not invested in a loan yet." in words(page)
    assert page.headers["cache-control"] == "no-store"

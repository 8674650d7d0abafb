"""Wallets as pages: what is there, what moved, paying in and paying out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from halfpenny import identity, ledger
from halfpenny.funding import bank, labels, views
from halfpenny.funding.errors import AmountNotPositive
from halfpenny.funding.model import WalletPayment
from halfpenny.funding.service import payments
from halfpenny.funding.service.tickets import wallet
from halfpenny.funding.statuses import PaymentDirection
from halfpenny.funding.store import payments as payment_store
from halfpenny.identity import Permission, Principal, requires
from halfpenny.ledger import Balance
from halfpenny.platform.database import Connection, Database
from halfpenny.platform.figures import read_amount
from halfpenny.platform.http import (
    AppDatabase,
    AppPages,
    FormFields,
    PageRenderer,
    check_idempotency_key,
    decode_cursor,
    encode_cursor,
    once,
)
from halfpenny.platform.http.page_forms import KEY, RefusedForm, fault_of, form_fingerprint, key_of, with_new_key
from halfpenny.platform.idempotency import RequestKey
from halfpenny.platform.views import amount_view
from halfpenny.primitives.errors import HalfpennyError
from halfpenny.primitives.ids import UserId, uuid7
from halfpenny.primitives.money import Currency, Money, parse_minor

TEMPLATES: Final = Path(__file__).parent / "templates"
PAGE_SIZE: Final = 25
_SHOWN_PAYMENTS: Final = 5
router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class WalletRequest:
    """Who asks for a page of wallets, and what it is made from."""

    request: Request
    principal: Principal
    database: Database
    pages: PageRenderer

    def render(self, template: str, context: Mapping[str, Any], status: int = 200) -> Response:
        return self.pages.render(self.request, template, {"labels": labels, **context}, status=status)


def _wallet_request(
    request: Request, principal: identity.SignedIn, database: AppDatabase, pages: AppPages
) -> WalletRequest:
    return WalletRequest(request, principal, database, pages)


_Page = Annotated[WalletRequest, Depends(_wallet_request)]


def _shown(currency: Currency, balance: Balance) -> dict[str, Any]:
    return {
        "currency": currency.value,
        "balance": amount_view(balance.posted, currency),
        "available": amount_view(balance.available, currency),
        "reserved": amount_view(balance.pending, currency) if balance.pending else None,
    }


def _currency(text: str | None, chosen: list[Currency]) -> Currency:
    """The currency of the address, else the first that there is money in."""
    if text is not None and text in Currency.__members__:
        return Currency(text)
    return chosen[0] if chosen else Currency.EUR


@router.get("/wallet", dependencies=[requires(Permission.WALLET)])
async def wallets(page: _Page) -> Response:
    """All wallets, and what moved in one of them, newest first."""
    query, who = page.request.query_params, page.principal.user_id
    after = query.get("after")
    before_version = decode_cursor(after, int)[0] if after else None
    async with page.database.reading() as connection:
        found = {account.currency: balance for account, balance in (await ledger.wallets(connection, who)).items()}
        used = [currency for currency in Currency if currency in found]
        currency = _currency(query.get("currency"), used)
        account = wallet(who, currency.value)
        entries = await ledger.entries(connection, account, before_version=before_version, limit=PAGE_SIZE + 1)
        under_way = await payment_store.of_user(connection, who, None, _SHOWN_PAYMENTS)
    shown = entries[:PAGE_SIZE]
    following = None
    if len(entries) > PAGE_SIZE:
        following = f"/wallet?{urlencode({'currency': currency.value, 'after': encode_cursor(shown[-1].version)})}"
    context = {
        "wallets": [_shown(each, found.get(each, Balance(0, 0))) for each in used or [currency]],
        "currency": currency.value,
        "entries": [_entry(one, currency) for one in shown],
        "payments": [_payment(one) for one in under_way],
        "done": query.get("done"),
        "first_page": after is None,
        "next": following,
    }
    return page.render("funding/wallet.html", context)


def _entry(one: ledger.Entry, currency: Currency) -> dict[str, Any]:
    """``link`` leads to what the movement belongs to: one's own investment, or the loan."""
    seen = views.entry(one)
    link = None
    if one.event == "invest":
        link = f"/investments/{one.journal_id}"
    elif one.reference is not None and one.event in ("revoke", "cancel", "expire"):
        link = f"/loans/{one.reference}"
    return seen | {
        "amount": amount_view(one.amount, currency),
        "balance": amount_view(one.balance, currency),
        "link": link,
        "incoming": one.amount > 0,
    }


def _payment(one: WalletPayment) -> dict[str, Any]:
    return views.payment(one) | {"amount": amount_view(one.amount_minor, Currency(one.currency))}


@router.get("/wallet/deposit", dependencies=[requires(Permission.WALLET)])
async def deposit_form(page: _Page) -> Response:
    return await _payment_form(page, PaymentDirection.DEPOSIT)


@router.post("/wallet/deposit", dependencies=[requires(Permission.WALLET)])
async def deposit(page: _Page, fields: FormFields) -> Response:
    """Announce a deposit, once under the form's key; the form again where that is refused."""
    return await _pay(page, PaymentDirection.DEPOSIT, fields, payments.request_deposit)


@router.get("/wallet/withdraw", dependencies=[requires(Permission.WALLET)])
async def withdrawal_form(page: _Page) -> Response:
    return await _payment_form(page, PaymentDirection.WITHDRAWAL)


@router.post("/wallet/withdraw", dependencies=[requires(Permission.WALLET)])
async def withdraw(page: _Page, fields: FormFields) -> Response:
    """Reserve and pay out, once under the form's key; the form again where that is refused."""
    return await _pay(page, PaymentDirection.WITHDRAWAL, fields, payments.request_withdrawal)


async def _pay(
    page: WalletRequest,
    direction: PaymentDirection,
    fields: Mapping[str, str],
    ask: Callable[[Connection, UserId, Money], Awaitable[WalletPayment]],
) -> Response:
    try:
        page.principal.require_cleared()
        key = check_idempotency_key(fields.get(KEY))
        currency = _currency(fields.get("currency"), [])
        amount = Money(parse_minor(read_amount(fields.get("amount", ""))), currency)
        if amount.minor == 0:
            raise AmountNotPositive()

        async def act(connection: Connection) -> dict[str, Any]:
            return views.payment(await ask(connection, page.principal.user_id, amount))

        # The same amount in another notation is the same request; another amount is not.
        meant = {KEY: key, "amount": str(amount), "currency": currency.value}
        request = RequestKey(page.principal.user_id, key, form_fingerprint(page.request, meant))
        await once(page.database, request, 202, act)
    except HalfpennyError as error:
        return await _payment_form(page, direction, RefusedForm(error, fields))
    return RedirectResponse(f"/wallet?{urlencode({'currency': currency.value, 'done': direction.value})}", 303)


async def _payment_form(
    page: WalletRequest, direction: PaymentDirection, refused: RefusedForm | None = None
) -> Response:
    query, who = page.request.query_params, page.principal.user_id
    key = refused.typed.get(KEY) if refused else key_of(page.request)
    if key is None and refused is None:
        return with_new_key(page.request)
    async with page.database.reading() as connection:
        found = {account.currency: balance for account, balance in (await ledger.wallets(connection, who)).items()}
    used = [currency for currency in Currency if currency in found]
    chosen = _currency(refused.typed.get("currency") if refused else query.get("currency"), used)
    deposits = direction is PaymentDirection.DEPOSIT
    context = {
        "deposits": deposits,
        "currencies": [each.value for each in Currency] if deposits else [each.value for each in used or [chosen]],
        "currency": chosen.value,
        "wallets": [_shown(each, balance) for each, balance in found.items()],
        "accounts": {each.value: _grouped(iban) for each, iban in bank.CLIENT_ACCOUNTS.items()},
        "sandbox": page.request.app.state.settings.lending.sandbox,
        "key": key or str(uuid7()),
        "key_name": KEY,
        **fault_of(refused),
    }
    return page.render("funding/payment.html", context, refused.status if refused else 200)


def _grouped(iban: str) -> str:
    return " ".join(iban[at : at + 4] for at in range(0, len(iban), 4))

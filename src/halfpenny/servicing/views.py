"""How servicing's figures are shown: decimal strings, ISO dates, the engine's own words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from halfpenny import funding
from halfpenny.platform.database import Record
from halfpenny.primitives.legal_maximum import MaximumRates
from halfpenny.primitives.money import Currency, format_minor
from halfpenny.servicing.model.flows import Flows
from halfpenny.servicing.model.investor import CashFlows, YearTotals
from halfpenny.servicing.model.rates import RatesInForce
from halfpenny.servicing.model.redemption import Payoff
from halfpenny.servicing.model.schedule import Instalment
from halfpenny.servicing.model.serviced_loan import InstalmentBalance
from halfpenny.servicing.model.terms import LoanTerms
from halfpenny.servicing.model.waterfall import WATERFALLS, Waterfall, WaterfallLine
from halfpenny.servicing.service.portfolio import PortfolioLine
from halfpenny.servicing.service.posting import PostingResult


def position(posted: PostingResult) -> dict[str, Any]:
    """Where the loan stands after what was just posted."""
    loan, now = posted.loan, posted.position
    return {
        "loan_id": str(loan.id),
        "status": loan.status.value,
        "version": loan.version,
        "currency": posted.serviced.currency.value,
        "as_of": now.as_of.isoformat(),
        "principal_outstanding": format_minor(now.principal_outstanding),
        "due": {component.value: format_minor(amount) for component, amount in now.owed.items()},
        "total_due": format_minor(now.total_due),
        "accrued_interest": format_minor(now.accrued_interest),
        "waived": format_minor(now.waived),
        "interest_reserve": format_minor(now.reserve_held),
        "advance_payment": format_minor(now.advance_held),
        "days_past_due": now.days_past_due,
        "matures_on": now.schedule.ends_on.isoformat(),
        "closed_on": now.closed_on.isoformat() if now.closed_on else None,
    }


def drawdown(posted: PostingResult, fees: int) -> dict[str, Any]:
    gross = posted.serviced.terms.principal.minor
    retained = posted.moved.retained
    return position(posted) | {
        "gross_loan": format_minor(gross),
        "fees": format_minor(fees),
        "retained_interest": format_minor(retained),
        "net_advance": format_minor(gross - fees - retained),
    }


def receipt(posted: PostingResult) -> dict[str, Any]:
    """What a payment was used for: the parts, what waits and what went back add up to what moved.

    ``advance_payment`` is what more of it waits than before, below zero where what had waited was used.
    """
    moved: Flows = posted.moved
    return position(posted) | {
        "receipt": {
            "id": posted.receipt_id,
            "amount": format_minor(moved.received),
            "principal": format_minor(moved.principal + moved.recovered),
            "interest": format_minor(moved.interest),
            "default_interest": format_minor(moved.default_interest + moved.default_income),
            "fees": format_minor(moved.fees),
            "recovery_costs": format_minor(moved.costs),
            "returned": format_minor(moved.returned),
            "advance_payment": format_minor(moved.held),
            "rebate": format_minor(moved.rebated),
            "from_reserve": format_minor(moved.released),
        }
    }


def portfolio_line(line: PortfolioLine) -> dict[str, Any]:
    """What an investor has in one loan. Before the drawdown there is a stake and nothing has come of it yet."""
    held = line.holding
    return {
        "loan_id": str(line.loan.id),
        "title": line.loan.title,
        "status": line.loan.status.value,
        "currency": line.loan.application.currency.value,
        "invested": format_minor(line.invested),
        "outstanding": format_minor(line.outstanding),
        "position_id": str(held["position_id"]) if held else None,
        **{
            name: format_minor(held[column] if held else 0)
            for name, column in (
                ("interest_received", "interest_minor"),
                ("withheld", "withheld_minor"),
                ("lost", "lost_minor"),
                ("recovered", "recovered_minor"),
            )
        },
        "standing": held["standing"] if held else None,
        "days_past_due": held["days_past_due"] if held else None,
        "matures_on": held["matures_on"].isoformat() if held else None,
        "investments": [funding.investment_view(investment) for investment in line.investments],
    }


def year_totals(line: YearTotals) -> dict[str, Any]:
    """A year's sums of one loan or of all in one currency; ``outstanding`` is what was lent at the end of the year."""
    return {
        "currency": line.currency.value,
        "interest": format_minor(line.interest),
        "default_interest": format_minor(line.default_interest),
        "withheld": format_minor(line.withheld),
        "principal": format_minor(line.principal),
        "recovered": format_minor(line.recovered),
        "netted": format_minor(line.netted),
        "lost": format_minor(line.lost),
        "paid": format_minor(line.paid),
        "outstanding": format_minor(line.outstanding),
    }


def cash_flows(found: CashFlows) -> dict[str, Any]:
    """One loan's flows to an investor, what came apart from what is to come."""

    def dated(flows: Iterable[tuple[date, int]]) -> list[dict[str, str]]:
        return [{"on": on.isoformat(), "amount": format_minor(minor)} for on, minor in flows]

    def figure(value: Decimal | None) -> str | None:
        return None if value is None else f"{value:f}"

    return {
        "stake": format_minor(found.stake),
        "since": found.since.isoformat(),
        "received": dated(found.received),
        "expected": dated(found.expected),
        "lost": dated(found.lost),
        "standing": found.standing.value,
        "days_past_due": found.days_past_due,
        "in_default": found.is_in_default,
        "received_xirr_percent": figure(found.received_xirr_percent),
        "received_multiple": figure(found.received_multiple),
        "expected_xirr_percent": figure(found.expected_xirr_percent),
        "expected_multiple": figure(found.expected_multiple),
    }


def payoff(found: Payoff, currency: Currency) -> dict[str, Any]:
    """``redemption`` is what a payer sends, as in a quote: ``owed`` less what the reserve and advances pay."""
    return {
        "on": found.on.isoformat(),
        "currency": currency.value,
        "principal": format_minor(found.principal),
        "interest": format_minor(found.interest),
        "fees": format_minor(found.fees),
        "default_interest": format_minor(found.default_interest),
        "recovery_costs": format_minor(found.recovery_costs),
        "owed": format_minor(found.owed),
        "from_reserve": format_minor(found.from_reserve),
        "from_advance_payment": format_minor(found.from_advance),
        "redemption": format_minor(found.payable),
        "payable": format_minor(found.payable),
    }


def rates(terms: LoanTerms, found: RatesInForce, on: date) -> dict[str, Any]:
    """Percent a year. ``legal_maximum`` is null where the governing law knows none for the currency."""
    maximum = found.maximum
    return {
        "on": on.isoformat(),
        "governing_law": terms.governing_law,
        "contract": {
            "agreed": str(found.agreed),
            "rate": str(found.contract),
            "limited": found.contract < found.agreed,
        },
        "default": {
            "agreed": str(found.agreed_default),
            "rate": str(found.default),
            "limited": found.default < found.agreed_default,
            "on_overdue_interest": terms.default_interest_on_interest,
        },
        "legal_maximum": None if maximum is None else _maximum(maximum),
        "legal_maxima": [_maximum(one) for one in found.maxima],
    }


def _maximum(maximum: MaximumRates) -> dict[str, str]:
    contract, default = str(maximum.contract), str(maximum.default)
    return {"since": maximum.since.isoformat(), "contract": contract, "default": default}


def planned_instalment(row: Instalment) -> dict[str, Any]:
    """A row of a schedule, whether or not it is a drawn loan's."""
    return {
        "number": row.number,
        "kind": row.kind.value,
        "due_on": row.due_on.isoformat(),
        "principal": format_minor(row.principal),
        "interest": format_minor(row.interest),
        "fees": format_minor(row.fees),
        "total": format_minor(row.total),
        "balance": format_minor(row.balance),
        "from_reserve": row.reserved,
    }


def instalment(balance: InstalmentBalance) -> dict[str, Any]:
    return planned_instalment(balance.row) | {
        "unpaid": format_minor(balance.unpaid),
        "settled_on": balance.settled_on.isoformat() if balance.settled_on else None,
    }


def waterfall(key: str) -> dict[str, Any]:
    """The waterfall that a loan runs on, in the order that it is run."""
    found: Waterfall = WATERFALLS[key]
    return {
        "name": found.name,
        "version": found.version,
        "before_default": [component.value for component in found.before_default],
        "after_default": [component.value for component in found.after_default],
        "servicing_fee_percent": f"{found.servicing_fee.percent:f}",
        "platform_share_of_default_interest_percent": f"{found.default_interest_share.percent:f}",
    }


def simulated(lines: tuple[WaterfallLine, ...], left: int) -> dict[str, Any]:
    return {
        "lines": [
            {"component": line.component.value, "owed": format_minor(line.owed), "paid": format_minor(line.paid)}
            for line in lines
        ],
        "left_over": format_minor(left),
    }


def transfer(row: Record) -> dict[str, Any]:
    """One row of a loan's ledger, as staff read it."""
    return {
        "journal_id": str(row["journal_id"]),
        "ordinal": row["ordinal"],
        "event": row["event"],
        "debit": _account(row, "debit"),
        "credit": _account(row, "credit"),
        "amount": format_minor(row["amount"]),
        "currency": row["currency"],
        "effective_date": row["effective_date"].isoformat(),
        "recorded_at": row["recorded_at"].isoformat(),
        "reverses": str(row["reverses"]) if row["reverses"] else None,
    }


def _account(row: Record, side: str) -> dict[str, Any]:
    owner = row[f"{side}_owner"]
    return {"kind": row[f"{side}_kind"], "owner_id": str(owner) if owner else None}


def distribution(row: Record) -> dict[str, Any]:
    parts = ("principal", "interest", "default_interest", "recovered")
    return {
        "id": str(row["id"]),
        "loan_id": str(row["loan_id"]),
        "number": row["number"],
        "currency": row["currency"],
        "effective_date": row["effective_date"].isoformat(),
        "status": row["status"],
        "total": format_minor(sum(row[f"{part}_minor"] for part in parts)),
        **{part: format_minor(row[f"{part}_minor"]) for part in parts},
    }

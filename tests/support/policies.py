"""Who may call what: the policy of every route, for the tests that go through all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from halfpenny.primitives.ids import uuid7
from halfpenny.underwriting.valuation_reports.model import ReportCheck
from support import lending
from support.people import PASSWORD

# may: the caller gets past every question of who they are (a rule of the business may still refuse).
# role: 403, this role never does that. hidden: 404, as if the thing did not exist.
Verdict = Literal["may", "role", "hidden"]


@dataclass(frozen=True)
class Policy:
    """What an investor, the loan's own borrower, another borrower and an administrator get."""

    investor: Verdict
    owner: Verdict
    other: Verdict
    administrator: Verdict
    body: Any = None

    def of(self, caller: str) -> Verdict:
        verdict: Verdict = getattr(self, caller)
        return verdict


def everybody(body: Any = None) -> Policy:
    return Policy("may", "may", "may", "may", body)


def administrators(body: Any = None) -> Policy:
    return Policy("role", "role", "role", "may", body)


def borrowers(body: Any = None) -> Policy:
    return Policy("role", "may", "may", "role", body)


def the_borrower(body: Any = None) -> Policy:
    return Policy("role", "may", "hidden", "role", body)


SOMEBODY = "stands for the id of a real person"
REASON = {"reason": "The property is empty."}
AMOUNT = {"amount": "100.00", "currency": "EUR"}
REPORT = {
    "valuer_id": str(uuid7()),
    "source": "survey",
    "amount": "500000.00",
    "valued_on": "2026-01-15",
    "document": "JVBERi0xLjQKJSVFT0YK",
}
APPLICATION_DOCUMENT = {"kind": "ownership", "document": "JVBERi0xLjQKJSVFT0YK"}
HIDDEN_FROM_ALL = Policy("hidden", "hidden", "hidden", "hidden")
VALUATION = {"amount": "500000.00", "valued_on": "2026-01-15", "valuer": "Alder & Finch Surveyors"}

# Callers without a token. Everything else answers them 401.
PUBLIC = {
    "POST /api/v1/auth/register",
    "POST /api/v1/auth/verify-email",
    "POST /api/v1/auth/login",
    "POST /api/v1/auth/refresh",
    "POST /api/v1/auth/forgot",
    "POST /api/v1/auth/reset",
    "POST /api/v1/auth/invitations/accept",
    "POST /api/v1/quotes",
    "POST /graphql",
    # Of a loan that is public anyway; those of others are hidden from others.
    "GET /api/v1/loans/{loan_id}/rates",
    "GET /api/v1/loans/{loan_id}/schedule",
    "GET /api/v1/loans/{loan_id}/waterfall",
    "POST /api/v1/loans/{loan_id}/waterfall/simulations",
    "GET /api/v1/loans/{loan_id}/recovery",
    "GET /api/v1/risk/method",
    "GET /api/v1/statistics/default-rate",
}

FIGURE = {"value": "0.15", "low": "0.14", "high": "0.16"}
CHAMPION = {"file": "borrower_champion.json", "sha256": "a" * 64}
PROMOTION = {
    "champion": {"file": "borrower_next.json", "sha256": "b" * 64},
    "challenger": CHAMPION,
    "judgement": {
        "champion": CHAMPION,
        "judged_on": "2026-01-15",
        "data_sha256": "c" * 64,
        "rows": 4446,
        "monotone_trials": 10_000,
        "monotone_breaks": 0,
        "brier": FIGURE,
        "slope": {"value": "1.02", "low": "0.95", "high": "1.09"},
        "intercept": {"value": "0.01", "low": "-0.06", "high": "0.08"},
        "brier_difference": {"value": "-0.001", "low": "-0.004", "high": "0.002"},
    },
    **REASON,
}

POLICIES: dict[str, Policy] = {
    "POST /api/v1/auth/logout": everybody(),
    "POST /api/v1/auth/password": everybody({"current_password": PASSWORD, "new_password": "short"}),
    "GET /api/v1/me": everybody(),
    "GET /api/v1/users": administrators(),
    "POST /api/v1/users/{user_id}/disable": administrators(),
    "POST /api/v1/users/{user_id}/enable": administrators(),
    "POST /api/v1/users/{user_id}/role": administrators({"role": "borrower"}),
    "POST /api/v1/users/invitations": administrators(
        {"email": "new@example.com", "full_name": "Nora Lind", "role": "servicer"}
    ),
    "POST /api/v1/users/{user_id}/kyc": administrators({"status": "verified"}),
    "POST /api/v1/users/{user_id}/related-parties": administrators({"related_user_id": SOMEBODY}),
    "GET /api/v1/approvals": administrators(),
    "GET /api/v1/approvals/{approval_id}": Policy("role", "role", "role", "hidden"),
    "POST /api/v1/approvals/{approval_id}/approve": Policy("role", "role", "role", "hidden"),
    "POST /api/v1/approvals/{approval_id}/refuse": Policy("role", "role", "role", "hidden", REASON),
    "POST /api/v1/approvals/{approval_id}/withdraw": Policy("role", "role", "role", "hidden"),
    "GET /api/v1/loans": everybody(),
    "POST /api/v1/loans": borrowers(lending.body()),
    "POST /api/v1/loans/drafts": borrowers(lending.body()),
    "PUT /api/v1/loans/{loan_id}": the_borrower(lending.body()),
    "POST /api/v1/loans/{loan_id}/submit": the_borrower(),
    "POST /api/v1/loans/{loan_id}/withdraw": the_borrower(),
    "POST /api/v1/loans/{loan_id}/accept": the_borrower(),
    "PUT /api/v1/loans/{loan_id}/valuation": Policy("hidden", "may", "hidden", "may", VALUATION),
    "GET /api/v1/decision-reasons": everybody(),
    "POST /api/v1/loans/{loan_id}/reviews": the_borrower({"statement": "The buyer has signed."}),
    "GET /api/v1/loans/{loan_id}/reviews": Policy("hidden", "may", "hidden", "may"),
    "GET /api/v1/reviews": administrators(),
    "POST /api/v1/reviews/{review_id}/decision": Policy(
        "role", "role", "role", "hidden", {"outcome": "upheld", "answer": "The debts are as stated."}
    ),
    "GET /api/v1/valuers": everybody(),
    "POST /api/v1/valuers": administrators(
        {"name": "Alder & Finch", "registration_body": "RICS", "registration_number": "77", "country": "US"}
    ),
    "POST /api/v1/valuers/{valuer_id}/remove": Policy("role", "role", "role", "hidden"),
    "POST /api/v1/loans/{loan_id}/documents": Policy("hidden", "may", "hidden", "may", APPLICATION_DOCUMENT),
    "GET /api/v1/loans/{loan_id}/documents": Policy("hidden", "may", "hidden", "may"),
    "GET /api/v1/loans/{loan_id}/documents/{document_id}": HIDDEN_FROM_ALL,
    "GET /api/v1/valuation-reports": administrators(),
    "POST /api/v1/loans/{loan_id}/valuation-reports": Policy("hidden", "may", "hidden", "may", REPORT),
    "GET /api/v1/loans/{loan_id}/valuation-reports": Policy("hidden", "may", "hidden", "may"),
    "GET /api/v1/loans/{loan_id}/valuation-reports/{report_id}/document": HIDDEN_FROM_ALL,
    "POST /api/v1/loans/{loan_id}/valuation-reports/{report_id}/verify": Policy(
        "role", "role", "role", "hidden", {"checks": [check.value for check in ReportCheck]}
    ),
    "POST /api/v1/loans/{loan_id}/valuation-reports/{report_id}/refuse": Policy(
        "role", "role", "role", "hidden", {"note": "Another house."}
    ),
    "POST /api/v1/loans/{loan_id}/decision": administrators(
        {"decision": "approve", "version": 1, "reason_code": "within_policy", "reason": "Sound."}
    ),
    "POST /api/v1/loans/{loan_id}/conditions": administrators({"valuation": VALUATION}),
    "POST /api/v1/loans/{loan_id}/offer": administrators(),
    "POST /api/v1/loans/{loan_id}/open-funding": administrators(),
    # Public from its offer on, in parts; what each sees of it is tested with the loans.
    "GET /api/v1/loans/{loan_id}": everybody(),
    "GET /api/v1/loans/{loan_id}/assessment": everybody(),
    "GET /api/v1/loans/{loan_id}/decision-letter": Policy("hidden", "may", "hidden", "may"),
    "POST /api/v1/loans/{loan_id}/assessment": administrators(),
    "GET /api/v1/backoffice/applications": administrators(),
    "GET /api/v1/backoffice/audit": administrators(),
    "GET /api/v1/backoffice/ledger/trial-balance": administrators(),
    "GET /api/v1/backoffice/ledger/accounts/{kind}/{currency}/statement": administrators(),
    "GET /api/v1/backoffice/ledger/chain-head": administrators(),
    "GET /api/v1/backoffice/ledger/general-ledger.csv": administrators(),
    # The loan's own borrower is refused as a self-dealer, staff and other borrowers by their role.
    "POST /api/v1/loans/{loan_id}/invest": Policy("may", "role", "role", "role", AMOUNT),
    "POST /api/v1/loans/{loan_id}/waiting-list": Policy("may", "role", "role", "role", AMOUNT),
    "POST /api/v1/loans/{loan_id}/cancel": Policy("hidden", "may", "hidden", "may", {"reason": "Sold already."}),
    "POST /api/v1/investments/bulk": everybody({"investments": [{"loan_id": str(uuid7())} | AMOUNT]}),
    "POST /api/v1/investments/{investment_id}/revoke": Policy("may", "hidden", "hidden", "hidden"),
    "GET /api/v1/waiting-list": everybody(),
    "POST /api/v1/waiting-list/{waiting_id}/leave": Policy("hidden", "hidden", "hidden", "hidden"),
    "GET /api/v1/wallets": everybody(),
    "GET /api/v1/wallets/{currency}/entries": everybody(),
    "POST /api/v1/wallets/{currency}/deposits": Policy("may", "may", "may", "role", {"amount": "10.00"}),
    "POST /api/v1/wallets/{currency}/withdrawals": Policy("may", "may", "may", "role", {"amount": "10.00"}),
    "GET /api/v1/payments": everybody(),
    "GET /api/v1/portfolio": everybody(),
    "POST /api/v1/loans/{loan_id}/drawdown": administrators(),
    "POST /api/v1/loans/{loan_id}/repayments": the_borrower(AMOUNT),
    "GET /api/v1/loans/{loan_id}/redemption": Policy("hidden", "may", "hidden", "may"),
    "GET /api/v1/loans/{loan_id}/redemption-statement": Policy("hidden", "may", "hidden", "may"),
    "GET /api/v1/loans/{loan_id}/ledger": administrators(),
    "GET /api/v1/loans/{loan_id}/distributions": everybody(),
    "GET /api/v1/distributions/{distribution_id}/proof": Policy("hidden", "hidden", "hidden", "hidden"),
    "POST /api/v1/receipts": administrators(
        AMOUNT | {"received_on": "2026-01-15", "payer": "Madrona Renovations OÜ", "reference": "RF18"}
    ),
    "GET /api/v1/receipts/unmatched": administrators(),
    "GET /api/v1/receipts/expected": administrators(),
    "GET /api/v1/receipts/{receipt_id}": Policy("role", "role", "role", "hidden"),
    "POST /api/v1/receipts/{receipt_id}/line": Policy("role", "role", "role", "hidden", {"line_id": str(uuid7())}),
    "POST /api/v1/receipts/{receipt_id}/withdraw": Policy("role", "role", "role", "hidden"),
    "POST /api/v1/receipts/{receipt_id}/match": Policy("role", "role", "role", "hidden", {"loan_id": str(uuid7())}),
    "POST /api/v1/receipts/{receipt_id}/return": Policy("role", "role", "role", "hidden"),
    "POST /api/v1/receipts/{receipt_id}/unmatch": Policy("role", "role", "role", "hidden", REASON),
    "POST /api/v1/receipts/{receipt_id}/reverse": Policy(
        "role", "role", "role", "hidden", REASON | {"reversed_on": "2026-01-15", "reference": "RTRN/1"}
    ),
    "PUT /api/v1/tax-profile": Policy("may", "role", "role", "role"),
    "POST /api/v1/loans/{loan_id}/default": administrators(REASON),
    "POST /api/v1/loans/{loan_id}/acceleration": administrators(REASON),
    "GET /api/v1/loans/{loan_id}/overpaid": administrators(),
    "POST /api/v1/loans/{loan_id}/overpaid": administrators(REASON | {"bearer": "platform"}),
    "POST /api/v1/loans/{loan_id}/extension": administrators(REASON),
    "POST /api/v1/loans/{loan_id}/waivers": administrators(
        REASON | {"component": "interest", "amount": "1.00", "currency": "EUR"}
    ),
    "POST /api/v1/loans/{loan_id}/pause": administrators(REASON | {"first": "2026-02-01", "last": "2026-02-28"}),
    "POST /api/v1/loans/{loan_id}/cure": administrators(REASON | {"unlikely_to_pay": False}),
    "POST /api/v1/loans/{loan_id}/recovery": administrators(REASON),
    "POST /api/v1/loans/{loan_id}/recovery/updates": administrators(),
    "POST /api/v1/loans/{loan_id}/recovery/costs": administrators(AMOUNT | {"kind": "survey"} | REASON),
    "POST /api/v1/loans/{loan_id}/write-off": administrators(REASON),
    "GET /api/v1/arrears": administrators(),
    "POST /api/v1/risk/promotions": administrators(PROMOTION),
    "GET /api/v1/risk/promotions": administrators(),
    "GET /api/v1/risk/monitoring": administrators(),
    "GET /api/v1/risk/portfolio": administrators(),
    "GET /api/v1/risk/allowances": administrators(),
    # One's own reports; who holds nothing has empty ones, and no flows of a loan.
    "GET /api/v1/portfolio/{loan_id}/cash-flows": Policy("hidden", "hidden", "hidden", "hidden"),
    "GET /api/v1/statements/{year}": everybody(),
    "GET /api/v1/statements/{year}/pdf": everybody(),
    "GET /api/v1/statements/{year}/tax.csv": everybody(),
    "POST /api/v1/realtime/connection-token": everybody(),
    "GET /api/v1/notifications": everybody(),
    "POST /api/v1/notifications/{notification_id}/read": Policy("hidden", "hidden", "hidden", "hidden"),
    "POST /api/v1/reconciliation/statements": administrators(),
    "GET /api/v1/reconciliation/statements": administrators(),
    "GET /api/v1/reconciliation/items": administrators(),
    "GET /api/v1/sandbox/bank/accounts": everybody(),
    "POST /api/v1/sandbox/bank/credits": everybody(
        {"account": "PLN", "amount": "70.00", "payer": "A. Payer", "reference": "RF18", "day": "2026-01-15"}
    ),
    "POST /api/v1/reconciliation/items/{item_id}/resolve": Policy(
        "role", "role", "role", "hidden", {"resolution": "returned"}
    ),
}

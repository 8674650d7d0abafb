"""Statuses, kinds and directions are one list: the database's CHECK and Python's StrEnum are the same."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import pytest

from halfpenny.approvals.model import ApprovalStatus
from halfpenny.funding.bank import CashDirection
from halfpenny.funding.reconciliation import MismatchKind
from halfpenny.funding.statuses import (
    InvestmentStatus,
    PaymentDirection,
    PaymentStatus,
    ReceiptStatus,
    ReconciliationStatus,
    WaitingStatus,
)
from halfpenny.identity import KycStatus, Role
from halfpenny.ledger import AccountKind
from halfpenny.loans import FundingStatus, LoanInterestMode, Status, TransitionName, Verdict
from halfpenny.loans.model import TRANSITIONS
from halfpenny.primitives.fees import FeeKind
from halfpenny.primitives.money import Currency
from halfpenny.risk_reporting.store import RiskReportKind
from halfpenny.servicing.model.position import LoanStanding
from halfpenny.servicing.statuses import DistributionStatus, SegmentKind
from halfpenny.underwriting.documents import DocumentKind
from halfpenny.underwriting.reviews import ReviewStatus
from halfpenny.underwriting.valuation_reports.model import ReportStatus

SCHEMA = Path(__file__).parents[2] / "docs" / "schema.sql"
ENUMS: dict[str, type[StrEnum]] = {
    "ck_account_kind": AccountKind,
    "ck_app_user_kyc_status": KycStatus,
    "ck_app_user_role": Role,
    "ck_accrual_segment_kind": SegmentKind,
    "ck_approval_status": ApprovalStatus,
    "ck_bank_statement_line_direction": CashDirection,
    "ck_application_document_kind": DocumentKind,
    "ck_decision_review_status": ReviewStatus,
    "ck_distribution_status": DistributionStatus,
    "ck_investment_status": InvestmentStatus,
    "ck_loan_decision_verdict": Verdict,
    "ck_loan_funding_status": FundingStatus,
    "ck_loan_interest_mode": LoanInterestMode,
    "ck_loan_status": Status,
    "ck_reconciliation_item_kind": MismatchKind,
    "ck_reconciliation_item_status": ReconciliationStatus,
    "ck_risk_report_kind": RiskReportKind,
    "ck_sandbox_bank_entry_direction": CashDirection,
    "ck_serviced_loan_standing": LoanStanding,
    "ck_bank_receipt_status": ReceiptStatus,
    "ck_valuation_report_status": ReportStatus,
    "ck_waiting_ticket_status": WaitingStatus,
    "ck_wallet_payment_direction": PaymentDirection,
    "ck_wallet_payment_status": PaymentStatus,
}
LISTED: list[type[StrEnum]] = [*ENUMS.values(), FeeKind]
# Only SQL reads and writes these, so Python has no list of its own.
IN_SQL_ONLY = {
    "ck_loan_condition_kind",
}
_CHECK = re.compile(
    r"CONSTRAINT (ck_\w+_(?:status|kind|direction|standing|role|verdict)) CHECK \(\(\w+ = ANY \(ARRAY\[(.*?)\]\)\)\)"
)


ROOT = Path(__file__).parents[2]
GLOSSARY = ROOT / "docs" / "glossary.md"
# A code that stands in the source of each change that CONTRIBUTING describes, and the files that may name it.
NAMED_IN = {
    r"Role\.TREASURER|['\"]treasurer['\"]": {
        "src/halfpenny/identity/roles.py",
        "src/halfpenny/identity/labels.py",
        "src/halfpenny/identity/permissions.py",
        "src/halfpenny_demo/seed.py",
        "migrations/versions/0003_identity.py",
    },
    r"['\"]ILS['\"]|Currency\.ILS": {
        "src/halfpenny_messages/currencies.py",
        "src/halfpenny_risk/policy.json",
        "migrations/versions/0002_ledger.py",
    },
    r"FeeKind\.EXIT|Exit fee": {"src/halfpenny/primitives/fees.py"},
}


def checked(constraint: str) -> set[str]:
    """The values that a CHECK of one column allows."""
    found = re.search(rf"CONSTRAINT {constraint} CHECK \(\(\w+ = ANY \(ARRAY\[(.*?)\]\)\)\)", SCHEMA.read_text())
    assert found is not None, constraint
    return set(re.findall(r"'(\w+)'::text", found[1]))


@pytest.mark.parametrize("constraint", ENUMS)
def test_a_check_and_its_enum_have_the_same_values(constraint: str) -> None:
    assert checked(constraint) == {member.value for member in ENUMS[constraint]}


def test_the_database_knows_every_currency() -> None:
    """Of account and loan; everything else in a currency belongs to one of them."""
    schema = SCHEMA.read_text()
    found = re.search(r"FUNCTION (?:public\.)?is_currency\(.*?IN \((.*?)\)", schema, re.DOTALL)
    assert found is not None
    assert re.findall(r"'(\w+)'", found[1]) == list(Currency)
    assert schema.count("CHECK (is_currency(currency))") == 2


def test_every_status_kind_and_direction_has_its_enum() -> None:
    names = {name for name, _ in _CHECK.findall(SCHEMA.read_text())}
    assert len(names) > 15
    assert names - set(ENUMS) - IN_SQL_ONLY - {"ck_property_kind"} == set()


# Two statuses of one meaning: whoever names both in a collection writes loans.RUNNING_STATUSES or its like again.
TOGETHER = ({"ACTIVE", "MATURED"}, {"DEFAULTED", "IN_RECOVERY"})


def sets_written_again(source: str) -> list[str]:
    """The collections and patterns that name both statuses of a pair of TOGETHER."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Set | ast.Tuple | ast.List):
            members: list[ast.AST] = list(node.elts)
        elif isinstance(node, ast.MatchOr):
            members = [pattern.value for pattern in node.patterns if isinstance(pattern, ast.MatchValue)]
        else:
            continue
        names = {member.attr for member in members if isinstance(member, ast.Attribute)}
        found += [ast.unparse(node) for pair in TOGETHER if pair <= names]
    return found


def test_the_sets_of_statuses_are_written_once() -> None:
    for again in ("{Status.ACTIVE, Status.MATURED}", "x = (S.DEFAULTED, S.REPAID, S.IN_RECOVERY)"):
        assert len(sets_written_again(again)) == 1
    assert len(sets_written_again("match s:\n case loans.Status.MATURED | loans.Status.ACTIVE: pass")) == 1
    assert sets_written_again("{Status.ACTIVE, Status.REPAID}") == []
    own = SOURCE / "loans" / "model.py"
    assert len(sets_written_again(own.read_text())) == 2
    packages = (SOURCE, SOURCE.parent / "halfpenny_demo")
    found = {
        path.relative_to(SOURCE.parent).as_posix(): again
        for package in packages
        for path in package.rglob("*.py")
        if path != own and (again := sets_written_again(path.read_text()))
    }
    assert found == {}


def test_every_transition_has_its_name() -> None:
    assert set(TRANSITIONS) == set(TransitionName)


SOURCE = Path(__file__).parents[2] / "src" / "halfpenny"
NAMED_SO = ("status", "kind", "state", "direction", "standing", "outcome", "role")
# What another's standard or library calls so, and answers of which there is one only.
BARE_STRINGS = {
    ("platform/telemetry.py", "alive"),
    ("servicing/rest/receipt_routes.py", "unmatched"),
    ("underwriting/rest.py", "requested"),
}


def _is_named_so(node: ast.expr) -> bool:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Subscript(slice=ast.Constant(value=str(name))):
            return name.rpartition("_")[2] in NAMED_SO
    return False


def _strings(node: ast.expr | None) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.Tuple(elts=items) | ast.List(elts=items) | ast.Set(elts=items):
            for item in items:
                yield from _strings(item)


def bare_strings(source: str) -> Iterator[str]:
    """String constants that a status, kind, state, direction, standing, outcome or role is compared with or set to."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Compare(left=left, comparators=others):
                sides = [left, *others]
                if any(map(_is_named_so, sides)):
                    for side in sides:
                        yield from _strings(side)
            case ast.Dict(keys=keys, values=values):
                for key, value in zip(keys, values, strict=True):
                    if isinstance(key, ast.Constant) and str(key.value).rpartition("_")[2] in NAMED_SO:
                        yield from _strings(value)
            case ast.keyword(arg=str(name), value=value) if name.rpartition("_")[2] in NAMED_SO:
                yield from _strings(value)


@pytest.mark.parametrize(
    "source",
    [
        'if loan.status == "active": pass',
        'row["kind"] in ("a", "active")',
        '{"status": "active"}',
        'write(direction="active")',
        '"active" != kyc_status',
    ],
)
def test_a_bare_string_is_found(source: str) -> None:
    assert "active" in set(bare_strings(source))


def test_no_status_kind_or_direction_is_a_bare_string() -> None:
    found = {
        (path.relative_to(SOURCE).as_posix(), text)
        for path in SOURCE.rglob("*.py")
        # The checks write what a column should be in SQL.
        if "check" not in path.relative_to(SOURCE).with_suffix("").parts
        for text in bare_strings(path.read_text())
    }
    assert found == BARE_STRINGS


def rows_of_glossary() -> set[str]:
    """The codes that head a cell of the glossary's tables."""
    return set(re.findall(r"\| `(\w+)` (?=\|)", GLOSSARY.read_text()))


@pytest.mark.parametrize("listed", LISTED, ids=lambda listed: listed.__name__)
def test_every_code_that_people_see_is_in_the_glossary(listed: type[StrEnum]) -> None:
    assert {member.value for member in listed} - rows_of_glossary() == set()


def test_the_glossary_explains_no_code_that_is_gone() -> None:
    known = {member.value for listed in LISTED for member in listed}
    assert rows_of_glossary() - known == set()


@pytest.mark.parametrize("pattern", NAMED_IN)
def test_a_role_a_currency_and_a_fee_stand_where_contributing_says(pattern: str) -> None:
    """Whoever adds one finds every place by the table "Where a change goes"; a new place goes into it, or away."""
    folders, endings = ("src", "migrations"), {".py", ".json", ".html", ".sql"}
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in endings]
    found = {
        str(path.relative_to(ROOT))
        for path in files
        if "static" not in path.parts and re.search(pattern, path.read_text())
    }
    assert found == NAMED_IN[pattern]
    described = (ROOT / "CONTRIBUTING.md").read_text()
    assert [name for name in found if Path(name).name not in described] == []

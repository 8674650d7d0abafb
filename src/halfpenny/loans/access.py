"""Who may see a loan, and how much of it: the one place, for every route, field and page."""

from __future__ import annotations

from enum import StrEnum

from halfpenny.identity import Permission, Principal
from halfpenny.loans.errors import LoanNotFound
from halfpenny.loans.model import Loan


class LoanReader(StrEnum):
    """As whom somebody reads a loan."""

    STAFF = "staff"
    OWNER = "owner"
    PUBLIC = "public"


def reader_of(loan: Loan, principal: Principal | None) -> LoanReader:
    """As whom this caller (None: nobody known) reads the loan. Raises LoanNotFound: for others it does not exist."""
    if principal is not None and principal.may(Permission.LOANS_READ_ALL):
        return LoanReader.STAFF
    if principal is not None and loan.borrower_id == principal.user_id:
        return LoanReader.OWNER
    if loan.is_public:
        return LoanReader.PUBLIC
    raise LoanNotFound()


def require_party(loan: Loan, principal: Principal) -> LoanReader:
    """The same for what is only for its borrower and staff. Raises LoanNotFound."""
    reader = reader_of(loan, principal)
    if reader is LoanReader.PUBLIC:
        raise LoanNotFound()
    return reader

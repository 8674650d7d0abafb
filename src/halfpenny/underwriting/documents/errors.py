"""Errors of application documents, by name."""

from __future__ import annotations

from halfpenny.primitives.errors import Malformed, NotFound, Refused


class ApplicationDocumentNotFound(NotFound):
    code = "application_document_not_found"
    message = "There is no such document of the application."


class FinancialYearMissing(Malformed):
    code = "financial_year_missing"
    message = "Accounts name the financial year that they are of."


class FinancialYearNotOfAccounts(Malformed):
    code = "financial_year_not_of_accounts"
    message = "Only accounts are of a financial year."


class FinancialYearOutOfRange(Malformed):
    code = "financial_year_out_of_range"
    message = "The financial year of accounts is this one or one of the last ten."


class AccountsOfYearPresent(Refused):
    """``financial_year`` in ``data`` says which."""

    code = "accounts_of_year_present"
    message = "The application has accounts of this financial year already."


class TooManyDocuments(Refused):
    code = "too_many_documents"
    message = "The application has as many documents as one may have."

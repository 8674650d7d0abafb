"""Valuation reports: the panel of valuers, reports uploaded as documents, and their verification by staff.

What a borrower states about a valuation is an owner's word until a member of staff has verified the report behind it.
"""

from halfpenny.underwriting.valuation_reports.model import ReportCheck, UploadedReport, Valuer
from halfpenny.underwriting.valuation_reports.service import add_valuer, upload, verify

__all__ = ["ReportCheck", "UploadedReport", "Valuer", "add_valuer", "upload", "verify"]

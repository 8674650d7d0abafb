"""Assessments in the document store: valuation with comparables, stress grid and flags, for staff and for investors."""

from halfpenny.marketplace.assessments.model import PUBLIC_FLAGS, assessment_document
from halfpenny.marketplace.assessments.store import AssessmentStore, assessment_loader

__all__ = ["PUBLIC_FLAGS", "AssessmentStore", "assessment_document", "assessment_loader"]

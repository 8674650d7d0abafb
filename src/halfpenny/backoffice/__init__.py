"""What administrators work with: the queue of loans that wait for a decision, and the audit trail."""

from halfpenny.backoffice.acts import staffing_acts
from halfpenny.backoffice.pages import TEMPLATES
from halfpenny.backoffice.service import seal_audit_trail

__all__ = ["TEMPLATES", "seal_audit_trail", "staffing_acts"]

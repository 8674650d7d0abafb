"""Applications that are being filled in, step by step, before they are sent."""

from halfpenny.loans.application_forms.model import (
    AMOUNTS,
    STEPS,
    ApplicationForm,
    FieldFault,
    FormReading,
    read_form,
)
from halfpenny.loans.application_forms.service import get_own, save, start, submit, unsent

__all__ = [
    "AMOUNTS",
    "STEPS",
    "ApplicationForm",
    "FieldFault",
    "FormReading",
    "get_own",
    "read_form",
    "save",
    "start",
    "submit",
    "unsent",
]

"""Documents of an application: the accounts, the ownership and the business plan that staff read beside the figures."""

from halfpenny.underwriting.documents.model import ApplicationDocument, DocumentKind, UploadedDocument
from halfpenny.underwriting.documents.service import upload

__all__ = ["ApplicationDocument", "DocumentKind", "UploadedDocument", "upload"]

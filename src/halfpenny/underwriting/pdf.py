"""What an uploaded document must be: a whole PDF of a bounded size, in base64 on the wire."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

from pydantic import StringConstraints

from halfpenny.underwriting import errors

MAX_DOCUMENT_BYTES = 600_000
# A little longer than the base64 of the largest document.
Base64Document = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]+={0,2}$", max_length=900_000)]
_BEGINS, _ENDS = b"%PDF-", b"%%EOF"
# The end mark may be followed by line breaks, and by nothing else of any length.
_END_WITHIN_BYTES = 1024


def decoded(document: str) -> bytes:
    """Raises DocumentNotPdf for what is no base64."""
    try:
        return base64.b64decode(document, validate=True)
    except binascii.Error as error:
        raise errors.DocumentNotPdf() from error


def check_pdf(document: bytes) -> None:
    """Raises DocumentTooLarge or DocumentNotPdf."""
    if len(document) > MAX_DOCUMENT_BYTES:
        raise errors.DocumentTooLarge(maximum_bytes=MAX_DOCUMENT_BYTES)
    if not document.startswith(_BEGINS) or _ENDS not in document[-_END_WITHIN_BYTES:]:
        raise errors.DocumentNotPdf()

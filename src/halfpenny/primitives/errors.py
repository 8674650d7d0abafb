"""The one base error: a stable code, safe data, and whether trying again can help."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class OperatorError(Exception):
    """What the operator has to mend: a setting, a folder, a server. A command ends with its text in one line.

    It never reaches who calls the API. The command line knows it by this base, without the parts that raise it.
    """


class HalfpennyError(Exception):
    """A failure with a name that callers may rely on.

    ``code`` never changes once published; ``data`` holds only what the caller may see
    (decimal strings and ids, never secrets). ``kind`` is mapped to each edge by one table
    (``halfpenny.platform.http.problems``): ``malformed`` is input that cannot be read (422),
    ``refused`` is a business rule that refused (409), and so on.
    """

    code: ClassVar[str] = "internal_error"
    kind: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False
    message: ClassVar[str] = "Something went wrong on our side."

    def __init__(self, message: str | None = None, **data: object) -> None:
        super().__init__(message or self.message)
        self.data: Mapping[str, object] = data


class Malformed(HalfpennyError):
    """The input cannot be read as what it should be (422)."""

    code = "malformed"
    kind = "malformed"
    message = "The request is malformed."


class Refused(HalfpennyError):
    """A business rule refused; nothing changed (409)."""

    code = "refused"
    kind = "refused"
    message = "The request was refused."


class NotFound(HalfpennyError):
    """No such thing, or not one that this caller may know of (404)."""

    code = "not_found"
    kind = "not_found"
    message = "Not found."


class Forbidden(HalfpennyError):
    """The caller is known, and may not do this (403)."""

    code = "forbidden"
    kind = "forbidden"
    message = "You may not do this."


class Unauthenticated(HalfpennyError):
    """No valid credentials came with the request (401)."""

    code = "unauthenticated"
    kind = "unauthenticated"
    message = "Sign in, then try again."


class TooManyRequests(HalfpennyError):
    """A rate limit was reached; ``retry_after_s`` is in ``data`` (429)."""

    code = "too_many_requests"
    kind = "too_many"
    retryable = True
    message = "Too many requests. Try again later."


class Unavailable(HalfpennyError):
    """A part of the system is away; trying again with the same key is safe (503)."""

    code = "unavailable"
    kind = "unavailable"
    retryable = True
    message = "Temporarily unavailable. Try again."

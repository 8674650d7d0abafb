"""How each failure reads at each edge: the one table, and problem+json (RFC 9457) made from it.

The table lives beside the edge helpers because REST routes, GraphQL, the bare investing route and the
worker all answer from it; ``halfpenny.entrypoints.errors`` hangs it on the application.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import msgspec

from halfpenny.platform.faults import described
from halfpenny.primitives.errors import HalfpennyError

PROBLEM_TYPE: Final = "application/problem+json"


@dataclass(frozen=True, slots=True)
class FailureKind:
    """One kind of failure at every edge.

    ``status`` and ``title`` are for HTTP and pages, ``graphql`` is the kind of a GraphQL error. Consumers of
    the queue need no row: the error itself holds whether a retry can help (``retryable``).
    """

    status: int
    title: str
    graphql: str


FAILURE_KINDS: Final[Mapping[str, FailureKind]] = MappingProxyType(
    {
        "malformed": FailureKind(422, "Malformed request", "BAD_INPUT"),
        "refused": FailureKind(409, "Refused by a rule", "REFUSED"),
        "not_found": FailureKind(404, "Not found", "NOT_FOUND"),
        "forbidden": FailureKind(403, "Forbidden", "FORBIDDEN"),
        "unauthenticated": FailureKind(401, "Not authenticated", "UNAUTHENTICATED"),
        "too_many": FailureKind(429, "Too many requests", "TOO_MANY_REQUESTS"),
        "unavailable": FailureKind(503, "Unavailable", "UNAVAILABLE"),
        "internal": FailureKind(500, "Internal error", "INTERNAL"),
    }
)

# Codes whose HTTP status is finer than that of their kind.
STATUS_OF_CODE: Final[Mapping[str, int]] = MappingProxyType(
    {
        "idempotency_key_missing": 400,
        "idempotency_key_ambiguous": 400,
        "unknown_host": 400,
        "method_not_allowed": 405,
        "body_timeout": 408,
        "body_too_large": 413,
        "unsupported_media_type": 415,
    }
)

# What the framework raises by status alone, by the code that we publish for it.
CODE_OF_STATUS: Final[Mapping[int, tuple[str, str]]] = MappingProxyType(
    {
        400: ("malformed", "The request is malformed."),
        401: ("unauthenticated", "Sign in, then try again."),
        403: ("forbidden", "You may not do this."),
        404: ("not_found", "Not found."),
        405: ("method_not_allowed", "This method is not allowed here."),
        413: ("body_too_large", "The request body is too large."),
        415: ("unsupported_media_type", "Send JSON as application/json."),
        422: ("malformed", "The request is malformed."),
        429: ("too_many_requests", "Too many requests. Try again later."),
        503: ("unavailable", "Temporarily unavailable. Try again."),
    }
)

DEFAULT_RETRY_AFTER_S: Final = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """A failure ready to be sent: HTTP status, header pairs and the JSON bytes."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def failure_kind_of(error: BaseException) -> FailureKind:
    """The row of the table for an exception; anything that is not ours is internal."""
    kind = error.kind if isinstance(error, HalfpennyError) else "internal"
    return FAILURE_KINDS.get(kind, FAILURE_KINDS["internal"])


def status_of(error: HalfpennyError | type[HalfpennyError]) -> int:
    """The HTTP status of an error or of a class of errors."""
    return STATUS_OF_CODE.get(error.code, FAILURE_KINDS.get(error.kind, FAILURE_KINDS["internal"]).status)


def problem(error: BaseException, instance: str) -> Problem:
    """The problem+json for any exception. ``instance`` is the request's path.

    An exception that is not a HalfpennyError is ``internal_error`` to the caller, without details.
    """
    if not isinstance(error, HalfpennyError):
        error = HalfpennyError()
    return build_problem(
        status_of(error), error.code, str(error), instance, error.data, title=failure_kind_of(error).title
    )


def build_problem(
    status: int,
    code: str,
    detail: str,
    instance: str,
    data: Mapping[str, Any] | None = None,
    *,
    title: str | None = None,
    headers: Sequence[tuple[str, str]] = (),
) -> Problem:
    """Assemble one problem document; ``code`` is the stable member that clients may rely on."""
    document: dict[str, Any] = {
        "type": f"urn:halfpenny:problem:{code}",
        "title": title or _title_of(status),
        "status": status,
        "detail": detail,
        "instance": instance,
        "code": code,
    }
    if data:
        document["data"] = dict(data)
    extra = list(headers)
    if status == 401:
        extra.append(("www-authenticate", "Bearer"))
    if status in (429, 503):
        seconds = (data or {}).get("retry_after_s", DEFAULT_RETRY_AFTER_S)
        extra.append(("retry-after", str(seconds)))
    body = msgspec.json.encode(document, enc_hook=str)
    return Problem(
        status,
        (
            ("content-type", PROBLEM_TYPE),
            ("content-length", str(len(body))),
            ("cache-control", "no-store"),
            *extra,
        ),
        body,
    )


def framework_problem(status: int, instance: str, headers: Mapping[str, str] | None = None) -> Problem:
    """The problem+json for a status that the framework chose (no route, wrong method, ...)."""
    code, detail = CODE_OF_STATUS.get(status, ("malformed" if status < 500 else "internal_error", "Refused."))
    kept = [(name, value) for name, value in (headers or {}).items() if name.lower() == "allow"]
    return build_problem(status, code, detail, instance, headers=kept)


def _title_of(status: int) -> str:
    for answer in FAILURE_KINDS.values():
        if answer.status == status:
            return answer.title
    return "Request not accepted"


# Pydantic's own error types, by the codes that we publish.
_VALIDATION_CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "missing": "missing_field",
        "extra_forbidden": "unknown_field",
        "json_invalid": "malformed_json",
        "json_type": "malformed_json",
    }
)

# How the error types begin that our own request models raise; they are published as they are.
_OWN_CODES: Final = ("malformed_", "amount_not_positive")


def validation_problem(errors: Sequence[Mapping[str, Any]], instance: str) -> Problem:
    """422 for a body or parameters that do not fit: where and why, without repeating what was sent.

    ``code`` is that of the first fault: ours (``malformed_amount``), ``missing_field``, ``unknown_field``,
    ``malformed_json``, or ``malformed``. ``data.errors`` lists every fault with a JSON pointer.
    """
    faults = []
    for error in errors[:50]:
        kind = str(error.get("type", ""))
        code = _VALIDATION_CODES.get(kind) or (kind if kind.startswith(_OWN_CODES) else "malformed")
        location = [str(step) for step in error.get("loc", ())]
        pointer = "/".join(step.replace("~", "~0").replace("/", "~1") for step in location)
        faults.append({"pointer": f"/{pointer}", "code": code, "detail": described(error)[:200]})
    code = faults[0]["code"] if faults else "malformed"
    return build_problem(
        422, code, "The request is not valid; data.errors lists every fault.", instance, {"errors": faults}
    )

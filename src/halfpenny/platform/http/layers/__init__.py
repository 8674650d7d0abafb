"""The guard around every request: small ASGI layers of one concern each, in one order for all routes.

They are plain ASGI, because they must also hold for routes that the framework never sees: the fast path
stands behind the same layers, and before only those that make sense of a framework's request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from halfpenny.platform.http.asgi import ASGIApp
from halfpenny.platform.http.layers.bodies import BodyLimits, StrictJson
from halfpenny.platform.http.layers.compression import Compression
from halfpenny.platform.http.layers.origins import (
    KnownHosts,
    PlainTargets,
    SameOrigin,
    TrustedProxies,
    UnambiguousHeaders,
)
from halfpenny.platform.http.layers.problem_answers import ProblemAnswers
from halfpenny.platform.http.layers.request_log import AccessLog, RequestIds, WriteLine, log_line
from halfpenny.platform.http.layers.security_headers import SecurityHeaders


@dataclass(frozen=True, slots=True)
class EdgeSettings:
    """``allowed_hosts`` are names without ports. ``trusted_proxies`` are networks (CIDR) whose
    X-Forwarded-For counts; with none, the header is ignored. ``https_only`` adds HSTS.
    ``unfinished_per_address`` is how many requests one address may have sent the head but not the body of."""

    allowed_hosts: frozenset[str] = frozenset({"localhost", "127.0.0.1", "[::1]"})
    max_body_bytes: int = 1_000_000
    body_timeout_s: float = 15.0
    unfinished_per_address: int = 1_024
    https_only: bool = False
    trusted_proxies: tuple[str, ...] = ()


def guard(
    app: ASGIApp,
    settings: EdgeSettings | None = None,
    *,
    fast_path: Callable[[ASGIApp], ASGIApp] | None = None,
    write_line: WriteLine = log_line,
) -> ASGIApp:
    """The application behind all layers, from the outermost: what each refuses never reaches those after it.

    ``fast_path`` wraps what answers some requests before the framework sees them, ``write_line`` takes the log line of
    each request.
    """
    edge = settings or EdgeSettings()
    inner: ASGIApp = StrictJson(app)
    if fast_path is not None:
        inner = fast_path(inner)
    inner = BodyLimits(inner, edge.max_body_bytes, edge.body_timeout_s, edge.unfinished_per_address)
    inner = SameOrigin(PlainTargets(UnambiguousHeaders(inner)))
    inner = ProblemAnswers(KnownHosts(inner, edge.allowed_hosts))
    inner = SecurityHeaders(Compression(inner), https_only=edge.https_only)
    inner = RequestIds(AccessLog(inner, write_line))
    return TrustedProxies(inner, edge.trusted_proxies)


__all__ = ["EdgeSettings", "guard"]

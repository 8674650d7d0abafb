"""Errors of approvals."""

from __future__ import annotations

from halfpenny.primitives.errors import Forbidden, NotFound, Refused


class ApprovalNotFound(NotFound):
    code = "approval_not_found"
    message = "There is no such approval."


class FourEyes(Forbidden):
    code = "four_eyes"
    message = "Another person must do this."


class ApprovalDecided(Refused):
    code = "approval_decided"
    message = "This was decided before."


class ApprovalExpired(Refused):
    code = "approval_expired"
    message = "Nobody decided in time: the proposal has expired. Propose it again."


class ApprovalTooEarly(Refused):
    code = "approval_too_early"
    message = "This waits for a while before it can be approved, so that others learn of it first."


class ApprovalStale(Refused):
    code = "approval_stale"
    message = "What this is about has changed since it was proposed. Read what changed, then propose it again."


class ProposerBarred(Refused):
    code = "proposer_barred"
    message = "Whoever proposed this may not do so any more. Somebody else must propose it."

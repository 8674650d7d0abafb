"""The names of a loan's state transitions, and the statuses of its funding."""

from __future__ import annotations

from enum import StrEnum


class TransitionName(StrEnum):
    """A state transition of a loan. ``TRANSITIONS`` holds its sources, its target and who may make it."""

    SUBMIT = "submit"
    ASSESS = "assess"
    REQUEST_REASSESSMENT = "request_reassessment"
    APPROVE = "approve"
    REINSTATE = "reinstate"
    DECLINE = "decline"
    OFFER = "offer"
    WITHDRAW = "withdraw"
    LAPSE = "lapse"
    ACCEPT = "accept"
    OPEN_FUNDING = "open_funding"
    COMPLETE_FUNDING = "complete_funding"
    REOPEN_FUNDING = "reopen_funding"
    EXPIRE = "expire"
    CANCEL = "cancel"
    MEET_CONDITIONS = "meet_conditions"
    DRAW_DOWN = "draw_down"
    MATURE = "mature"
    EXTEND = "extend"
    DEFAULT = "default"
    CURE = "cure"
    UNDO_DEFAULT = "undo_default"
    START_RECOVERY = "start_recovery"
    REPAY = "repay"
    REOPEN = "reopen"
    WRITE_OFF = "write_off"


class FundingStatus(StrEnum):
    """The status of a loan's funding: pending until the offer is accepted; only an open one takes investments."""

    PENDING = "pending"
    OPEN = "open"
    FULL = "full"
    CLOSED = "closed"

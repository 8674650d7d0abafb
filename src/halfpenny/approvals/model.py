"""Four eyes, pure: what an act is, when it takes a second person, who may decide, and what changed since."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec

from halfpenny.approvals import errors
from halfpenny.identity import Permission
from halfpenny.platform.database import Connection
from halfpenny.primitives.ids import UserId

Payload = TypeVar("Payload")


class ApprovalStatus(StrEnum):
    """Where a proposal stands. Only ``pending`` ever changes."""

    PENDING = "pending"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class ObjectState:
    """The object of an act as it stands: its version, what a second person should see of it, what the act is worth.

    ``facts`` holds JSON values (money as decimal strings); the difference between then and now is shown from them.
    ``worth_eur_minor`` is what the rule by amount compares, in euro cents; None is unknown, and takes two people.
    """

    version: str
    facts: Mapping[str, Any]
    worth_eur_minor: int | None = None

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any], worth_eur_minor: int | None = None) -> ObjectState:
        """For objects that count no versions: any change of a fact is another version."""
        digest = hashlib.sha256(msgspec.json.encode(dict(facts), order="deterministic")).hexdigest()
        return cls(digest, facts, worth_eur_minor)


@dataclass(frozen=True, slots=True)
class SecondPersonRule:
    """When an act takes a second person: above a limit in euro cents, or always (None)."""

    above_eur_minor: int | None = None

    def needs_second(self, worth_eur_minor: int | None) -> bool:
        """Whether it does. An amount that nobody knows never spares the second person."""
        if self.above_eur_minor is None or worth_eur_minor is None:
            return True
        return worth_eur_minor > self.above_eur_minor


ALWAYS = SecondPersonRule()


@dataclass(frozen=True, slots=True)
class ActRun(Generic[Payload]):
    """One act on its way to be done. Only this feature makes these: whoever holds one has been through four eyes.

    ``approved_by`` is None where the rule asked for no second person.
    """

    object_id: UUID
    payload: Payload
    state: ObjectState
    proposed_by: UserId
    approved_by: UserId | None
    reason: str


@dataclass(frozen=True, slots=True)
class Act(Generic[Payload]):
    """A named act that may take two people: what a feature registers. docs/guides/approvals.md shows one whole.

    ``subject`` names the kind of object (``loan``, ``user``). ``read`` returns the object as it stands, locked until
    the transaction ends where asked for, and raises the feature's NotFound. ``bar`` raises where this person has
    an interest in the object. ``check`` raises the feature's refusal where the act cannot be done; ``run`` does it
    and returns what the route answers, as JSON values. All run in the caller's transaction.
    """

    name: str
    subject: str
    payload: type[Payload]
    proposed_with: Permission
    approved_with: Permission
    read: Callable[[Connection, UUID, Payload, bool], Awaitable[ObjectState]]
    bar: Callable[[Connection, UserId, UUID, Payload], Awaitable[None]]
    check: Callable[[Connection, ActRun[Payload]], Awaitable[None]]
    run: Callable[[Connection, ActRun[Payload]], Awaitable[dict[str, Any]]]
    rule: SecondPersonRule = ALWAYS
    wait: timedelta = timedelta(0)

    def decode(self, stored: Any) -> Payload:
        """The payload from the JSON values that it was kept as."""
        return msgspec.convert(stored, self.payload)


class Acts:
    """Every act of the application by its name, and for how long a proposal waits."""

    def __init__(self, acts: Iterable[Act[Any]], expires_after: timedelta = timedelta(days=7)) -> None:
        self._by_name: dict[str, Act[Any]] = {}
        for act in acts:
            if act.name in self._by_name:
                raise ValueError(f"two acts are called {act.name}")
            if act.wait >= expires_after:
                raise ValueError(f"{act.name} could be approved only after it has expired")
            self._by_name[act.name] = act
        self.expires_after = expires_after

    def __getitem__(self, name: str) -> Act[Any]:
        return self._by_name[name]

    def __iter__(self) -> Iterator[Act[Any]]:
        return iter(self._by_name.values())

    def get(self, name: str) -> Act[Any] | None:
        """The act, or None where this release knows it no more."""
        return self._by_name.get(name)


@dataclass(frozen=True, slots=True)
class Approval:
    """One row of ``approval``: what was proposed on which version of what, and what became of it."""

    id: UUID
    act: str
    subject: str
    object_id: UUID
    object_version: str
    facts: Mapping[str, Any]
    payload: Mapping[str, Any]
    worth_eur_minor: int | None
    reason: str
    status: ApprovalStatus
    proposed_by: UserId
    proposed_at: datetime
    earliest_at: datetime
    expires_at: datetime
    decided_by: UserId | None = None
    decided_at: datetime | None = None
    decision_reason: str | None = None
    result: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class FactChange:
    """One fact of the object, as it was when the act was proposed and as it is now. None: it was not there."""

    fact: str
    proposed: Any
    now: Any


@dataclass(frozen=True, slots=True)
class ActOutcome:
    """What became of a request for an act: its result, or the approval that now waits for a second person."""

    result: dict[str, Any] | None = None
    approval: Approval | None = None


@dataclass(frozen=True, slots=True)
class ApprovalFilter:
    """What a list is narrowed to; None narrows nothing."""

    status: ApprovalStatus | None = None
    act: str | None = None
    object_id: UUID | None = None
    proposed_by: UUID | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """An approval beside its object: what has changed since, and whether that makes it stale."""

    approval: Approval
    stale: bool
    changes: tuple[FactChange, ...] = field(default=())


def changes_since(proposed: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[FactChange]:
    """Every fact that differs, by its path (``terms.amount``), in the order of the paths. Pure."""
    found: list[FactChange] = []
    for name in sorted({*proposed, *now}):
        before, after = proposed.get(name), now.get(name)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            found.extend(changes_since(before, after, f"{prefix}{name}."))
        elif before != after:
            found.append(FactChange(f"{prefix}{name}", before, after))
    return found


def check_decider(approval: Approval, decided_by: UserId, related: bool, now: datetime) -> None:
    """Whether this person may decide on it at this moment: who first, then its status, then the time.

    Raises FourEyes, ApprovalDecided or ApprovalExpired.
    """
    if decided_by == approval.proposed_by:
        raise errors.FourEyes("Nobody decides on what they proposed themselves.")
    if related:
        raise errors.FourEyes("Nobody decides on what a related person proposed.")
    check_open(approval, now)


def check_wait(approval: Approval, now: datetime) -> None:
    """Raises ApprovalTooEarly before ``earliest_at``; at that moment itself the cooling-off period is over."""
    if now < approval.earliest_at:
        raise errors.ApprovalTooEarly(earliest_at=approval.earliest_at.isoformat())


def check_open(approval: Approval, now: datetime) -> None:
    """Raises ApprovalDecided or ApprovalExpired unless it still waits. It ends at ``expires_at`` itself."""
    if approval.status is ApprovalStatus.EXPIRED or (
        approval.status is ApprovalStatus.PENDING and now >= approval.expires_at
    ):
        raise errors.ApprovalExpired(expired_at=approval.expires_at.isoformat())
    if approval.status is not ApprovalStatus.PENDING:
        raise errors.ApprovalDecided(status=approval.status.value)

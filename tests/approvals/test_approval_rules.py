"""The pure rules of four eyes: when a second person is due, who may decide, what changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.example_act import MOVE_MATURITY
from halfpenny.approvals import ALWAYS, Acts, Approval, ApprovalStatus, ObjectState, SecondPersonRule, errors
from halfpenny.approvals.model import changes_since, check_decider, check_wait
from halfpenny.primitives.ids import UserId, uuid7

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PROPOSER, DECIDER = UserId(uuid7()), UserId(uuid7())


def approval(**changes: Any) -> Approval:
    made = Approval(
        id=uuid7(),
        act="loan.move_maturity",
        subject="loan",
        object_id=uuid7(),
        object_version="4",
        facts={},
        payload={},
        worth_eur_minor=1,
        reason="Because.",
        status=ApprovalStatus.PENDING,
        proposed_by=PROPOSER,
        proposed_at=NOON,
        earliest_at=NOON,
        expires_at=NOON + timedelta(days=1),
    )
    return replace(made, **changes)


@given(limit=st.integers(0, 10**12), worth=st.integers(0, 10**12))
def test_the_limit_itself_takes_one_person_and_a_cent_more_takes_two(limit: int, worth: int) -> None:
    assert SecondPersonRule(limit).needs_second(worth) is (worth > limit)
    assert SecondPersonRule(limit).needs_second(limit) is False
    assert SecondPersonRule(limit).needs_second(limit + 1) is True


def test_an_unknown_worth_and_an_act_without_a_limit_take_two() -> None:
    assert SecondPersonRule(10**12).needs_second(None)
    assert ALWAYS.needs_second(0)


def test_who_is_asked_before_when() -> None:
    over = approval(status=ApprovalStatus.REFUSED)
    with pytest.raises(errors.FourEyes):
        check_decider(over, PROPOSER, False, NOON)
    with pytest.raises(errors.FourEyes):
        check_decider(over, DECIDER, True, NOON)
    with pytest.raises(errors.ApprovalDecided):
        check_decider(over, DECIDER, False, NOON)


def test_it_ends_at_its_moment() -> None:
    end = approval().expires_at
    check_decider(approval(), DECIDER, False, end - timedelta(microseconds=1))
    with pytest.raises(errors.ApprovalExpired):
        check_decider(approval(), DECIDER, False, end)


def test_the_cooling_off_period_is_over_at_its_last_moment() -> None:
    waiting = approval(earliest_at=NOON + timedelta(hours=24))
    with pytest.raises(errors.ApprovalTooEarly) as early:
        check_wait(waiting, waiting.earliest_at - timedelta(microseconds=1))
    assert early.value.data["earliest_at"] == waiting.earliest_at.isoformat()
    check_wait(waiting, waiting.earliest_at)


values = st.none() | st.booleans() | st.integers(0, 9) | st.sampled_from(["x", "y"])
flat = st.dictionaries(st.sampled_from("abc"), values)
facts = st.dictionaries(st.sampled_from("abc"), values | flat)


@given(before=facts, now=facts)
def test_a_difference_is_shown_exactly_where_there_is_one(before: dict[str, Any], now: dict[str, Any]) -> None:
    found = changes_since(before, now)
    assert all(change.proposed != change.now for change in found)
    assert changes_since(before, before) == []
    # A fact that is there as None and one that is not there read alike.
    differing = {name for name in {*before, *now} if before.get(name) != now.get(name)}
    assert {change.fact.split(".")[0] for change in found} <= differing
    assert bool(found) == any(_differ(before.get(name), now.get(name)) for name in differing)


def _differ(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return any(one.get(name) != other.get(name) for name in {*one, *other})
    return bool(one != other)


def test_a_nested_fact_is_named_by_its_path() -> None:
    found = changes_since(
        {"terms": {"amount": "1.00", "rate": "9"}, "gone": 1}, {"terms": {"amount": "2.00", "rate": "9"}}
    )
    assert [(change.fact, change.proposed, change.now) for change in found] == [
        ("gone", 1, None),
        ("terms.amount", "1.00", "2.00"),
    ]


def test_objects_without_versions_have_that_of_their_facts() -> None:
    one = ObjectState.of_facts({"role": "investor", "disabled": False})
    assert one.version == ObjectState.of_facts({"disabled": False, "role": "investor"}).version
    assert one.version != ObjectState.of_facts({"role": "investor", "disabled": True}).version


def test_acts_have_names_of_their_own_and_waits_that_end() -> None:
    with pytest.raises(ValueError, match="two acts"):
        Acts([MOVE_MATURITY, MOVE_MATURITY])
    with pytest.raises(ValueError, match="expired"):
        Acts([replace(MOVE_MATURITY, wait=timedelta(days=2))], timedelta(days=2))

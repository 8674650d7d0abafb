"""Alerts without a monitoring system: an indicator that stays above its limit is notified once, and once when it ends.

The bodies are those of Alertmanager's webhook (version 4), so that whatever receives its alerts receives ours.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from halfpenny.platform.database import Database
from halfpenny.platform.indicators import Indicator, Readings

log = structlog.get_logger("halfpenny.alerts")

Key = tuple[str, str]
Notify = Callable[["AlertNotice"], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """An indicator above its limit, as it is kept; ``notified`` where somebody was."""

    above_since: datetime
    notified: bool


@dataclass(frozen=True, slots=True)
class AlertNotice:
    """One message: the indicator fires, or what fired has ended. ``figure`` is None where it is not there any more."""

    indicator: Indicator
    label_value: str
    firing: bool
    figure: float | None
    since: datetime

    @property
    def key(self) -> Key:
        return self.indicator.name, self.label_value


@dataclass(frozen=True, slots=True)
class AlertChanges:
    """What one measurement changes: alerts that begin to be watched, that end unseen, and the notices that are due."""

    begun: tuple[Key, ...]
    ended: tuple[Key, ...]
    notices: tuple[AlertNotice, ...]


def changes(
    indicators: Sequence[Indicator], readings: Readings, known: Mapping[Key, OpenAlert], now: datetime
) -> AlertChanges:
    """What is unknown stays as it was. An alert that was not notified ends without a notice."""
    by_name = {indicator.name: indicator for indicator in indicators}
    figures = {(each.indicator.name, each.label_value): each.figure for each in readings.known}
    above = {key: figure for key, figure in figures.items() if figure > by_name[key[0]].limit}
    notices, ended = [], []
    for key, figure in above.items():
        indicator, alert = by_name[key[0]], known.get(key)
        since = alert.above_since if alert else now
        if (alert is None or not alert.notified) and now - since >= timedelta(seconds=indicator.lasting_s):
            notices.append(AlertNotice(indicator, key[1], True, figure, since))
    for key, alert in known.items():
        if key in above or key[0] in readings.unknown:
            continue
        if alert.notified and key[0] in by_name:
            notices.append(AlertNotice(by_name[key[0]], key[1], False, figures.get(key), alert.above_since))
        else:
            ended.append(key)
    return AlertChanges(tuple(key for key in above if key not in known), tuple(ended), tuple(notices))


async def notify(
    database: Database, indicators: Sequence[Indicator], readings: Readings, channels: Sequence[Notify]
) -> int:
    """Keep what is above its limit, and send the notices that are due; returns how many every channel has taken.

    A notice that a channel refuses is sent again with the next measurement, to all channels.
    """
    async with database.unit_of_work() as connection:
        rows = await connection.fetch("SELECT * FROM operating_alert")
        known = {
            (row["indicator"], row["label_value"]): OpenAlert(row["above_since"], row["notified_at"] is not None)
            for row in rows
        }
        due = changes(indicators, readings, known, await connection.fetchval("SELECT now()"))
        await connection.executemany(
            "INSERT INTO operating_alert (indicator, label_value) VALUES ($1, $2) ON CONFLICT DO NOTHING", due.begun
        )
        await connection.executemany(
            "DELETE FROM operating_alert WHERE indicator = $1 AND label_value = $2 AND notified_at IS NULL", due.ended
        )
    sent = 0
    for notice in due.notices:
        try:
            for channel in channels:
                await channel(notice)
        except Exception:
            log.exception("alert_not_sent", indicator=notice.indicator.name, label=notice.label_value)
            continue
        async with database.unit_of_work() as connection:
            await connection.execute(_FIRED if notice.firing else _ENDED, *notice.key)
        sent += 1
    return sent


_FIRED = "UPDATE operating_alert SET notified_at = now() WHERE indicator = $1 AND label_value = $2"
_ENDED = "DELETE FROM operating_alert WHERE indicator = $1 AND label_value = $2"


def sentence(notice: AlertNotice) -> str:
    """One line for people: what is how much above which limit, since when."""
    indicator = notice.indicator
    what = f"{indicator.name}{{{notice.label_value}}}" if notice.label_value else indicator.name
    figure = "not measured" if notice.figure is None else f"{notice.figure:g}"
    state = (
        f"above {indicator.limit:g} since" if notice.firing else f"not above {indicator.limit:g} any more; it was since"
    )
    return f"{what} is {figure}, {state} {notice.since:%Y-%m-%d %H:%M} UTC. {indicator.description}"


def webhook_body(notice: AlertNotice) -> dict[str, Any]:
    """The body of Alertmanager's webhook for one alert."""
    indicator = notice.indicator
    labels = {"alertname": alert_name(indicator), "severity": indicator.severity.value}
    if indicator.label:
        labels[indicator.label] = notice.label_value
    status = "firing" if notice.firing else "resolved"
    alert = {
        "status": status,
        "labels": labels,
        "annotations": {"summary": sentence(notice), "runbook": indicator.runbook},
        "startsAt": notice.since.isoformat(),
    }
    return {"version": "4", "status": status, "groupLabels": {"alertname": labels["alertname"]}, "alerts": [alert]}


def alert_name(indicator: Indicator) -> str:
    """``outbox_oldest_seconds`` is the alert OutboxOldestSeconds."""
    return "".join(part.capitalize() for part in indicator.name.split("_"))

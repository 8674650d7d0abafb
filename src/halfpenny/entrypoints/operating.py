"""How the platform runs: all indicators, measured for `halfpenny status`, for Prometheus and for alerts."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

import httpx2
from prometheus_client import REGISTRY, Gauge

from halfpenny import funding, identity, loans, servicing
from halfpenny.entrypoints.settings import Settings, WrongSettings
from halfpenny.platform import alerts, books_checks, database_indicators, periodic_jobs
from halfpenny.platform.child import ends_with_this_process
from halfpenny.platform.database import Database
from halfpenny.platform.indicators import Indicator, Reading, Readings, take_readings
from halfpenny.platform.queue import Transport
from halfpenny.platform.queue import indicators as queue_indicators

MEASURE_EVERY_S = 15.0
_MEASURE = "measure_indicators"
_WEBHOOK_TIMEOUT_S = 10.0
# A check of ten million transfers takes five minutes.
_CHECK_LEASE_S = 7_200.0

INDICATORS: tuple[Indicator, ...] = (
    *books_checks.INDICATORS,
    *database_indicators.INDICATORS,
    *queue_indicators.INDICATORS,
    *periodic_jobs.INDICATORS,
    *identity.INDICATORS,
    *loans.INDICATORS,
    *funding.INDICATORS,
    *servicing.INDICATORS,
)


class Gauges:
    """The indicators as Prometheus' gauges, of the newest measurement; one that could not be measured shows nothing."""

    def __init__(self, indicators: Sequence[Indicator] = INDICATORS) -> None:
        self._gauges = {
            each.name: Gauge(each.metric, each.description, [each.label] if each.label else []) for each in indicators
        }

    def unregister(self) -> None:
        """Take the gauges out of the process's registry."""
        for gauge in self._gauges.values():
            REGISTRY.unregister(gauge)

    def show(self, readings: Readings) -> None:
        for gauge in self._gauges.values():
            gauge.clear()
        for each in readings.known:
            gauge = self._gauges[each.indicator.name]
            (gauge.labels(each.label_value) if each.indicator.label else gauge).set(each.figure)


def measuring_jobs(
    settings: Settings, database: Database, transport: Transport, gauges: Gauges
) -> list[periodic_jobs.PeriodicJob]:
    """What every worker does for whoever operates the platform."""
    channels = _channels(settings)

    async def measure() -> None:
        readings = await take_readings(database, transport, INDICATORS)
        gauges.show(readings)
        # One worker sends: the lease ends before the next measurement.
        if channels and await periodic_jobs.claim(database, _MEASURE, MEASURE_EVERY_S * 0.8):
            await alerts.notify(database, INDICATORS, readings, channels)

    async def check() -> None:
        due_s = settings.telemetry.books_check_hours * 3_600
        if not due_s or await books_checks.seconds_unchecked(database) < due_s:
            return
        if await periodic_jobs.claim(database, books_checks.JOB, _CHECK_LEASE_S):
            try:
                await _check_books()
            finally:
                await periodic_jobs.release(database, books_checks.JOB)

    return [
        periodic_jobs.PeriodicJob(_MEASURE, MEASURE_EVERY_S, measure),
        periodic_jobs.PeriodicJob(books_checks.JOB, 600.0, check),
    ]


async def status(settings: Settings) -> Readings:
    """Every indicator, measured now."""
    from halfpenny.entrypoints.worker import transport

    database = await Database.connect(settings.require_database(), max_size=2, timeout_s=settings.database.timeout_s)
    carrier = transport(settings, database)
    try:
        return await take_readings(database, carrier, INDICATORS)
    finally:
        await carrier.close()
        await database.close()


def line(reading: Reading) -> str:
    indicator = reading.indicator
    name = f"{indicator.name}{{{reading.label_value}}}" if indicator.label else indicator.name
    mark = "ABOVE" if reading.above_limit else "ok"
    return f"{mark:<6}{name:<60}{reading.figure:>14.6g}  limit {indicator.limit:g}"


async def _check_books() -> None:
    """In a process of its own: it computes for minutes. What it finds it records itself."""
    command = (sys.executable, "-m", "halfpenny.entrypoints.cli", "check", "books")
    process = await asyncio.create_subprocess_exec(*command, preexec_fn=ends_with_this_process())
    # 1 says that there are findings, and those are recorded: the job has done its work.
    if (returned := await process.wait()) not in (0, 1):
        raise RuntimeError(f"the check of the books ended with {returned}")


def _channels(settings: Settings) -> list[alerts.Notify]:
    given = settings.telemetry
    channels: list[alerts.Notify] = []
    if given.alert_webhook_url:
        channels.append(_webhook(given.alert_webhook_url))
    if given.alert_mail and not settings.identity.mail_url:
        raise WrongSettings("HALFPENNY_MAIL_URL must be set where HALFPENNY_ALERT_MAIL is")
    if given.alert_mail:
        channels.append(
            _mail(identity.SmtpSender(settings.identity.mail_url, settings.identity.mail_sender), given.alert_mail)
        )
    return channels


def _webhook(url: str) -> alerts.Notify:
    async def send(notice: alerts.AlertNotice) -> None:
        async with httpx2.AsyncClient(timeout=_WEBHOOK_TIMEOUT_S) as client:
            answer = await client.post(url, json=alerts.webhook_body(notice))
            answer.raise_for_status()

    return send


def _mail(sender: identity.MailSender, recipient: str) -> alerts.Notify:
    async def send(notice: alerts.AlertNotice) -> None:
        state = "FIRING" if notice.firing else "ended"
        body = f"{alerts.sentence(notice)}\n\nWhat to do: {notice.indicator.runbook}\n"
        await sender.send(identity.OutgoingEmail(recipient, f"{state}: {alerts.alert_name(notice.indicator)}", body))

    return send

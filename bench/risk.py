"""How fast the risk service is: ready, one loan, a whole book. Prints figures beside what was to be reached.

Start-up is by the clock; loans are by processor time, so that other work on the machine does not count.

.venv/bin/python bench/risk.py            # start-up, memory, one loan, batch
.venv/bin/python bench/risk.py --loans 50000
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from halfpenny_messages import (  # noqa: E402
    Borrower,
    Condition,
    ExitStrategy,
    LoanInterestMode,
    LoanPurpose,
    LoanSubmitted,
    Property,
    PropertyKind,
    ValuationSource,
)
from halfpenny_risk.application import read_application  # noqa: E402
from halfpenny_risk.assess import assess, columns_of  # noqa: E402
from halfpenny_risk.batch import score_batch  # noqa: E402
from halfpenny_risk.models import load_models  # noqa: E402
from halfpenny_risk.policy import load_policies  # noqa: E402
from halfpenny_risk.scoring import score_loans  # noqa: E402
from halfpenny_risk.valuation import appraise  # noqa: E402


def loan(number: int) -> LoanSubmitted:
    """A house in Seattle or, every second one, in Warsaw."""
    here = number % 2 == 0
    return LoanSubmitted(
        loan_id=UUID(int=number),
        version=1,
        property=Property(
            kind=PropertyKind.HOUSE,
            address="",
            city="Seattle" if here else "Warszawa",
            country="US" if here else "PL",
            lat=47.55 + 0.0001 * (number % 1500) if here else 52.23,
            lon=-122.33 if here else 21.01,
            year_built=1950 + number % 60,
            area_m2=90.0 + number % 150,
            beds=3,
            condition=Condition.GOOD,
            valuation=f"{300_000 + 37 * (number % 9000)}.00",
            valued_on=date(2026, 2, 1),
            valuation_source=ValuationSource.SURVEY,
            report_verified=True,
            purchase_price="250000.00",
            purchased_on=date(2019, 5, 3),
        ),
        borrower=Borrower(
            company="",
            income=f"{40_000 + 11 * (number % 9000)}.00",
            assets="300000.00",
            debts="20000.00",
            adverse_records=0,
        ),
        charge_rank=1,
        amount=f"{150_000 + 23 * (number % 5000)}.00",
        currency="EUR",
        term_months=6 + number % 18,
        purpose=LoanPurpose.REFINANCE,
        exit_strategy=ExitStrategy.SALE if number % 3 else ExitStrategy.REFINANCE,
        interest_mode=LoanInterestMode.RETAINED,
        submitted_at=datetime(2026, 3, 1, tzinfo=UTC),
    )


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def start(model: str) -> tuple[float, float]:
    """Seconds until /readyz answers, and the most memory in MB until then."""
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "AMQP_URL", "MONGO_URL")},
        "PYTHONPATH": str(ROOT / "src"),
        "HALFPENNY_RISK_PORT": str(port),
        "HALFPENNY_RISK_MODEL": model,
    }
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "halfpenny_risk.cli", "serve"], env=environment, stdout=subprocess.DEVNULL
    )
    try:
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1).close()
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.005)
        seconds = time.perf_counter() - began
        status = Path(f"/proc/{process.pid}/status").read_text()
        memory = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
        return seconds, memory / 1024.0
    finally:
        process.terminate()
        process.wait(30)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--loans", type=int, default=20_000)
    count = parser.parse_args().loans
    for model, seconds_limit, memory_limit in (("scorecard", 1, 120), ("champion", 2, 250)):
        runs = [start(model) for _ in range(5)]
        seconds, memory = min(run[0] for run in runs), max(run[1] for run in runs)
        print(f"{model}: ready in {seconds:.2f} s (under {seconds_limit}), {memory:.0f} MB (under {memory_limit})")
    models, policies = load_models("champion"), load_policies()
    some = [loan(number) for number in range(300)]
    for which in (0, 1):
        times = []
        for item in some[which::2]:
            began = time.process_time()
            assess(UUID(int=1), item, models, policies)
            times.append(1000.0 * (time.process_time() - began))
        where = "in a market" if which == 0 else "outside every market"
        middle, late = np.percentile(times, [50, 99])
        print(f"one loan {where}: {middle:.1f} ms in the middle, {late:.1f} ms for the slowest in a hundred")
    policy = policies.policies[-1]
    book = [loan(2 * number + 1) for number in range(count)]
    wholes, scorings = [], []
    for _ in range(3):
        began = time.process_time()
        score_batch(book, models, policies)
        wholes.append(time.process_time() - began)
        pairs = [(read, appraise(read, (), policy)) for read in (read_application(item, policy) for item in book)]
        columns = columns_of(pairs, policy)
        began = time.process_time()
        score_loans(models.borrower, columns, policy)
        scorings.append(time.process_time() - began)
    whole, scoring = min(wholes), min(scorings)
    print(f"{count} loans re-scored: {count / scoring:,.0f} a second from columns (at least 20,000)")
    print(f"{count} loans from their messages: {count / whole:,.0f} a second")


if __name__ == "__main__":
    main()

"""A child ends when its parent is killed, however soon that is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

# A parent that starts a child, shows its id and waits to be killed. It needs nothing but the module itself.
PARENT = """
import signal, subprocess, sys, time
from halfpenny.platform.child import ends_with_this_process
child = subprocess.Popen(["sleep", "600"], preexec_fn=ends_with_this_process(signal.Signals({how})))
print(child.pid, flush=True)
time.sleep(600)
"""


def gone(pid: int) -> bool:
    """A process that has ended and waits to be collected by somebody else's init is gone as well."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in ("Z", "X")
    except OSError:
        return True


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 30
    while not gone(pid):
        assert time.monotonic() < deadline, f"process {pid} outlived its parent"
        time.sleep(0.02)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_child_ends_with_a_parent_that_is_killed(how: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT.format(how=int(how))], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert not gone(child)
        parent.kill()
    wait_until_gone(child)


def test_a_parent_that_died_before_the_child_could_ask_counts_too() -> None:
    """The child is given a parent that is not its parent any more: it ends by itself."""
    program = f"""
import time
from halfpenny.platform.child import end_with_parent
end_with_parent({os.getpid() + 1_000_000})
time.sleep(600)
"""
    ended = subprocess.run([sys.executable, "-c", program], timeout=60, check=False)
    assert ended.returncode == -signal.SIGTERM

"""A child process never outlives its parent, however the parent ends: Linux is asked to see to it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from functools import partial

_PR_SET_PDEATHSIG = 1


def ends_with_this_process(how: signal.Signals = signal.SIGTERM) -> Callable[[], None]:
    """What a child of the process that calls this runs first (``preexec_fn``): it is sent ``how`` when we end.

    ``kill -9`` of a supervisor then leaves nothing behind. Linux watches the thread that started the child, so
    children are started by threads that last. Elsewhere than on Linux nothing is asked for.
    """
    return partial(end_with_parent, os.getpid(), how)


def end_with_parent(parent_pid: int, how: signal.Signals = signal.SIGTERM) -> None:
    """Called by the child. ``parent_pid`` is who started it: one that has ended already cannot be waited for."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, how)
    if os.getppid() != parent_pid:
        os.kill(os.getpid(), how)

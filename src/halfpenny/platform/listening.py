"""Whether an address can be listened on, and if not, why and whose fault that is."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from pathlib import Path

_LISTENING = "0A"


class CannotListen(Exception):
    """Why not, in words. ``address`` is whether the address is at fault, or only the port."""

    def __init__(self, reason: str, *, address: bool) -> None:
        super().__init__(reason)
        self.address = address


def require_free(host: str, port: int) -> None:
    """Raises CannotListen where a server could not listen there now. ``host`` is an IP address."""
    family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
    with socket.socket(family) as probe:
        # What a server that has just ended left behind is no obstacle, and not to the real one either.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise _refusal(error, port) from None


def _refusal(error: OSError, port: int) -> CannotListen:
    if error.errno == errno.EADDRINUSE:
        holder = holder_of(port)
        return CannotListen(f"{holder or 'another program'} listens on port {port} already", address=False)
    if error.errno == errno.EACCES:
        return CannotListen(f"port {port} needs rights that this user does not have", address=False)
    return CannotListen("this machine has no such address", address=True)


def holder_of(port: int) -> str | None:
    """The process that listens on the port, as ``process 123 (python -m ...)``; None where Linux does not show it:
    other users' processes are seen by root alone."""
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if any(os.readlink(link) in sockets for link in (entry / "fd").iterdir()):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                return f"process {entry.name} ({command[:100]})"
        except OSError:  # not ours to read, or it has just ended
            continue
    return None


def _listening_inodes(port: int) -> set[str]:
    found: set[str] = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        if table.exists():
            for row in table.read_text().splitlines()[1:]:
                fields = row.split()
                if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(fields[9])
    return found

"""Who is to blame for an address that cannot be listened on, and who holds a port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from halfpenny.platform.listening import CannotListen, holder_of, require_free
from halfpenny.platform.servers import free_port


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
def test_a_port_in_use_is_reported_with_its_holder(host: str, family: socket.AddressFamily) -> None:
    program = (
        f"import socket, sys; s = socket.create_server(({host!r}, 0), family=socket.AddressFamily({int(family)}));"
        "print(s.getsockname()[1], flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        port = int(other.stdout.readline())
        with pytest.raises(
            CannotListen, match=rf"process {other.pid} \(.*\) listens on port {port} already"
        ) as refused:
            require_free(host, port)
        other.communicate()
    assert not refused.value.address
    assert holder_of(port) is None
    require_free(host, port)


def test_an_address_of_another_machine_is_reported_as_the_cause() -> None:
    with pytest.raises(CannotListen, match="no such address") as refused:
        require_free("192.0.2.7", free_port())
    assert refused.value.address


def test_a_connection_is_not_taken_for_a_listener() -> None:
    """A port that somebody is only connected from is not held by a listener."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert str(holder_of(server.getsockname()[1])).startswith(f"process {os.getpid()} ")
        assert holder_of(client.getsockname()[1]) is None

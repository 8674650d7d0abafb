"""The launcher of the private broker: it works, keeps what it was given, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import aio_pika
import pytest

from halfpenny.platform.servers import RabbitServer
from halfpenny.platform.servers.process import answers


async def test_a_quorum_queue_carries_a_message(broker_url: str) -> None:
    connection = await aio_pika.connect(broker_url)
    async with connection:
        channel = await connection.channel(publisher_confirms=True)
        queue = await channel.declare_queue(
            "launcher_check", durable=True, arguments={"x-queue-type": "quorum", "x-delivery-limit": 3}
        )
        await channel.default_exchange.publish(aio_pika.Message(b"halfpenny"), routing_key=queue.name)
        message = await queue.get(timeout=10)
        await message.ack()
        await queue.delete(if_unused=False, if_empty=False)
    assert message.body == b"halfpenny"


@pytest.mark.usefixtures("broker_url")  # skips where RabbitMQ is not installed
async def test_stopping_ends_the_broker_and_its_port_mapper(server_folder: Path) -> None:
    server = RabbitServer(server_folder / "second_broker")
    server.start()
    ports = [server.port, server._epmd_port]
    assert [answers(port) for port in ports] == [True, True]
    server.stop()
    assert [answers(port) for port in ports] == [False, False]


async def test_a_wrong_password_is_refused(broker_url: str) -> None:
    address = broker_url.rpartition("@")[2]
    with pytest.raises(aio_pika.exceptions.ProbableAuthenticationError):
        await aio_pika.connect(f"amqp://halfpenny:wrong@{address}")

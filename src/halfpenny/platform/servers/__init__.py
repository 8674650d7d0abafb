"""Servers that a bare machine does not have: started as private processes, stopped without a trace.

Each launcher is a class with ``start()``, ``stop()``, ``url`` and ``running``; each raises ServerFailed with
one line that a person can act on. They know nothing of lending.
"""

from halfpenny.platform.servers.documents import DocumentServer
from halfpenny.platform.servers.postgres import PostgresServer
from halfpenny.platform.servers.process import ServerFailed, free_port, remove_folder
from halfpenny.platform.servers.rabbitmq import RabbitServer

__all__ = ["DocumentServer", "PostgresServer", "RabbitServer", "ServerFailed", "free_port", "remove_folder"]

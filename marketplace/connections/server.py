"""The server: which connections there are, what is enforced on them, and an orderly end."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

from marketplace.connections.channel import BoundedChannel, ConnectionLimits
from marketplace.proxies import plain_address

#: Path of the question whether the process lives. What answers it may wait for nothing.
PROBE = "/healthz"


def _is_probe(channel: BoundedChannel) -> bool:
    request = channel.requests[0]
    return request.error is None and request.path == PROBE


class BoundedServer(TcpWSGIServer):  # type: ignore[misc]  # waitress has no types
    """A waitress server with these limits and an orderly end.

    Args:
        application: the WSGI application.
        limits: how slow clients may be.
        listener: a socket that listens at the address already; None where there is none.
        adjustments: waitress's own settings, as ``waitress.serve`` takes them.

    Raises:
        OSError: the address cannot be listened on.
    """

    channel_class = BoundedChannel

    def __init__(
        self,
        application: Any,
        limits: ConnectionLimits,
        listener: socket.socket | None = None,
        **adjustments: Any,
    ) -> None:
        self.limits = limits
        self._next_check = 0.0
        adj = Adjustments(**adjustments)
        dispatcher = ThreadedTaskDispatcher()
        dispatcher.set_thread_count(adj.threads)
        #: Answers whether the process lives, while all others wait for a lock.
        self._probes = ThreadedTaskDispatcher()
        self._probes.set_thread_count(1)
        super().__init__(
            application,
            {},
            _sock=listener,
            bind_socket=listener is None,
            dispatcher=dispatcher,
            adj=adj,
            sockinfo=adj.listen[0],
        )

    def bind_server_socket(self) -> None:
        """Bind; an IPv6 address that stands for all takes IPv4 too."""
        if self.family == socket.AF_INET6:
            everything = self.sockinfo[3][0] == "::"
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not everything))
        super().bind_server_socket()

    def fix_addr(self, addr: tuple[Any, ...]) -> tuple[Any, ...]:
        """The address of a connection; IPv4 ones come as such, also over a socket of both families."""
        return (plain_address(addr[0]), *addr[1:])

    def add_task(self, task: BoundedChannel) -> None:
        """Have a request answered; one that asks whether the process lives waits for no other."""
        (self._probes if _is_probe(task) else self.task_dispatcher).add_task(task)

    def run_until(self, stopping: threading.Event, grace_seconds: float) -> None:
        """Serve until the event is set, then finish what was begun, for at most ``grace_seconds``."""
        while not stopping.is_set():
            self._turn()
        # Stop listening; the trigger stays, it is how worker threads wake this loop.
        wasyncore.dispatcher.close(self)
        deadline = time.monotonic() + grace_seconds
        while self.active_channels and time.monotonic() < deadline:
            for channel in list(self.active_channels.values()):
                if channel.is_idle() and not channel.is_new():
                    channel.handle_close()
            self._turn()
        self._probes.shutdown(timeout=1.0)
        self.task_dispatcher.shutdown(timeout=max(1.0, deadline - time.monotonic()))
        for channel in list(self.active_channels.values()):
            channel.handle_close()
        self.trigger.close()

    def maintenance(self, now: float) -> None:
        """Nothing: ``_turn`` enforces more than waitress's own idle time."""

    def _turn(self) -> None:
        wasyncore.loop(timeout=0.5, map=self._map, use_poll=True, count=1)
        now = time.monotonic()
        if now >= self._next_check:
            self._next_check = now + 0.5
            for channel in list(self.active_channels.values()):
                channel.enforce(now, self.limits)
        if len(self._map) >= self.adj.connection_limit:
            self._make_room()

    def _make_room(self) -> None:
        """Close the connections that have been silent longest: newcomers may have something to say."""
        idle = sorted(
            (channel for channel in self.active_channels.values() if channel.is_idle()),
            key=lambda channel: channel.last_activity,
        )
        for channel in idle[: max(1, self.adj.connection_limit // 10)]:
            channel.handle_close()

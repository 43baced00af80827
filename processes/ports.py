"""TCP ports: finding free ones, and refusing a taken one by name."""

import os
import socket

from models.stack import StackError, StackProblem


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on now; all are held until the last is found, so they differ."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [int(listener.getsockname()[1]) for listener in listeners]
    finally:
        for listener in listeners:
            listener.close()


def require_free(host: str, port: int, purpose: str, setting: str) -> None:
    """Refuse to go on when another program has the port, and say which setting moves ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        # create_server sets SO_REUSEADDR: connections of a run just ended do not count.
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise StackError(
            StackProblem.PORT_TAKEN,
            f"Port {port} on {host}, meant for {purpose}, cannot be used: {os.strerror(error.errno or 0)}.",
            f"Stop the program that has it, or set {setting} to a free port.",
        ) from error

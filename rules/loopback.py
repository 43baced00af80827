"""This machine and nothing but: which names and addresses never leave it."""

from ipaddress import ip_address


def is_loopback(host: str | None) -> bool:
    """Whether a host name or address, without its port, means this machine."""
    if host is None:
        return False
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False

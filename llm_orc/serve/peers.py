"""Which user of this machine is at the other end of a connection within it."""

from __future__ import annotations

import ipaddress
import os
import sys
from pathlib import Path

Address = tuple[str, int]

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


def is_stranger(peer: Address, here: Address) -> bool:
    """Whether the other end is known to be another user's, who is not root.

    `peer` and `here` are the ends of a connection. Where the system does not tell, nobody is a stranger. An
    end that was closed is nobody's: the system soon says root's of it, and what it sent must not count so.
    """
    wanted = {(_hexadecimal(peer, table.name), _hexadecimal(here, table.name)) for table in _TABLES}
    for table in _TABLES:
        try:
            lines = table.read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            # proc_net_tcp(5): number, local and remote address, state, queues, timer, retries, user,
            # timeout, inode.
            columns = line.split()
            if (columns[1], columns[2]) in wanted:
                return columns[9] == "0" or int(columns[7]) not in (0, os.getuid())
    return False


def _hexadecimal(address: Address, table: str) -> str:
    """As the kernel writes it: words of four bytes in the order of the processor."""
    host = ipaddress.ip_address(address[0])
    if host.version == 4 and table == "tcp6":
        host = ipaddress.ip_address(f"::ffff:{host}")
    packed = host.packed
    words = [packed[i : i + 4] for i in range(0, len(packed), 4)]
    if sys.byteorder == "little":
        words = [word[::-1] for word in words]
    return f"{b''.join(words).hex().upper()}:{address[1]:04X}"

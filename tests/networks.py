"""A network of its own for a stretch of a test: nothing but loopback, and no way out."""

import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

NEW_NETWORK, SET_FLAGS, UP = 0x40000000, 0x8914, 0x1


@contextmanager
def loopback_only() -> Iterator[tuple[str, ...]]:
    """Move this thread, and what it starts, into a new network namespace; the interfaces there are.

    Where the kernel refuses, everything stays as it is, and the interfaces say so.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    moved = libc.unshare(NEW_NETWORK) == 0
    try:
        if moved:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
                fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sh22x", b"lo", UP))
        yield tuple(name for _, name in socket.if_nameindex())
    finally:
        if moved:
            assert libc.setns(before, NEW_NETWORK) == 0, os.strerror(ctypes.get_errno())
        os.close(before)

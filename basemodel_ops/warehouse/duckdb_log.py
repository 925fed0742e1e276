"""DuckDB's write-ahead log, looked at before DuckDB replays it: a log that was cut off is replayed without a word."""

import struct
import subprocess
import sys
from pathlib import Path

VERSION, FLUSH = 98, 100
"""Kinds of entries: the first one, and the one that ends a transaction."""
SIZES = struct.Struct("<QQ")
"""In front of each entry but the first: its length and its checksum."""
HELD = """
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit(3)
"""


def log_of(path: Path) -> Path:
    """Where DuckDB writes the log of a file."""
    return path.with_name(path.name + ".wal")


def complete_length(log: bytes) -> int:
    """Bytes up to the end of the last whole transaction; all of a log whose version is not known here."""
    try:
        offset = _header_end(log) if log else 0
    except IndexError:
        return 0
    if offset is None:
        return len(log)
    full = offset
    while offset + SIZES.size <= len(log):
        size, _ = SIZES.unpack_from(log, offset)
        offset += SIZES.size
        if offset + size > len(log):
            break
        if log[offset + 2] == FLUSH:  # behind the field's number, two bytes
            full = offset + size
        offset += size
    return full


def is_held(path: Path) -> bool:
    """Whether a process holds the file. Another process asks: closing a file here would drop this one's own lock."""
    done = subprocess.run([sys.executable, "-S", "-c", HELD, str(path)], timeout=30, check=False)
    return done.returncode == 3


def _header_end(log: bytes) -> int | None:
    """Where the first entry ends: kind, version 2, an identifier and a number. IndexError when the log ends before."""
    offset = 0

    def number() -> int:
        nonlocal offset
        value = shift = 0
        while True:
            byte = log[offset]
            offset += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value

    def begins(field: int) -> bool:
        nonlocal offset
        offset += 2
        return log[offset - 2] + 256 * log[offset - 1] == field

    if not (begins(100) and number() == VERSION and begins(101) and number() == 2 and begins(102)):
        return None
    for _ in range(number()):
        number()
    if not begins(103):
        return None
    number()
    return offset if begins(0xFFFF) else None

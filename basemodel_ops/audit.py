"""The audit log: what was read from the warehouse, in JSON lines that are only ever added to and chained by hashes.

`audit.jsonl` holds the entries. Each carries the hash of itself and of the hash before it, so an entry cannot be
changed, removed or moved without breaking every hash after it. `audit.head` holds the number of entries, the last hash
and the length, so that entries cut off at the end are missed too. Who can write both files can forge both: a head that
is noted elsewhere tells even then.
"""

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from basemodel_ops.errors import AuditError

START = "0" * 64
"""The hash before the first entry."""

KEEP = "Keep both files as evidence and move them out of the home; a new log then starts there."


@dataclass(frozen=True)
class Head:
    """Where the log ends: how many entries, the last one's hash, and bytes."""

    entries: int = 0
    hash: str = START
    bytes: int = 0


def _canonical(value: dict[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _chained(previous: str, entry: dict[str, Any]) -> str:
    """The hash of an entry without its hash, after the hash before it."""
    return hashlib.sha256(f"{previous}\n{_canonical(entry)}".encode()).hexdigest()


class AuditLog:
    """The log under a home. Any number of processes and threads may append; one does so at a time."""

    def __init__(self, home: Path) -> None:
        self.path = home / "audit.jsonl"
        self._head_path = home / "audit.head"
        self._lock_path = home / "audit.lock"

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._lock_path.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # freed when the file is closed, or its process dies
            yield

    def append(self, action: str, **fields: Any) -> Head:
        """Add an entry; it is on the disk when this returns.

        Raises:
            AuditError: the log is shorter than its head says, or ends in something else.
        """
        with self._locked():
            head = self._mended()
            entry = {"n": head.entries + 1, "at": datetime.now(UTC).isoformat(), "action": action, **fields}
            link = _chained(head.hash, entry)
            line = (_canonical({**entry, "hash": link}) + "\n").encode()
            with self.path.open("ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
            return self._set_head(Head(head.entries + 1, link, head.bytes + len(line)))

    def _set_head(self, head: Head) -> Head:
        temporary = self._head_path.with_suffix(".next")
        with temporary.open("w") as file:
            file.write(_canonical(asdict(head)))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._head_path)
        return head

    def head(self) -> Head | None:
        """Where the log ended when its last writer was done; None where there never was one."""
        if not self._head_path.exists():
            return None
        try:
            return Head(**json.loads(self._head_path.read_text()))
        except (ValueError, TypeError) as error:
            raise AuditError(f"{self._head_path} is broken ({error}). {KEEP}") from error

    def _mended(self) -> Head:
        """The head, moved over entries whose writer died before it moved it; a torn last line is taken away."""
        head, size = self.head() or Head(), self.path.stat().st_size if self.path.exists() else 0
        if size < head.bytes:
            raise AuditError(f"{self.path} was cut off: {size} bytes of {head.bytes}. {KEEP}")
        if size == head.bytes:
            return head
        with self.path.open("r+b") as file:
            file.seek(head.bytes)
            tail = file.read()
            full = tail[: tail.rfind(b"\n") + 1]  # what was torn was never acknowledged, so nothing was read by it
            head = self._follow(head, full)
            file.truncate(head.bytes)
        return head

    def _follow(self, head: Head, data: bytes) -> Head:
        """The head after these whole lines.

        Raises:
            AuditError: naming the first entry that does not continue the chain.
        """
        for line in data.splitlines(keepends=True):
            number = head.entries + 1
            try:
                entry = json.loads(line)
                link = entry.pop("hash")
                result = entry["n"]
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise AuditError(f"Entry {number} of {self.path} is not an entry: it was changed. {KEEP}") from error
            if result != number:
                raise AuditError(
                    f"Entry {number} of {self.path} is gone: {result} stands in its place. Entries were removed or "
                    f"reordered. {KEEP}"
                )
            full = (_canonical({**entry, "hash": link}) + "\n").encode()
            if link != _chained(head.hash, entry) or full != line:
                raise AuditError(f"Entry {number} of {self.path} was changed. {KEEP}")
            head = Head(number, link, head.bytes + len(line))
        return head

    def verify(self, noted: str | None = None) -> Head:
        """Follow the whole chain; where it ends.

        Args:
            noted: A hash that an earlier verification printed; it must be in the log still.

        Raises:
            AuditError: naming the first entry that does not hold, the end that is missing, or the head that is gone.
        """
        with self._locked():
            head, data = self.head(), self.path.read_bytes() if self.path.exists() else b""
        if head is None and data:
            raise AuditError(f"{self._head_path} is gone, so nobody knows where {self.path} ended. {KEEP}")
        lines = data[: data.rfind(b"\n") + 1].splitlines(keepends=True)
        end, seen = Head(), {START}
        for line in lines:
            end = self._follow(end, line)
            seen.add(end.hash)
            if head is not None and end.entries == head.entries and end != head:
                raise AuditError(f"Entry {end.entries} of {self.path} is not the one its head names. {KEEP}")
        if head is not None and end.entries < head.entries:
            raise AuditError(
                f"{self.path} ends after entry {end.entries}, but its head counts {head.entries}: entries "
                f"{end.entries + 1} to {head.entries} were cut off. {KEEP}"
            )
        if noted is not None and noted not in seen:
            raise AuditError(f"No entry of {self.path} has the hash {noted}: the log was written anew. {KEEP}")
        return end

"""The audit log: whatever is done to its entries shows, and two writers never break it."""

import hashlib
import json
import multiprocessing
from collections.abc import Callable
from pathlib import Path

import pytest

from basemodel_ops.audit import START, AuditLog
from basemodel_ops.errors import AuditError

ENTRIES = 4


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    log = AuditLog(tmp_path)
    for number in range(ENTRIES):
        log.append("read", run="run", reads=[{"relation": "a.b", "columns": ["ü", '"']}], rows=number)
    return log


def lines(log: AuditLog) -> list[bytes]:
    return log.path.read_bytes().splitlines(keepends=True)


def test_the_chain_is_the_one_a_reader_computes(log: AuditLog) -> None:
    """By hand: each hash is that of the hash before it, a line break and the entry without its own hash."""
    previous = START
    for number, line in enumerate(lines(log), start=1):
        entry = json.loads(line)
        assert (entry["n"], entry["rows"]) == (number, number - 1)
        current = entry.pop("hash")
        text = json.dumps(entry, sort_keys=True, separators=(",", ":"))
        assert current == hashlib.sha256((previous + "\n" + text).encode()).hexdigest()
        previous = current
    end = log.verify()
    assert (end.entries, end.hash, end.bytes) == (ENTRIES, previous, log.path.stat().st_size)


def test_no_log_is_a_log_without_entries(tmp_path: Path) -> None:
    assert AuditLog(tmp_path).verify().entries == 0


def test_any_flipped_bit_of_any_byte_is_found(log: AuditLog) -> None:
    """Every byte of the log; the bit depends on the place, so that all bits have their turn."""
    data = log.path.read_bytes()
    ends = [sum(map(len, lines(log)[: number + 1])) for number in range(ENTRIES)]
    for row_index in range(len(data)):
        broken = bytearray(data)
        broken[row_index] ^= 1 << row_index % 8
        log.path.write_bytes(bytes(broken))
        with pytest.raises(AuditError) as result:
            log.verify()
        at = next(number for number, end in enumerate(ends, start=1) if row_index < end)
        if row_index != len(data) - 1:  # without the last line break the last entry counts as cut off
            assert f"Entry {at} of" in str(result.value), (row_index, str(result.value))


@pytest.mark.parametrize("number", range(1, ENTRIES + 1))
def test_a_removed_entry_is_named(log: AuditLog, number: int) -> None:
    kept = lines(log)
    del kept[number - 1]
    log.path.write_bytes(b"".join(kept))
    words = f"Entry {number} of .* is gone" if number < ENTRIES else f"entries {number} to {number} were cut off"
    with pytest.raises(AuditError, match=words):
        log.verify()


@pytest.mark.parametrize("number", range(1, ENTRIES))
def test_a_reordered_entry_is_named(log: AuditLog, number: int) -> None:
    moved = lines(log)
    moved[number - 1], moved[number] = moved[number], moved[number - 1]
    log.path.write_bytes(b"".join(moved))
    with pytest.raises(AuditError, match=f"Entry {number} of .*reordered"):
        log.verify()


def test_a_log_cut_off_anywhere_is_missed_by_verify_and_by_the_next_writer(log: AuditLog) -> None:
    data = log.path.read_bytes()
    for size in {*range(0, len(data), 7), len(data) - 1}:
        log.path.write_bytes(data[:size])
        with pytest.raises(AuditError, match="cut off"):
            log.verify()
        with pytest.raises(AuditError, match=r"cut off.*Keep both files"):
            log.append("read")
        assert log.path.read_bytes() == data[:size]


@pytest.mark.parametrize("what", ["audit.jsonl", "audit.head"])
def test_a_file_that_is_gone_is_named(log: AuditLog, what: str) -> None:
    (log.path.parent / what).unlink()
    with pytest.raises(AuditError, match=what):
        log.verify()


def test_a_log_written_anew_differs_from_a_head_noted_elsewhere(log: AuditLog) -> None:
    noted = log.verify().hash
    log.append("read", rows=1)
    assert log.verify(noted).entries == ENTRIES + 1
    for path in (log.path, log.path.with_name("audit.head")):
        path.unlink()
    for _ in range(ENTRIES + 1):
        log.append("read", rows=1)
    assert log.verify().entries == ENTRIES + 1
    with pytest.raises(AuditError, match="written anew"):
        log.verify(noted)


def test_entries_forged_at_the_end_do_not_continue_the_chain(log: AuditLog) -> None:
    forged = {"n": ENTRIES + 1, "action": "read", "at": "", "hash": "f" * 64}
    with log.path.open("ab") as file:
        file.write((json.dumps(forged, sort_keys=True, separators=(",", ":")) + "\n").encode())
    for use in (log.verify, lambda: log.append("read")):
        with pytest.raises(AuditError, match=f"Entry {ENTRIES + 1} of .* was changed"):
            use()


def test_a_writer_that_died_is_followed_by_the_next(log: AuditLog) -> None:
    """Before its head was moved, and in the middle of a line."""
    head = log.path.with_name("audit.head")
    before = head.read_bytes()
    log.append("read", rows=7)
    head.write_bytes(before)
    with log.path.open("ab") as file:
        file.write(b'{"n":8,"acti')
    assert log.verify().entries == ENTRIES + 1
    log.append("read", rows=8)
    assert log.verify().entries == ENTRIES + 2
    assert [json.loads(line)["rows"] for line in lines(log)] == [*range(ENTRIES), 7, 8]


def _write(home: Path, count: int) -> None:
    for _ in range(count):
        AuditLog(home).append("read", rows=1)


def test_two_writers_make_one_chain(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(tmp_path, 40)) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert AuditLog(tmp_path).verify().entries == 80


def test_what_cannot_be_written_is_an_error(log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    fsync: Callable[[int], None] = full
    monkeypatch.setattr("os.fsync", fsync)
    with pytest.raises(OSError, match="No space left"):
        log.append("read")

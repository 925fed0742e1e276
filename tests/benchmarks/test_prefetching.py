"""Reading ahead keeps order and errors, and ends its thread."""

import threading

import pytest

from benchmarks.prefetching import prefetch


def test_items_come_in_order():
    assert list(prefetch(range(100))) == list(range(100))


def test_an_error_comes_after_the_items_before_it():
    def failing():
        yield 1
        raise ValueError("broken")

    stream = prefetch(failing())
    assert next(stream) == 1
    with pytest.raises(ValueError, match="broken"):
        next(stream)


def test_a_closed_reader_ends_its_thread_and_closes_the_source():
    closed = []

    def endless():
        try:
            while True:
                yield 0
        finally:
            closed.append(True)

    before = threading.active_count()
    stream = prefetch(endless())
    assert next(stream) == 0
    stream.close()  # pyright: ignore[reportAttributeAccessIssue]
    assert threading.active_count() == before
    assert closed == [True]

"""The whole path on DuckDB needs no network."""

import socket

import pytest

from ..networks import loopback_only
from .conftest import Run


def test_a_network_of_ones_own_has_no_way_out_and_ends() -> None:
    before = socket.if_nameindex()
    with loopback_only() as interfaces:
        if interfaces != ("lo",):
            pytest.skip("network namespaces are refused here")
        with pytest.raises(OSError, match="unreachable"):
            socket.create_connection(("192.0.2.1", 80), 3)
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), 3).close()
    assert socket.if_nameindex() == before


def test_a_project_runs_from_raw_rows_to_answers_with_loopback_only(visits: Run) -> None:
    if visits.interfaces != ("lo",):
        pytest.skip("network namespaces are refused here")
    assert visits.rows("select count(*) from basemodel.returns_14d_scores") != [(0,)]
    assert "returns_14d" in visits.printed

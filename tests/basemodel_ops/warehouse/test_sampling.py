"""Shards and samples: the same entities everywhere, whatever they are stored as."""

import pyarrow as pa
import pytest
from sqlglot import exp

from basemodel_ops.contract.types import Relation
from basemodel_ops.warehouse.queries import column_of, rows_query, table_of
from basemodel_ops.warehouse.sampling import PARTS
from basemodel_ops.warehouse.sql import SqlWarehouse

EVENTS, LABELS = Relation(schema_name="raw", name="events"), Relation(schema_name="raw", name="labels")
COUNT = 2_000
SHARES = (1e-12, 0.01, 0.1, 0.3, 0.75, 0.999999, 1)
KINDS = {
    "whole numbers": [*range(-5, COUNT - 6), 2**62],
    "texts of digits": [f"{value}" for value in range(COUNT)],
    "texts": [f"{'a-Zż :9'[value % 7]} {value}" for value in range(COUNT)],
}


def clients(backend: SqlWarehouse, query: exp.Select) -> list[object]:
    return backend.read(query).column("client").to_pylist()


@pytest.mark.parametrize("kind", list(KINDS))
def test_samples_are_nested_of_about_their_share_and_whole_entities(backend: SqlWarehouse, kind: str) -> None:
    values = KINDS[kind]
    backend.load(EVENTS, pa.table({"client": values * 2, "turn": [0] * COUNT + [1] * COUNT}))
    query = rows_query(EVENTS, ["client", "turn"])
    smaller: set[object] = set()
    for share in SHARES:
        result = clients(backend, backend.sampled(query, "client", share))
        chosen = set(result)
        assert len(result) == 2 * len(chosen)
        assert smaller <= chosen
        # Within five standard deviations of what independent draws would give.
        assert abs(len(chosen) - share * COUNT) <= 5 * (COUNT * share * (1 - share)) ** 0.5 + 1
        smaller = chosen
    assert smaller == set(values)


TYPES = {"smallint": pa.int16(), "int": pa.int32(), "bigint": pa.int64(), "text": pa.string()}


def test_one_entity_is_in_the_samples_of_all_relations_or_of_none(backend: SqlWarehouse) -> None:
    result = {}
    for name, kind in TYPES.items():
        relation = Relation(schema_name="raw", name=f"of_{name}")
        values = pa.array([str(value) for value in range(COUNT)]) if name == "text" else pa.array(range(COUNT), kind)
        # Of another number of rows, in another order.
        backend.load(relation, pa.table({"client": pa.concat_arrays([values, values[: len(name)]])}))
        query = exp.select(column_of("client")).from_(table_of(relation))
        sample = {int(str(client)) for client in clients(backend, backend.sampled(query, "client", 0.2))}
        shard = {int(str(client)) for client in clients(backend, backend.shard(query, "client", 1, 3))}
        assert 300 < len(sample) < 500
        result[name] = sample, shard
    assert all(parts == result["bigint"] for parts in result.values())


def test_a_whole_sample_is_the_query_itself(backend: SqlWarehouse) -> None:
    query = rows_query(EVENTS, ["client"])
    assert backend.sampled(query, "client", 1) is query
    assert backend.sampled(query, "client", 1.0, rows_query(LABELS, ["client"])) is query
    before = query.sql()
    backend.sampled(query, "client", 0.5)
    assert query.sql() == before


@pytest.mark.parametrize("share", [0, -0.1, 1.01, float("nan")])
def test_a_share_that_is_none_is_refused(backend: SqlWarehouse, share: float) -> None:
    with pytest.raises(ValueError, match="above 0 and up to 1"):
        backend.sampled(rows_query(EVENTS, ["client"]), "client", share)


def test_entities_can_be_added_to_a_sample(backend: SqlWarehouse) -> None:
    backend.load(EVENTS, pa.table({"client": list(range(COUNT)), "turn": [1] * COUNT}))
    backend.load(
        LABELS, pa.table({"client": pa.array([7, 8, 8, 9, COUNT + 5, None], pa.int64()), "kept": [1, 1, 0, 0, 1, 1]})
    )
    query = rows_query(EVENTS, ["client"])
    also = exp.select(column_of("client")).from_(table_of(LABELS)).where(column_of("kept").eq(1))
    for share in (1e-12, 0.1):
        plain = set(clients(backend, backend.sampled(query, "client", share)))
        more = backend.sampled(query, "client", share, also)
        assert set(clients(backend, more)) == plain | {7, 8}
        # Other conditions hold of those that were added too, and they can be streamed.
        bound = more.where(exp.LT(this=column_of("client"), expression=exp.Literal.number(8)))
        streamed = pa.Table.from_batches(backend.batches(bound, 10)).column(0).to_pylist()
        assert streamed == [client for client in range(8) if client in plain | {7}]


def test_shards_of_a_sample_are_as_even_as_all_shards(backend: SqlWarehouse) -> None:
    backend.load(EVENTS, pa.table({"client": list(range(20 * COUNT))}))
    sample = backend.sampled(rows_query(EVENTS, ["client"]), "client", 0.1)
    shards = [clients(backend, backend.shard(sample, "client", index, 4)) for index in range(4)]
    assert sorted(client for shard in shards for client in shard) == clients(backend, sample)  # pyright: ignore[reportArgumentType]
    assert all(850 < len(shard) < 1_150 for shard in shards)


def test_rows_are_drawn_from_all_over_a_table(backend: SqlWarehouse) -> None:
    turns = list(range(COUNT))
    backend.load(EVENTS, pa.table({"client": ["one"] * COUNT, "turn": turns, "paid": pa.nulls(COUNT, pa.float64())}))
    query = backend.drawn(EVENTS, ["turn"], ["client", "turn", "paid"], 0.2)
    drawn = sorted(backend.read(query).column("turn").to_pylist())
    assert sorted(backend.read(query).column("turn").to_pylist()) == drawn
    assert abs(len(drawn) - 0.2 * COUNT) <= 5 * (COUNT * 0.2 * 0.8) ** 0.5
    # As many of each tenth, within five standard deviations.
    assert all(8 <= sum(turn // (COUNT // 10) == tenth for turn in drawn) <= 72 for tenth in range(10))
    assert backend.read(backend.drawn(EVENTS, ["turn"], ["client"], 1)).num_rows == COUNT
    with pytest.raises(ValueError, match="above 0 and up to 1"):
        backend.drawn(EVENTS, ["turn"], ["client"], 0)


def test_equal_rows_are_drawn_one_by_one_where_they_are_told_apart(backend: SqlWarehouse) -> None:
    kinds = ["a"] * (COUNT // 2) + ["b"] * (COUNT // 4) + [None] * (COUNT // 4)
    backend.load(EVENTS, pa.table({"client": ["one"] * COUNT, "kind": pa.array(kinds, pa.string())}))
    together = backend.read(backend.drawn(EVENTS, ["kind"], ["client", "kind"], 0.2)).column("kind").to_pylist()
    assert all(together.count(kind) in (0, kinds.count(kind)) for kind in ("a", "b", None))
    apart = backend.drawn(EVENTS, ["kind"], ["client", "kind"], 0.2, apart=True)
    drawn = backend.read(apart)
    assert drawn.column_names == ["kind"]
    counts = [drawn.column(0).to_pylist().count(kind) for kind in ("a", "b", None)]
    assert [backend.read(apart).column(0).to_pylist().count(kind) for kind in ("a", "b", None)] == counts
    for count, there in zip(counts, (COUNT // 2, COUNT // 4, COUNT // 4), strict=True):
        assert abs(count - 0.2 * there) <= 5 * (there * 0.2 * 0.8) ** 0.5


def test_unknown_entities_belong_to_one_part(backend: SqlWarehouse) -> None:
    backend.load(EVENTS, pa.table({"client": pa.array([None, 1], pa.int64())}))
    query = rows_query(EVENTS, ["client"])
    shards = [clients(backend, backend.shard(query, "client", index, 3)) for index in range(3)]
    assert sorted(map(str, (client for shard in shards for client in shard))) == ["1", "None"]


def test_parts_are_a_prime_number() -> None:
    assert all(PARTS % divisor for divisor in range(2, int(PARTS**0.5) + 1))

"""Arrow batches become events; what contradicts the contract is named."""

import numpy as np
import pyarrow as pa
import pytest

from basemodel_ops.errors import DataError
from basemodel_ops.representation.events import NO_SESSION, concat, microseconds
from tests.basemodel_ops.representation.streams import random_source


def test_codes_follow_vocabularies_and_maps():
    reader, table = random_source(0)
    events = concat(list(reader.read(table.select(reader.columns).to_batches(11))))
    row_index, kind = {3: 0, 1: 1, 4: 2, 5: 3}, {3: 1, 1: 0, 4: 1, 5: 0}
    assert events.item_ids["item"].tolist() == [row_index.get(v, -1) for v in table["item"].to_pylist()]
    assert events.item_ids["item.type"].tolist() == [kind.get(v, -1) for v in table["item"].to_pylist()]
    assert (events.entity_index * 10).tolist() == table["client"].to_pylist()
    assert events.numbers["price"].tolist() == table["price"].to_pylist()
    assert events.session is not None
    visits = table["visit"].to_pylist()
    assert len(set(zip(events.session.tolist(), visits, strict=True))) == len(set(visits))


@pytest.mark.parametrize(
    ("column", "values", "text"),
    [
        ("client", pa.array([0, 5]), "client 5"),
        ("client", pa.array([0, None]), "client None"),
        ("client", pa.array(["0", "10"]), "none could match"),
        ("item", pa.array(["3", "1"]), "none could match"),
        ("at", pa.array([0, None], pa.timestamp("us")), "have no time"),
        ("at", pa.array([0, 1]), "cast it to a timestamp"),
        ("price", pa.array(["a", "b"]), "cannot be read as number"),
    ],
)
def test_contradictions_are_named(column, values, text):
    reader, table = random_source(0, events=2)
    table = table.set_column(table.column_names.index(column), column, values)
    with pytest.raises(DataError, match=text):
        list(reader.read(table.to_batches()))


def test_missing_values_never_fail():
    reader, _ = random_source(0)
    batch = pa.record_batch(
        {
            "client": pa.array([0, 10]),
            "at": pa.array([0, 1], pa.timestamp("us")),
            "visit": pa.array([None, "v"]),
            "item": pa.nulls(2),
            "price": pa.array([None, 2.5]),
        }
    )
    (events,) = reader.read([batch])
    assert events.item_ids["item"].tolist() == [-1, -1]
    assert events.item_ids["item.type"].tolist() == [-1, -1]
    assert np.isnan(events.numbers["price"]).tolist() == [True, False]
    assert events.session is not None
    assert events.session[0] == NO_SESSION


@pytest.mark.parametrize("kind", [pa.timestamp("s"), pa.timestamp("ns"), pa.timestamp("us", tz="UTC"), pa.date32()])
def test_every_kind_of_instant_is_read(kind):
    column = pa.array([0, 86_400_000_000], pa.timestamp("us")).cast(kind)
    assert microseconds(column, "sales").tolist() == [0, 86_400_000_000]

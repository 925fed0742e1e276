"""What files hold is told from names, types and counts, and what cannot be told is said."""

import itertools
from collections import Counter
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest
import yaml

from basemodel_ops.errors import DataError
from basemodel_ops.proposal.project import files_of, write
from basemodel_ops.proposal.roles import Proposal, annotation, propose
from basemodel_ops.proposal.seen import SeenTable
from basemodel_ops.proposal.tables import look, model_name, snake

from .shop import CUSTOMERS, DAYS, write_shop


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> list[SeenTable]:
    return look([write_shop(tmp_path_factory.mktemp("shop"))])


@pytest.fixture(scope="module")
def proposal(tables: list[SeenTable]) -> Proposal:
    return propose(tables)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("InvoiceNo", "invoice_no"), ("Customer ID", "customer_id"), ("userId", "user_id"),
        ("HTTPStatus", "http_status"),
        ("größe", "größe"), ("2nd-price", "column_2nd_price"), ("case:concept:name", "case_concept_name"),
    ],
)  # fmt: skip
def test_names_are_those_that_models_use(raw: str, name: str) -> None:
    assert snake(raw) == name


def test_files_of_one_layout_are_one_table(tables: list[SeenTable]) -> None:
    assert [table.name for table in tables] == ["colours", "customers", "orders", "products", "returns"]
    orders = next(table for table in tables if table.name == "orders")
    assert len(orders.paths) == 2
    assert orders.rows == CUSTOMERS * 30
    customer = orders.column("customer_id")
    assert customer is not None
    assert (customer.distinct, customer.nulls) == (CUSTOMERS, 0)
    assert orders.column("order_value") is not None  # `order` is a word of SQL
    moment = orders.column("ordered_at")
    assert moment is not None
    assert moment.first == datetime(2024, 1, 1, 8)


def test_tables_are_taken_for_what_they_are(proposal: Proposal) -> None:
    (events,) = proposal.events
    assert (events.table.name, events.time, events.session) == ("orders", "ordered_at", "order_no")
    assert proposal.entity == "customer_id"
    assert {(table.name, key) for table, key in proposal.attributes} == {
        ("customers", "customer_id"), ("products", "product_code"),
    }  # fmt: skip
    assert {table.name: why for table, why in proposal.unused} == {
        "colours": "no time and no column of names or numbers whose values stand once", "returns": "no rows",
    }  # fmt: skip
    assert proposal.start.weekday() == 0
    assert (proposal.start - date(2024, 1, 1)).days >= DAYS // 5
    # Customers come back after 40 days, and half a year of data allows no more than 28.
    assert (proposal.every, proposal.horizon) == ("week", 28)


def test_columns_are_annotated_where_names_and_types_do_not_tell(proposal: Proposal) -> None:
    orders = proposal.events[0].table
    customers = next(table for table, _ in proposal.attributes if table.name == "customers")

    def of(table: SeenTable, name: str) -> dict[str, object]:
        column = table.column(name)
        assert column is not None
        return annotation(proposal, table, column)

    assert of(orders, "product_code") == {"type": "category", "references": "products"}
    assert of(orders, "note") == {"type": "text"}
    assert of(orders, "amount_paid") == {}
    assert of(customers, "e_mail") == {"pii": True}


def visits_with(folder: Path, column: str, values: str, rows: int = 300) -> tuple[Proposal, SeenTable]:
    """A proposal for visits, which have a column beside their user, kind and time."""
    query = f"select i % 30 as user_id, 'k' || i % 3 as kind, {values} as {column}, {DAILY} from range({rows}) as t (i)"
    proposal = propose(look([csv(folder, "visits.csv", query)]))
    return proposal, proposal.events[0].table


@pytest.mark.parametrize(
    ("values", "rows", "expected"),
    [
        ("i", 300, {"type": "ignore"}),
        ("7919 * i % 300", 300, {"type": "ignore"}),  # in any order
        ("i", 99, {}),
        ("i // 2", 300, {}),
        ("case when i <> 7 then i end", 300, {}),
        ("i + 0.5", 300, {}),
    ],
)
def test_numbers_of_rows_are_not_read(tmp_path: Path, values: str, rows: int, expected: dict[str, object]) -> None:
    proposal, visits = visits_with(tmp_path, "rownames", values, rows)
    column = visits.column("rownames")
    assert column is not None
    assert annotation(proposal, visits, column) == expected
    assert visits.time is not None
    assert annotation(proposal, visits, visits.time) == {}


def test_an_amount_of_which_each_stands_once_is_read(tmp_path: Path) -> None:
    proposal, visits = visits_with(tmp_path, "fee_paid", "7919 * i")
    column = visits.column("fee_paid")
    assert column is not None
    assert column.distinct == visits.rows
    assert annotation(proposal, visits, column) == {}


def test_numbers_of_facts_are_no_numbers_of_rows(tmp_path: Path) -> None:
    query = f"select i % 200 as user_id, 'k' || i % 3 as kind, {DAILY} from range(2000) as t (i)"
    people = "select i as user_id, i * 17 as salary from range(200) as t (i)"
    proposal = propose(look([csv(tmp_path, "visits.csv", query), csv(tmp_path, "users.csv", people)]))
    (users,) = [table for table, _ in proposal.attributes]
    column = users.column("salary")
    assert column is not None
    assert annotation(proposal, users, column) == {}


@pytest.mark.parametrize(
    ("name", "is_group"),
    [
        *((name, True) for name in ("fips", "statefips", "zip_4", "home_zip", "zipcode", "postcode", "precinct")),
        *((name, True) for name in ("police_district", "ward", "ward_number", "county_fips_2010")),
        *((name, False) for name in ("award", "reward", "zipped", "wards_visited", "district_population", "n_ward")),
    ],
)
@pytest.mark.parametrize("values", ["i % 7", "1.5 * (i % 7)"], ids=["whole", "floating"])
def test_numbers_that_are_names_of_places_are_categories(
    tmp_path: Path, name: str, is_group: bool, values: str
) -> None:
    proposal, visits = visits_with(tmp_path, name, values)
    column = visits.column(name)
    assert column is not None
    assert annotation(proposal, visits, column) == ({"type": "category"} if is_group else {})


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        ("signed_up", "date '2023-01-01' + cast(i as integer)", "signed_up"),
        ("entered_on", "date '2023-01-01' + cast(i as integer)", "entered_on"),
        ("admission_date", "date '2023-01-01' + cast(i as integer)", "admission_date"),
        ("customer_since", "date '2023-01-01' + cast(i as integer)", "customer_since"),
        ("born", "date '1970-01-01' + cast(i as integer)", None),  # by its name no beginning
        ("signed_up", "case when i > 3 then date '2023-01-01' + cast(i as integer) end", None),  # not of everyone
        ("signed_up", "date '2023-01-01'", None),  # of nobody
        ("joined", "'week ' || i % 5", None),  # no moments
    ],
)
def test_attributes_are_known_from_the_day_on_which_each_began(
    tmp_path: Path, column: str, values: str, expected: str | None
) -> None:
    query = f"select i % 30 as user_id, 'k' || i % 3 as kind, {DAILY} from range(300) as t (i)"
    people = f"select i as user_id, 't' || i % 3 as tier, {values} as {column} from range(30) as t (i)"
    paths = [csv(tmp_path, "visits.csv", query), csv(tmp_path, "users.csv", people)]
    proposal = propose(look(paths))
    (users,) = [table for table, _ in proposal.attributes]
    assert users.valid_from == expected
    written = "".join(
        text for name, text in files_of(proposal, tmp_path, datetime(2026, 1, 1)).items() if name.endswith(".yml")
    )
    assert ("valid_from:" in written) == (expected is not None)


@pytest.mark.parametrize("has_beginning", [True, False])
def test_a_year_of_birth_is_a_date_where_facts_are_dated(tmp_path: Path, has_beginning: bool) -> None:
    """Undated facts are for traits alone, to which a year as a number says more than the day of a date."""
    query = f"select i % 30 as user_id, 'k' || i % 3 as kind, {DAILY} from range(300) as t (i)"
    dated = "date '2023-01-01' + cast(i as integer) as joined, " if has_beginning else ""
    years = "case i when 3 then null when 4 then 0 else 1950 + i end as birth_year"
    people = f"select i as user_id, {dated}{years}, 2 * i as yearly from range(30) as t (i)"
    paths = [csv(tmp_path, "visits.csv", query), csv(tmp_path, "users.csv", people)]
    proposal = propose(look(paths))
    files = files_of(proposal, tmp_path, datetime(2026, 1, 1))
    (users,) = yaml.safe_load(files["models/behavior/users.yml"])["models"]
    types = {column["name"]: column["data_type"] for column in users["columns"]}
    assert types["birth_year"] == ("timestamp" if has_beginning else "bigint")
    assert types["yearly"] == "bigint"
    model = files["models/behavior/users.sql"].replace("{{ ref('raw_users') }}", f"'{tmp_path / 'users.csv'}'")
    query = f"select birth_year from ({model.split('WHERE')[0]}) order by cast(user_id as int)"
    rows = duckdb.execute(query).fetchall()
    assert rows[3:6] == ([(None,), (None,), (datetime(1955, 7, 1),)] if has_beginning else [(None,), (0,), (1955,)])


def test_the_question_is_about_most_entities_and_as_far_ahead_as_their_days_are_apart(tmp_path: Path) -> None:
    """Players have a row a season, and a few of them awards."""
    by_season = "date '1990-10-31' + to_years(cast(i // 40 as integer))"
    seasons = f"select i % 40 as player_id, 't' || i % 5 as team, {by_season} as season_end from range(1200) as t (i)"
    awards = f"select i % 4 as player_id, 'a' || i % 2 as award, {by_season} as given_on from range(1200) as t (i)"
    proposal = propose(look([csv(tmp_path, "awards.csv", awards), csv(tmp_path, "seasons.csv", seasons)]))
    assert [event.table.name for event in proposal.events] == ["awards", "seasons"]
    assert (proposal.main.table.name, proposal.horizon, proposal.every) == ("seasons", 365, "year")
    assert proposal.start == date(1997, 1, 1)


@pytest.mark.parametrize(
    ("apart", "days", "expected"),
    [
        (3, 400, ("week", 28, date(2020, 3, 23))),
        (3, 60, ("day", 7, date(2020, 1, 20))),
        (50, 1500, ("week", 56, date(2020, 11, 2))),
        (150, 3000, ("month", 182, date(2021, 9, 1))),
        (300, 3000, ("quarter", 365, date(2021, 10, 1))),
        (150, 600, ("week", 91, date(2020, 5, 4))),  # a fifth of the data at most
    ],
)
def test_cutoffs_and_the_question_follow_how_often_people_are_seen(
    tmp_path: Path, apart: int, days: int, expected: tuple[str, int, date]
) -> None:
    """Somebody is seen on every day, so that the table alone does not tell."""
    query = f"""
        select i as patient_id, timestamp '2020-01-01' + to_days(cast(i % {apart} + j * {apart} as integer)) as seen
        from range({3 * apart}) as t (i), range({days // apart + 1}) as u (j) where i % {apart} + j * {apart} <= {days}
        """
    proposal = propose(look([csv(tmp_path, "stays.csv", query)]))
    assert (proposal.every, proposal.horizon, proposal.start) == expected
    grid = files_of(proposal, tmp_path, datetime(2026, 1, 1))["models/tasks/cutoffs.sql"]
    built = grid.replace("{{ ref('stays') }}", f"'{tmp_path}/stays.csv'")
    cutoffs = [cutoff for (cutoff,) in duckdb.execute(f"select cutoff from ({built}) order by 1").fetchall()]
    assert cutoffs[0] == datetime.combine(proposal.start, datetime.min.time())
    steps = {(later.date() - earlier.date()).days for earlier, later in itertools.pairwise(cutoffs)}
    least, most = {"day": (1, 1), "week": (7, 7), "month": (28, 31), "quarter": (90, 92)}[proposal.every]
    assert least <= min(steps) <= max(steps) <= most


def test_an_entity_may_be_named(tables: list[SeenTable]) -> None:
    assert propose(tables, "product_code").entity == "product_code"
    with pytest.raises(DataError, match=r"No column colour .* There are: .*customer_id"):
        propose(tables, "colour")


def csv(folder: Path, name: str, query: str) -> Path:
    duckdb.execute(f"copy ({query}) to '{folder / name}'")
    return folder / name


DAILY = "timestamp '2024-01-01' + to_days(cast(i as integer)) as at"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("select i as a, i as b from range(9) as t (i)", "No table has a column of timestamps"),
        (f"select i % 3 as user_id, {DAILY} from range(30) as t (i)", "span 29 days"),
        (f"select i % 9 as x, {DAILY} from range(90) as t (i)", "Name a column by --entity: x"),
        (f"select i + 0.5 as x, {DAILY} from range(90) as t (i)", "Nobody has several events.* rows: x, at_value"),
    ],
)
def test_what_cannot_be_told_is_said(tmp_path: Path, query: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        propose(look([csv(tmp_path, "rows.csv", query)]))


def written(folder: Path, *rows: str) -> SeenTable:
    """What is seen of a file of such rows."""
    (folder / "rows.csv").write_text("\n".join(rows) + "\n")
    (table,) = look([folder / "rows.csv"])
    return table


def test_missing_values_do_not_make_texts_of_numbers_and_moments(tmp_path: Path) -> None:
    days = [f"{i % 3},2024-01-{i + 1:02},{i},town" for i in range(20)]
    table = written(tmp_path, "user_id,at,size,place", *days, "1,NA,NA,NA", "2,2024-02-01,null,", "2,2024-02-02,7,null")
    seen = {column.name: (column.data_type, column.nulls) for column in table.columns}
    assert seen["at_value"] == ("date", 1)
    assert seen["size"] == ("bigint", 2)
    assert seen["place"] == ("varchar", 3)
    assert "['', 'NA', 'null']" in table.source.sql("duckdb")


def test_words_that_could_mean_missing_stay_words_where_no_number_needs_them_gone(tmp_path: Path) -> None:
    days = [f"{i % 3},2024-01-{i + 1:02},{i},NA" for i in range(20)]
    table = written(tmp_path, "user_id,at,size,country", *days)
    column = table.column("country")
    assert column is not None
    assert (column.distinct, column.nulls) == (1, 0)
    assert "nullstr" not in table.source.sql("duckdb")


def test_a_word_far_down_does_not_stop_the_reading_of_numbers(tmp_path: Path) -> None:
    days = [f"{i % 9},2024-01-01 00:00:00,{i}" for i in range(40_000)]
    column = written(tmp_path, "user_id,at,size", *days, "1,2024-01-02 00:00:00,NA").column("size")
    assert column is not None
    assert (column.data_type, column.nulls) == ("bigint", 1)
    column = written(tmp_path, "user_id,at,size", *days, "1,2024-01-02 00:00:00,large").column("size")
    assert column is not None
    assert (column.data_type, column.nulls) == ("varchar", 0)


def test_attributes_are_found_by_values_where_names_differ(tmp_path: Path) -> None:
    ports = [f"p{number:02}" for number in range(30)]
    trips = [
        f"{i % 9},2024-{i // 28 + 1:02}-{i % 28 + 1:02},{ports[i % 20]},{ports[i % 7]},x{i % 4}" for i in range(90)
    ]
    for name, rows in {
        "trips": ["ship_id,at,origin,dest,kind", *trips],
        "ports": ["code,country", *(f"{port},c{number % 3}" for number, port in enumerate(ports[1:]))],
        "kinds": ["kind,size", *(f"x{number},{number}" for number in range(4))],
        "seas": ["sea,depth", *(f"s{number},{number}" for number in range(9))],
        "weather": ["port,at,wind", *(f"{ports[i % 2]},2024-01-{i % 28 + 1:02},{i % 5}" for i in range(60))],
    }.items():
        (tmp_path / f"{name}.csv").write_text("\n".join(rows) + "\n")
    tables = {table.name: table for table in look([tmp_path])}
    proposal = propose(list(tables.values()), "ship_id")
    held = {column.name: proposal.references(column) for column in tables["trips"].columns}
    # Nineteen of twenty origins are there, and six of seven destinations.
    assert held == {"ship_id": None, "at_value": None, "origin": "ports", "dest": None, "kind": "kinds"}
    assert dict((table.name, why) for table, why in proposal.unused) == {
        "seas": "no event mentions its sea",
        "weather": "no column ship_id and no column of names or numbers whose values stand once",
    }


def test_files_that_are_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"There is no .*missing"):
        look([tmp_path / "missing"])
    with pytest.raises(DataError, match="There is no table in"):
        look([tmp_path])
    (tmp_path / "notes.docx").write_text("x")
    with pytest.raises(DataError, match="is no file that is read"):
        look([tmp_path / "notes.docx"])
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match=r"broken.parquet cannot be read"):
        look([tmp_path])


@pytest.mark.parametrize(("ticks", "kind"), [(1, "integer"), (1, "double"), (1_000, "bigint"), (1_000_000, "bigint")])
def test_numbers_that_count_from_1970_are_moments(tmp_path: Path, ticks: int, kind: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(
            f"""copy (select i % 9 as user_id, cast({ticks} * (1700000000 + i * 86400) as {kind}) as "timestamp",
            i as number_at from range(90) as t (i)) to '{tmp_path}/views.parquet'"""
        )
    (table,) = look([tmp_path])
    (events,) = propose([table]).events
    assert events.time == "timestamp"
    column = table.column("timestamp")
    assert column is not None
    assert column.first == datetime(2023, 11, 14, 22, 13, 20)
    number = table.column("number_at")
    assert number is not None
    assert not number.is_timestamp


def test_tables_of_a_database_are_read_in_place(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.execute("create schema sales; create schema basemodel")
        connection.execute('create table sales."Orders" as select i % 9 as user_id, i as v from range(90) as t (i)')
        connection.execute('create view main.people as select distinct user_id from sales."Orders"')
        connection.execute("create table basemodel.scores as select 1 as user_id")
    tables = look([tmp_path / "shop.duckdb"])
    assert [(table.name, table.rows, table.database) for table in tables] == [
        ("orders", 90, "from_shop"), ("people", 9, "from_shop"),
    ]  # fmt: skip
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.execute("create table main.orders as select 1 as user_id")
    with pytest.raises(DataError, match="would both be the table orders"):
        look([tmp_path / "shop.duckdb"])


def test_a_file_that_is_no_database_is_named_where_it_was_meant(tmp_path: Path) -> None:
    (tmp_path / "shop.duckdb").write_text("no database")
    with pytest.raises(DataError, match=r"shop.duckdb cannot be opened"):
        look([tmp_path / "shop.duckdb"])
    (tmp_path / "views.csv").write_text("user_id,seen\n1,2024-01-01\n")
    assert [table.name for table in look([tmp_path])] == ["views"]


def test_databases_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for folder, table in (("a", "orders"), ("b", "views")):
        (tmp_path / folder).mkdir()
        with duckdb.connect(str(tmp_path / folder / "shop.db")) as connection:
            connection.execute(f"create table {table} as select 1 as user_id")
    tables = look([tmp_path / "a", tmp_path / "b"])
    assert [(table.name, table.database) for table in tables] == [("orders", "from_shop"), ("views", "from_shop_2")]


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path, proposal: Proposal) -> None:
    (tmp_path / "mine.sql").write_text("select 1")
    with pytest.raises(DataError, match="not empty"):
        write(files_of(proposal, tmp_path, datetime(2026, 1, 1)), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.sql"]


@pytest.mark.parametrize(("now", "is_stopped"), [(datetime(2024, 7, 25), False), (datetime(2026, 1, 1), True)])
def test_data_that_have_stopped_have_a_now(proposal: Proposal, tmp_path: Path, now: datetime, is_stopped: bool) -> None:
    assert ("now: '2024-07-18 08:00:00'" in files_of(proposal, tmp_path, now)["models/tasks/tasks.yml"]) is is_stopped


def test_rows_that_two_files_hold_are_read_once(tmp_path: Path) -> None:
    days = f"select i % 7 as user_id, {DAILY}, 'x' as _file from range(FROM, TO) as t (i)"
    # 20 days are in both exports; the third row of the first stands there twice, and did happen twice.
    for number, (first, last) in enumerate([(0, 60), (40, 100)]):
        csv(tmp_path, f"visits_{number}.csv", days.replace("FROM", str(first)).replace("TO", str(last)))
    with (tmp_path / "visits_0.csv").open("a") as file:
        file.write((tmp_path / "visits_0.csv").read_text().splitlines()[3] + "\n")
    (table,) = look([tmp_path])
    assert (table.rows, table.repeated) == (101, 20)
    rows = duckdb.sql(table.source.sql("duckdb"))
    assert rows is not None
    assert rows.columns == ["user_id", "at", "_file"]
    assert sorted(Counter(rows.fetchall()).values())[-2:] == [1, 2]
    (apart,) = look([tmp_path / "visits_0.csv"])
    assert (apart.rows, apart.repeated) == (61, 0)


def test_an_entity_may_be_named_as_its_file_names_it(tmp_path: Path) -> None:
    query = f'select i % 7 as "StockCode", i % 3 as user_id, {DAILY} from range(90) as t (i)'
    tables = look([csv(tmp_path, "sales.csv", query)])
    assert propose(tables, "StockCode").entity == "stock_code"


def test_files_of_other_endings_are_named(tmp_path: Path) -> None:
    (tmp_path / "ratings.inter").write_text("user\titem\n1\t2\n")
    with pytest.raises(DataError, match=rf"no table in {tmp_path}\..* ratings\.inter: name copies .* \.csv"):
        look(iter([tmp_path]))


def sold(write: str) -> str:
    """A query of 1,200 sales over 200 days, as a file writes their moments."""
    day = "timestamp '2024-01-01 08:05:00' + to_days(cast(i % 200 as integer))"
    return f"""select i % 40 + 1 as "Kunden-Nr", 'P' || i * 7 % 25 as "Produkt", i % 9 + 0.5 as "Betrag",
        strftime({day}, '{write}') as "Datum" from range(1200) as t (i)"""


@pytest.mark.parametrize(
    ("separator", "written", "comma"),
    [
        (";", "%d.%m.%Y %H:%M", True),
        ("\t", "%d/%m/%Y %H:%M", True),
        (",", "%m/%d/%Y %H:%M", False),
        (",", "%m/%d/%Y %I:%M %p", False),
        (";", "%d.%m.%y %H:%M", True),
        ("\t", "%d/%m/%y %H:%M:%S", True),
        (",", "%m-%d-%y %H:%M:%S", False),
        (",", "%y-%m-%d %H:%M:%S", False),
    ],
)
def test_files_are_read_as_their_country_writes_them(tmp_path: Path, separator: str, written: str, comma: bool) -> None:
    with duckdb.connect() as connection:
        rows = connection.execute(sold(written)).fetchall()
    lines = [(str(who), what, str(paid).replace(".", "," if comma else "."), when) for who, what, paid, when in rows]
    text = "\n".join(separator.join(line) for line in [("Kunden-Nr", "Größe", "Betrag", "Datum"), *lines])
    (tmp_path / "Verkäufe.csv").write_bytes(text.encode("latin-1"))
    (table,) = look([tmp_path])
    assert {column.name: column.data_type for column in table.columns} == {
        "kunden_nr": "bigint", "größe": "varchar", "betrag": "double", "datum": "timestamp",
    }  # fmt: skip
    moment = table.column("datum")
    assert moment is not None
    assert (moment.first, moment.last) == (datetime(2024, 1, 1, 8, 5), datetime(2024, 7, 18, 8, 5))
    with duckdb.connect() as connection:
        query = f'select sum("Betrag") from ({table.source.sql("duckdb")})'
        assert connection.execute(query).fetchone() == (float(sum(paid for _, _, paid, _ in rows)),)


def test_thousands_are_not_taken_for_decimals(tmp_path: Path) -> None:
    rows = "".join(f'{n % 9},2024-0{1 + n % 6}-01,"{n},500"\n' for n in range(1, 90))
    (tmp_path / "sales.csv").write_text("customer_id,day,amount\n" + rows)
    (table,) = look([tmp_path])
    amount = table.column("amount")
    assert amount is not None
    assert amount.data_type == "varchar"


def test_where_day_and_month_may_be_either_none_is_chosen(tmp_path: Path) -> None:
    rows = "".join(f"{n % 9},{1 + n % 12}/{1 + n % 11}/2024 08:00\n" for n in range(90))
    (tmp_path / "sales.csv").write_text("customer_id,at\n" + rows)
    (table,) = look([tmp_path])
    assert [column.data_type for column in table.columns] == ["bigint", "varchar"]


def test_folders_below_are_read_and_partitions_are_one_table(tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(
            f"""copy (select i % 40 as customer_id, i % 25 as product, 2024 as year, 1 + i % 6 as month,
            timestamp '2024-01-01' + to_days(cast(i % 200 as integer)) as bought_at from range(1200) as t (i))
            to '{tmp_path}/sales' (format parquet, partition_by (year, month))"""
        )
        (tmp_path / "more" / ".hidden").mkdir(parents=True)
        for folder in ("more", "more/.hidden"):
            connection.execute(f"copy (select i as product, i % 3 as kind from range(25) as t (i)) to "
                               f"'{tmp_path}/{folder}/products.csv'")  # fmt: skip
    result = {table.name: table for table in look([tmp_path])}
    assert {name: (len(table.paths), table.rows) for name, table in result.items()} == {
        "products": (1, 25), "sales": (6, 1200),
    }  # fmt: skip
    (events,) = propose(list(result.values())).events
    assert (events.table.name, events.time) == ("sales", "bought_at")


def layers(folder: Path) -> Path:
    """A DuckDB file with three schemas: rows, the same rows in another order, and what was made of them."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        for schema in ("raw", "staging", "marts"):
            connection.execute(f"create schema {schema}")
        connection.execute(
            """create table raw.sales as select i % 40 as customer_id, i % 25 as product,
            timestamp '2024-01-01' + to_days(cast(i % 200 as integer)) as bought_at from range(1200) as t (i)"""
        )
        connection.execute("create table staging.stg_sales as from raw.sales order by bought_at desc")
        connection.execute("create table marts.sales as from raw.sales where product > 1")
        connection.execute("create view marts.more_sales as select * replace (product + 1 as product) from raw.sales")
    return path


def test_of_layers_with_the_same_rows_one_is_read(tmp_path: Path) -> None:
    path = layers(tmp_path)
    tables = look([Path(f"{path}:raw"), Path(f"{path}:staging"), Path(f"{path}:marts.more_sales")])
    proposal = propose(tables)
    assert [events.table.name for events in proposal.events] == ["more_sales", "sales"]
    assert [(table.name, why) for table, why in proposal.unused] == [("stg_sales", "the same rows as sales")]


def test_tables_of_one_name_are_told_apart_by_their_schema(tmp_path: Path) -> None:
    path = layers(tmp_path)
    with pytest.raises(DataError, match=r"would both be the table sales.*warehouse\.duckdb:schema\.table"):
        look([path])
    assert [table.rows for table in look([Path(f"{path}:marts.sales")])] == [1104]
    with pytest.raises(DataError, match=r"no table in 'core' of .*Schemas with tables: marts, raw, staging"):
        look([Path(f"{path}:core")])


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("strftime(day, '%Y-%m-%dT%H:%M:%SZ')", "timestamp"),
        ("strftime(day, '%Y-%m-%d %H:%M:%S+00:00')", "timestamp"),
        ("strftime(day, '%Y-%m-%d %H:%M:%S+02:00')", "varchar"),
        ("strftime(day, '%Y-%m-%d')", "timestamp"),
        ("if(i = 1199, 'soon', strftime(day, '%Y-%m-%d'))", "varchar"),
        ("strftime(day, '%Y%m%d')", "varchar"),
        ("i % 9 || '-1-1'", "varchar"),
        ("cast(null as varchar)", "varchar"),
    ],
)
def test_moments_that_stand_as_texts_are_moments(tmp_path: Path, written: str, kind: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(
            f"""copy (select i % 40 as customer_id, {written} as bought from (select i, timestamp '2024-01-01 08:00:00'
            + to_days(cast(i % 200 as integer)) as day from range(1200) as t (i))) to '{tmp_path}/sales.parquet'"""
        )
    (table,) = look([tmp_path])
    moment = table.column("bought")
    assert moment is not None
    assert moment.data_type == kind
    if kind == "timestamp":
        hour = 8 if "%H" in written else 0
        assert moment.first == datetime(2024, 1, 1, hour)
        model = files_of(propose([table]), tmp_path / "shop", datetime(2026, 1, 1))["models/behavior/sales.sql"]
        assert 'CAST("bought" AS TIMESTAMP) AS bought' in model
    else:
        with pytest.raises(DataError, match=r"There are sales: customer_id, bought\. .*cast it in a copy or a view"):
            propose([table])


@pytest.mark.parametrize(
    ("file", "model"),
    [
        ("Verkäufe 2024", "verkaufe_2024"),
        ("OrderLines", "order_lines"),
        ("注文", "table"),
        ("2024-sales", "column_2024_sales"),
    ],
)
def test_models_are_called_as_dagster_can_name_steps(tmp_path: Path, file: str, model: str) -> None:
    assert model_name(file) == model
    (tmp_path / f"{file}.csv").write_text("größe,at\n" + "".join(f"{n % 9},2024-0{1 + n % 6}-01\n" for n in range(90)))
    (table,) = look([tmp_path])
    assert (table.name, [column.name for column in table.columns]) == (model, ["größe", "at_value"])


def test_what_holds_several_values_is_said(tmp_path: Path) -> None:
    query = f"select i % 9 as user_id, {DAILY}, [i] as tags, {{'town': 'Ulm'}} as place from range(99) as t (i)"
    (table,) = look([csv(tmp_path, "rows.parquet", query)])
    assert table.unread == (("tags", "bigint[]"), ("place", "struct(town varchar)"))
    assert [column.name for column in table.columns] == ["user_id", "at_value"]
    only = csv(tmp_path, "only.parquet", f"select {{'at': rows.at}} as event from ({query}) as rows")
    with pytest.raises(DataError, match=r"only: event \(struct\(.*within another column"):
        propose(look([only]))


@pytest.mark.parametrize(("entity", "named"), [("name", "name_value"), ("Score", "score_value"), ("rider", "rider")])
def test_an_entity_is_not_called_as_a_column_of_the_answers(tmp_path: Path, entity: str, named: str) -> None:
    query = f'select i % 9 as "{entity}", {DAILY} from range(99) as t (i)'
    proposed = propose(look([csv(tmp_path, "rows.csv", query)]), entity)
    files = files_of(proposed, tmp_path / "my shop", datetime(2024, 6, 1))
    assert proposed.entity == named
    assert f'"{entity}" AS BIGINT) AS {named}' in files["models/behavior/rows.sql"]
    assert f"BASEMODEL_HOME='{tmp_path}/my shop/.basemodel'" in files["README.md"]


def test_columns_are_called_as_tables_can_be_made_of_without_quotes(tmp_path: Path) -> None:
    words = "at", "left", "like", "order", "values", "time", "user", "is", "by", "verbose", "similar", "key"
    ones = ", ".join(f'1 as "{word}"' for word in words)
    (table,) = look([csv(tmp_path, "rows.csv", f"select {ones}")])
    names = [column.name for column in table.columns]
    assert [column.raw for column in table.columns] == list(words)
    duckdb.execute(f"create or replace temp table made ({', '.join(f'{name} integer' for name in names)})")
    duckdb.execute(f"select {', '.join(f'made.{name} as {name}' for name in names)} from made")

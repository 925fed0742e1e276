"""The marts over score tables of two partitions."""

from datetime import datetime

import duckdb
import pytest

from .conftest import Project

OLD, NEW = datetime(2017, 5, 8), datetime(2017, 5, 15)
TABLES = {
    "churn_28d": "cast(0.25 * household_id as double) as score",
    "spend_28d": "cast(10 * household_id as double) as prediction",
    "income_band": "'50-74K' as class, cast(0.5 as double) as probability",
    "category_14d": "'category ' || rank as item, 1 / rank as score, cast(rank as integer) as rank",
    "next_products_14d": "1000 + rank as item, 1 / rank as score, cast(rank as integer) as rank",
}

ENDS = "'v', 'r', timestamp '2017-05-15'"
INSIGHT = {
    "entity_embeddings": f"""
        (1, timestamp '2017-05-15', '[0.5,-1]', {ENDS})
    ) rows (household_id, as_of, embedding, model_version, run_id, scored_at""",
    "product_id_embeddings": """
        ('purchases', 1001::bigint, 3::bigint, '[0.5,-1]', 'v')
    ) rows (source, product_id, events, embedding, model_version""",
    "churn_28d_deciles": f"""
        (1, timestamp '2017-05-08', 0.25::double, 9, {ENDS}),
        (1, timestamp '2017-05-15', 0.25::double, 7, {ENDS})
    ) rows (household_id, as_of, score, decile, model_version, run_id, scored_at""",
    "churn_28d_aggregate_reasons": f"""
        (1, timestamp '2017-05-08', 1, 'gap', 'old', {ENDS}),
        (1, timestamp '2017-05-15', 3, 'trips', 'few trips', {ENDS}),
        (1, timestamp '2017-05-15', 2, 'gap', 'a long gap', {ENDS}),
        (1, timestamp '2017-05-15', 1, 'trips in 28 days, foreseen', 'few to come', {ENDS})
    ) rows (household_id, as_of, rank, aggregate, words, model_version, run_id, scored_at""",
    "lookalikes": f"""
        (1, timestamp '2017-05-08', 1, 3::bigint, 0.9::double, {ENDS}),
        (1, timestamp '2017-05-15', 1, 2::bigint, 0.8::double, {ENDS}),
        (1, timestamp '2017-05-15', 2, 3::bigint, 0.1::double, {ENDS})
    ) rows (household_id, as_of, rank, neighbour, similarity, model_version, run_id, scored_at""",
    "anomalies": f"""
        (1, timestamp '2017-05-08', 0.9::double, 2, 1, 'old', {ENDS}),
        (1, timestamp '2017-05-15', 0.01::double, 1, 1, 'a burst', {ENDS}),
        (1, timestamp '2017-05-15', 0.01::double, 1, 2, 'late hours', {ENDS}),
        (2, timestamp '2017-05-15', null, null, 1, 'nothing expected', {ENDS})
    ) rows (household_id, as_of, p_value, rank, reason, words, model_version, run_id, scored_at""",
    "segments": f"""
        (1, timestamp '2017-05-08', 1, '9', 'old', 1.0, {ENDS}),
        (1, timestamp '2017-05-15', 1, '2', 'tea', 1.0, {ENDS}),
        (1, timestamp '2017-05-15', 2, '2.1', 'green', 0.5, {ENDS}),
        (2, timestamp '2017-05-15', 1, '2', 'tea', 2.0, {ENDS})
    ) rows (household_id, as_of, level, segment, name, distance, model_version, run_id, scored_at""",
    "families_audience": f"""
        (2::bigint, timestamp '2017-05-15', 1::bigint, 0.9::double, {ENDS}),
        (3::bigint, timestamp '2017-05-08', 1::bigint, 0.7::double, {ENDS})
    ) rows (household_id, as_of, rank, score, model_version, run_id, scored_at""",
    "segment_profiles": f"""
        ('2', timestamp '2017-05-15', 1, 2, 'tea', 2, 1.0, 'buys', 'item', 'tea', 'buy tea', .5, .1, 5, 2, 9, {ENDS}),
        ('2', timestamp '2017-05-15', 1, 1, 'tea', 2, 1.0, 'buys', 'item', 'cup', 'own a cup', .5, .1, 5, 3, 9, {ENDS})
    ) rows (segment, as_of, level, rank, name, size, share, source, column_name, value, words, share_inside,
        share_outside, lift, lift_low, lift_high, model_version, run_id, scored_at""",
}


@pytest.fixture(scope="module")
def household_360(built: Project) -> dict[int, dict]:
    """Households 1 and 2 were scored in the old partition, 1 alone in the new one."""
    with duckdb.connect(str(built.warehouse)) as connection:
        connection.execute("create schema basemodel")
        for task, answer in TABLES.items():
            ranks = 12 if "rank" in answer else 1
            connection.execute(
                f"""
                create table basemodel.{task}_scores as
                select household_id, as_of, {answer},
                    'v' as model_version, 'r' as run_id, as_of as scored_at
                from (values (1, ?), (2, ?), (1, ?)) scored (household_id, as_of)
                cross join range(1, {ranks + 1}) ranks (rank)
                """,
                [OLD, OLD, NEW],
            )
        for name, columns in INSIGHT.items():
            connection.execute(f"create table basemodel.{name} as select * from (values {columns})")
    built.build("--select", "source:basemodel+")
    with duckdb.connect(str(built.warehouse), read_only=True) as connection:
        rows = connection.sql("select * from marts.household_360").to_arrow_table().to_pylist()
    return {row["household_id"]: row for row in rows}


def test_one_row_per_household(household_360, raw):
    assert set(household_360) == set(raw["transactions"]["household_id"])


def test_answers_are_of_the_newest_partition(household_360):
    first = household_360[1]
    assert first["churn_as_of"] == first["spend_as_of"] == first["income_band_as_of"] == NEW
    assert (first["churn_score"], first["expected_spend"], first["income_band"]) == (0.25, 10.0, "50-74K")
    assert first["next_categories"] == ", ".join(f"category {rank}" for rank in range(1, 6))
    assert first["next_products"] == ", ".join(str(1000 + rank) for rank in range(1, 11))


def test_an_old_answer_is_not_shown(household_360):
    second = household_360[2]
    assert second["churn_score"] is second["expected_spend"] is second["next_products"] is None


def test_a_score_comes_with_its_decile_and_its_first_reason_and_spend_with_that_of_a_year(household_360):
    first, second = household_360[1], household_360[2]
    assert (first["churn_decile"], first["churn_reason"], first["yearly_value"]) == (7, "a long gap", 130.0)
    assert second["churn_decile"] is second["churn_reason"] is second["yearly_value"] is None


@pytest.mark.usefixtures("household_360")
def test_without_explanations_the_mart_has_no_reasons(built: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BASEMODEL_EXPLAINED", "0")
    with duckdb.connect(str(built.warehouse)) as connection:
        connection.execute("alter table basemodel.churn_28d_aggregate_reasons rename to kept_reasons")
    built.build("--select", "household_360")
    with duckdb.connect(str(built.warehouse)) as connection:
        rows = connection.sql("select churn_decile, churn_reason from marts.household_360 where household_id = 1")
        assert rows.fetchall() == [(7, None)]
        connection.execute("alter table basemodel.kept_reasons rename to churn_28d_aggregate_reasons")


def test_segments_and_the_nearest_are_of_the_newest_partition(household_360):
    first, second = household_360[1], household_360[2]
    assert (first["segment"], first["subsegment"], first["subsegment_name"]) == ("2", "2.1", "green")
    assert (first["nearest_lookalike"], first["nearest_lookalike_similarity"]) == (2, 0.8)
    assert (second["segment"], second["subsegment"], second["nearest_lookalike"]) == ("2", None, None)


def test_the_oddest_line_of_the_newest_partition_is_shown(household_360):
    first, second = household_360[1], household_360[2]
    assert (first["anomaly_p_value"], first["anomaly_rank"], first["anomaly"]) == (0.01, 1, "a burst")
    assert (first["anomaly_as_of"], second["anomaly_p_value"], second["anomaly"]) == (NEW, None, "nothing expected")


@pytest.mark.usefixtures("household_360")
def test_a_segment_is_described_by_its_members_and_its_traits_in_order(built: Project):
    with duckdb.connect(str(built.warehouse), read_only=True) as connection:
        rows = connection.sql("select * from marts.segment_profile order by segment").to_arrow_table().to_pylist()
    assert [(row["segment"], row["households"]) for row in rows] == [("2", 2), ("2.1", 1)]
    assert rows[0]["described_by"] == "own a cup; buy tea"
    assert rows[0]["mean_churn_score"] == rows[1]["mean_churn_score"] == 0.25  # the second household was not scored
    assert rows[1]["described_by"] is None


@pytest.mark.usefixtures("household_360")
def test_a_campaign_reaches_the_audience_of_the_newest_partition(built: Project):
    with duckdb.connect(str(built.warehouse), read_only=True) as connection:
        (row,) = connection.sql("select * from marts.campaign_audience").to_arrow_table().to_pylist()
    assert (row["household_id"], row["rank"], row["family_score"]) == (2, 1, 0.9)
    assert (row["segment_name"], row["churn_score"]) == ("tea", None)

"""Tables of answers in words: what a row is, and what each column holds.

Which columns there are, the stages say by what they publish.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

ANY = {
    "as_of": "The cutoff: what is said follows from events strictly before it.",
    "moment": "The moment of the row, of a task whose rows are at moments of their own.",
    "model_version": "The version of the model that says so.",
    "run_id": "The Dagster run that wrote the row.",
    "scored_at": "When the row was made, in UTC.",
    "label": "The class or label whose chance it is.",
    "item": "The item that is recommended, or the label.",
    "class": "The likeliest class.",
    "source_table": "The dbt model whose events or facts it is about.",
    "column_name": "The column that it is about; null where it is about events of any kind.",
    "column_value": "The value that it is about; null where it is about any.",
    "contribution": "What this adds to the score, in the score's own unit.",
    "chosen_by": "`top`, of the highest scores, or `sample`.",
    "words": "The same as a sentence.",
}
"""Columns that mean the same wherever they stand."""


@dataclass(frozen=True)
class AnswerTable:
    """What a table is called after its task, model or column, what a row of it is, and what columns of its own hold."""

    name: str
    row: str
    columns: Mapping[str, str]

    def described(self, column: str, key: str) -> str | None:
        """What a column holds, None where that is not said; `key` is the column of the entity, or of the value."""
        if column == key:
            return self.columns.get("", f"The {key}.")
        if days := re.fullmatch(r"within_(\d+)_days", column):
            return f"The chance that the event comes within {days.group(1)} days of the cutoff."
        return self.columns.get(column) or ANY.get(column)


SHARED_OUT = {
    "rank": "1 adds most, whatever its sign.",
    "score": "The published score.",
    "empty_score": "The score of an entity without any event; of an item, the one that is usual.",
    "stretch": "The stretch of time that the events are of; null where they are of several.",
    "events": "How many events they are.",
    "first_at": "The first of these events.",
    "last_at": "The last of these events; of all events, where it is about none in particular.",
    "main_at": "The newest of the events that add most.",
    "item_rank": "The rank of the item among those of the entity.",
    "evidence": "The kind of evidence that speaks for the item.",
}

AGGREGATED = {
    "rank": "1 moves the score most, whatever the sign.",
    "aggregate": "The aggregate in words.",
    "score": "The score that the aggregates explain; in a bin, the mean.",
    "value": "The entity's value, in the unit of the words; null where there is none to tell.",
    "usual": "The middle value of the sample.",
    "usual_score": "The score if every tree said what it says on average.",
    "bin": "A range of values, from 1.",
    "low": "The least value in the bin.",
    "high": "The greatest value in the bin.",
    "entities": "Entities of the sample in the bin.",
}

TABLES = {
    table.name: table
    for table in (
        AnswerTable(
            "scores",
            "one row per {key} and {when}",
            {
                "score": "The answer: the chance of a yes; of an `uplift`, what the treatment adds to it.",
                "without_treatment": "The chance of a yes without the treatment.",
                "with_treatment": "The chance of a yes with the treatment.",
                "prediction": "The answer, in the unit of the target.",
                "lower": "The lower bound of the interval that `coverage` asks for.",
                "upper": "The upper bound of the interval that `coverage` asks for.",
                "probability": "The chance of the likeliest class.",
                "probabilities": "The chance of every class, as a JSON object.",
                "expected_days": "Expected days until the event, none beyond the last window counted.",
            },
        ),
        AnswerTable(
            "item_scores",
            "one row per {key}, {when} and item",
            {
                "score": "What items are ranked by; of a label, its chance.",
                "rank": "1 is the best item of the entity.",
            },
        ),
        AnswerTable(
            "deciles",
            "one row per score",
            {
                "score": "The score that is compared.",
                "percentile": "The share of scores below this one, those equal to it counted half, in percent.",
                "decile": "10 holds the highest tenth of the scores.",
            },
        ),
        AnswerTable("explanations", "one row per explained {key} and reason, and one for everything else", SHARED_OUT),
        AnswerTable("aggregate_reasons", "one row per explained {key} and aggregate", AGGREGATED),
        AnswerTable("effects", "one row per aggregate and bin of its values", AGGREGATED),
        AnswerTable(
            "importance",
            "one row per kind of evidence, column and value",
            {
                "kind": "`events`, `aggregates` or `evidence`: each kind shares the same scores out in its own way.",
                "rank": "1 moves scores most, within its kind.",
                "entities": "Entities of the sample that it moves.",
                "of_entities": "Entities of the sample.",
                "mean_absolute": "Mean size of what it adds, over the whole sample.",
                "mean": "Mean of what it adds, over the whole sample.",
            },
        ),
        AnswerTable(
            "entity_embeddings",
            "one row per {key} and cutoff",
            {"embedding": "A vector as a text, `[0.12,-3.4,…]`; compare those of one `model_version` only."},
        ),
        AnswerTable(
            "lookalikes",
            "one row per {key} and neighbour",
            {
                "rank": "1 is the nearest.",
                "neighbour": "The other entity.",
                "similarity": "Cosine of the two embeddings.",
            },
        ),
        AnswerTable(
            "segments",
            "one row per {key} and level",
            {
                "level": "1 is the coarsest.",
                "segment": "The segment; `2.1` lies in `2`.",
                "name": "Its name, after what sets it apart; it stays from week to week while that does.",
                "distance": "Distance to the centre of the segment.",
            },
        ),
        AnswerTable(
            "segment_profiles",
            "one row per segment and trait that sets it apart",
            {
                "segment": "The segment.",
                "level": "1 is the coarsest.",
                "rank": "1 is the most telling trait.",
                "name": "The name of the segment.",
                "size": "Entities in the segment.",
                "share": "Its share of all entities.",
                "source": "The dbt model that the trait is of.",
                "value": "The value of the trait.",
                "share_inside": "Share of the members that have the trait.",
                "share_outside": "Share that has it of the others with the same parent.",
                "lift": "Ratio of the two shares.",
                "lift_low": "Lower end of its 95 % interval.",
                "lift_high": "Upper end of its 95 % interval.",
            },
        ),
        AnswerTable(
            "anomalies",
            "one row per {key} and reason",
            {
                "p_value": "How rarely a window is as odd as this; null where nothing was expected.",
                "rank": "1 is the oddest entity.",
                "reason": "1 is the oddest line of the entity.",
                "reason_p_value": "How rarely a window is as odd in this line.",
                "events": "How many events are odd.",
                "first_at": "The first of these events; of the window where none is named.",
                "last_at": "The last of these events; of the window where none is named.",
                "main_at": "When most of it happened.",
            },
        ),
        AnswerTable(
            "audience",
            "one row per {key} that is no seed",
            {"rank": "1 is most like the seeds.", "score": "The probability of being on the list."},
        ),
        AnswerTable(
            "embeddings",
            "one row per source and value",
            {
                "": "The value.",
                "source": "The dbt model that the value stands in.",
                "events": "Events with the value before the end of training.",
                "embedding": "A vector as a text; compare those of one `model_version` only.",
            },
        ),
    )
}
"""By the last word of their names; `item_scores` are the scores of tasks that answer with items or labels."""

ENDS = ("model_version", "run_id", "scored_at")
"""Columns that every table of answers ends with."""

ANSWERED = frozenset(
    {*ANY, *(name for table in TABLES.values() if "{key}" in table.row for name in table.columns if name)}
    | {"percentile", "decile"}
)
"""Columns that stand beside that of the entity, in one table of answers or another."""


def published_name(column: str) -> str:
    """What the values of a column are called where their vectors are published, and their table before `_embeddings`.

    The column's own name, with `_value` where the table has another column of that name, or is another table.
    """
    taken = {"entity", "source", "events", "embedding", *ENDS}
    return f"{column}_value" if column.lower() in taken else column

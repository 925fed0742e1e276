"""What can be known of Snowflake without an account: settings and names."""

import pytest
from sqlglot import exp

from basemodel_ops.contract.types import Relation
from basemodel_ops.errors import SettingsError
from basemodel_ops.warehouse.queries import column_of, table_of
from basemodel_ops.warehouse.snowflake import REQUIRED, SnowflakeWarehouse, connection_settings

SECRET = "correct horse battery staple"
COMPLETE = {name: name.lower() for name in REQUIRED} | {"SNOWFLAKE_PASSWORD": SECRET}


def test_all_missing_variables_are_named_at_once_with_the_way_out() -> None:
    with pytest.raises(SettingsError, match="BASEMODEL_TARGET=duckdb") as caught:
        connection_settings({})
    for name in (*REQUIRED, "SNOWFLAKE_PRIVATE_KEY_PATH", "SNOWFLAKE_PASSWORD"):
        assert name in str(caught.value)


@pytest.mark.parametrize("name", REQUIRED)
def test_one_missing_or_empty_variable_is_named_alone_and_no_secret_is_told(name: str) -> None:
    for value in ({}, {name: ""}):
        environment = {key: given for key, given in COMPLETE.items() if key != name} | value
        with pytest.raises(SettingsError, match=name) as caught:
            connection_settings(environment)
        assert not [other for other in REQUIRED if other != name and other in str(caught.value)]
        assert SECRET not in str(caught.value)


def test_variables_become_the_connectors_arguments() -> None:
    assert connection_settings(COMPLETE | {"SNOWFLAKE_ROLE": "reader", "UNRELATED": "?"}) == {
        "account": "snowflake_account",
        "user": "snowflake_user",
        "database": "snowflake_database",
        "warehouse": "snowflake_warehouse",
        "role": "reader",
        "password": SECRET,
    }


def test_a_key_is_preferred_to_a_password() -> None:
    found = connection_settings(COMPLETE | {"SNOWFLAKE_PRIVATE_KEY_PATH": "/keys/me.p8"})
    assert found["private_key_file"] == "/keys/me.p8"
    assert "password" not in found


def test_names_are_in_upper_case_and_quoted_and_texts_are_left_alone() -> None:
    relation = Relation(schema_name="marts", name='odd "table"')
    query = exp.select(column_of("client")).from_(table_of(relation))
    query = query.where(column_of("size").eq(exp.Literal.string("small")))
    warehouse = SnowflakeWarehouse(connection=None)
    expected = 'SELECT "CLIENT" FROM "MARTS"."ODD ""TABLE""" WHERE "SIZE" = \'small\''
    assert warehouse._sql(query) == expected
    assert query.sql("snowflake").startswith('SELECT "client"')  # the query itself is as it was

"""What can be known of Snowflake without an account: settings and names."""

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlglot import exp

from basemodel_ops.contract.types import Relation
from basemodel_ops.errors import SettingsError
from basemodel_ops.warehouse.queries import column_of, table_of
from basemodel_ops.warehouse.snowflake import SnowflakeSession, SnowflakeWarehouse
from basemodel_ops.warehouse.snowflake_settings import REQUIRED, connection_settings

SECRET = "correct horse battery staple"
COMPLETE = {name: name.lower() for name in REQUIRED} | {"SNOWFLAKE_PASSWORD": SECRET}


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


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
    result = connection_settings(COMPLETE | {"SNOWFLAKE_ROLE": "reader", "UNRELATED": "?"})
    limits = {name: result.pop(name) for name in ("login_timeout", "network_timeout", "socket_timeout")}
    assert all(0 < limit <= 300 for limit in limits.values())
    assert result == {
        "account": "snowflake_account",
        "user": "snowflake_user",
        "database": "snowflake_database",
        "warehouse": "snowflake_warehouse",
        "role": "reader",
        "password": SECRET,
        "client_prefetch_threads": 4,
        "client_session_keep_alive": True,
        "platform_detection_timeout_seconds": 0.0,
        "log_imported_packages_in_telemetry": False,
        "session_parameters": {"TIMEZONE": "UTC", "QUERY_TAG": "basemodel_ops"},
    }


def test_a_private_link_a_tag_and_threads_are_passed_on() -> None:
    link = {"SNOWFLAKE_HOST": "x.privatelink.example.com", "SNOWFLAKE_PORT": "8443", "SNOWFLAKE_PROTOCOL": "https"}
    dials = {"SNOWFLAKE_PREFETCH_THREADS": "8", "SNOWFLAKE_QUERY_TAG": "weekly"}
    result = connection_settings(COMPLETE | link | dials)
    assert {name: result[name] for name in ("host", "port", "protocol")} == {
        "host": "x.privatelink.example.com", "port": "8443", "protocol": "https"
    }  # fmt: skip
    assert result["client_prefetch_threads"] == 8
    assert result["session_parameters"]["QUERY_TAG"] == "weekly"
    # Where an administrator forbids to set it, an empty tag sets none.
    untagged = connection_settings(COMPLETE | {"SNOWFLAKE_QUERY_TAG": ""})
    assert "QUERY_TAG" not in untagged["session_parameters"]
    with pytest.raises(SettingsError, match="SNOWFLAKE_PREFETCH_THREADS is 'many'"):
        connection_settings(COMPLETE | {"SNOWFLAKE_PREFETCH_THREADS": "many"})


def test_a_key_is_preferred_to_a_password() -> None:
    result = connection_settings(COMPLETE | {"SNOWFLAKE_PRIVATE_KEY_PATH": "/keys/me.p8"})
    assert result["private_key_file"] == "/keys/me.p8"
    assert "password" not in result


FORMS = ("pem", "pem on one line", "base64 of der")


def written(key: rsa.RSAPrivateKey, form: str, passphrase: bytes | None = None) -> str:
    encoding = serialization.Encoding.DER if form == FORMS[2] else serialization.Encoding.PEM
    lock = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    data = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, lock)
    if form == FORMS[2]:
        return base64.b64encode(data).decode()
    return data.decode().replace("\n", "\\n") if form == FORMS[1] else data.decode()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("passphrase", [None, "open sesame"])
def test_a_key_is_read_as_pem_text_and_as_base64_of_der(key: rsa.RSAPrivateKey, form: str, passphrase: str) -> None:
    variables = {"SNOWFLAKE_PRIVATE_KEY": written(key, form, passphrase.encode() if passphrase else None)}
    variables |= {"SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": passphrase} if passphrase else {}
    result = connection_settings(COMPLETE | variables)
    assert "password" not in result
    loaded = serialization.load_der_private_key(result["private_key"], None)
    assert isinstance(loaded, rsa.RSAPrivateKey)
    assert loaded.private_numbers() == key.private_numbers()


@pytest.mark.parametrize("text", ["no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"])
def test_a_key_that_is_none_is_refused_without_a_word_of_it(text: str) -> None:
    with pytest.raises(SettingsError, match="SNOWFLAKE_PRIVATE_KEY is neither") as caught:
        connection_settings(COMPLETE | {"SNOWFLAKE_PRIVATE_KEY": text})
    assert text not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("how", ["file", *FORMS])
def test_a_key_logs_in(snowflake_server: dict[str, str], key: rsa.RSAPrivateKey, tmp_path: Path, how: str) -> None:
    variables = {name: value for name, value in snowflake_server.items() if name != "SNOWFLAKE_PASSWORD"}
    if how == "file":
        path = tmp_path / "key.p8"
        path.write_text(written(key, "pem"))
        variables["SNOWFLAKE_PRIVATE_KEY_PATH"] = str(path)
    else:
        variables["SNOWFLAKE_PRIVATE_KEY"] = written(key, how)
    warehouse = SnowflakeWarehouse(connection_settings(variables))
    assert warehouse.read(exp.select(exp.Literal.number(1))).column(0).to_pylist() == [1]


def test_names_are_in_upper_case_and_quoted_and_texts_are_left_alone() -> None:
    relation = Relation(schema_name="marts", name='odd "table"')
    query = exp.select(column_of("client")).from_(table_of(relation))
    query = query.where(column_of("size").eq(exp.Literal.string("small")))
    expected = 'SELECT "CLIENT" FROM "MARTS"."ODD ""TABLE""" WHERE "SIZE" = \'small\''
    assert SnowflakeSession(None).render(query) == expected
    assert query.sql("snowflake").startswith('SELECT "client"')  # the query itself is as it was

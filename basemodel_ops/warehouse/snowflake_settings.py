"""Snowflake's connection, from `SNOWFLAKE_*` environment variables."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import serialization

from basemodel_ops.errors import SettingsError

REQUIRED = ("SNOWFLAKE_ACCOUNT", "SNOWFLAKE_USER", "SNOWFLAKE_ROLE", "SNOWFLAKE_DATABASE", "SNOWFLAKE_WAREHOUSE")
OPTIONAL = ("SNOWFLAKE_HOST", "SNOWFLAKE_PORT", "SNOWFLAKE_PROTOCOL")
KEYS = ("SNOWFLAKE_PRIVATE_KEY_PATH", "SNOWFLAKE_PRIVATE_KEY", "SNOWFLAKE_PASSWORD")
"""The first that is there is used to log in."""
ANSWER_SECONDS = 120
"""How long the connector itself tries one request again."""


def connection_settings(environment: Mapping[str, str]) -> dict[str, Any]:
    """Arguments of the connector.

    Raises:
        SettingsError: naming every variable that is missing or wrong, before any connection.
    """
    missing = [name for name in REQUIRED if not environment.get(name)]
    login = next((name for name in KEYS if environment.get(name)), "")
    if not login:
        missing.append(f"{KEYS[0]} (or {' or '.join(KEYS[1:])})")
    if missing:
        raise SettingsError(
            f"The target is snowflake, and these environment variables are missing: {', '.join(missing)}. "
            "Set them, or set BASEMODEL_TARGET=duckdb."
        )
    names = [name for name in (*REQUIRED, *OPTIONAL) if environment.get(name)]
    settings: dict[str, Any] = {name.removeprefix("SNOWFLAKE_").lower(): environment[name] for name in names}
    threads = environment.get("SNOWFLAKE_PREFETCH_THREADS", "4")
    if not threads.isdecimal() or not 1 <= int(threads) <= 10:
        raise SettingsError(f"SNOWFLAKE_PREFETCH_THREADS is {threads!r}. Snowflake takes 1 to 10.")
    tag = environment.get("SNOWFLAKE_QUERY_TAG", "basemodel_ops")
    settings |= {
        "session_parameters": {"TIMEZONE": "UTC", **({"QUERY_TAG": tag} if tag else {})},
        "client_prefetch_threads": int(threads),
        "client_session_keep_alive": True,  # rows may take hours between a publication's begin and its commit
        # Else each connection asks three clouds whether this is a machine of theirs, and tells which libraries it has.
        "platform_detection_timeout_seconds": 0.0,
        "log_imported_packages_in_telemetry": False,
        "login_timeout": ANSWER_SECONDS,
        "network_timeout": ANSWER_SECONDS,
        "socket_timeout": ANSWER_SECONDS,
    }
    passphrase = environment.get("SNOWFLAKE_PRIVATE_KEY_PASSPHRASE")
    if login == "SNOWFLAKE_PASSWORD":
        settings["password"] = environment[login]
    elif login == "SNOWFLAKE_PRIVATE_KEY":
        settings["private_key"] = private_key(environment[login], passphrase)
    else:
        settings["private_key_file"] = environment[login]
        if passphrase:
            settings["private_key_file_pwd"] = passphrase
    return settings


def private_key(text: str, passphrase: str | None) -> bytes:
    """A key as DER bytes, from PEM text or base64 of DER; SettingsError without a word of it if it is neither."""
    secret = passphrase.encode() if passphrase else None
    try:
        if text.lstrip().startswith("-----BEGIN"):
            # Line breaks are often written as \n where a variable has one line.
            key = serialization.load_pem_private_key(text.replace("\\n", "\n").encode(), secret)
        else:
            key = serialization.load_der_private_key(base64.b64decode(text, validate=True), secret)
    except (ValueError, TypeError, binascii.Error) as error:
        raise SettingsError(
            "SNOWFLAKE_PRIVATE_KEY is neither a PEM key nor base64 of a DER key, or SNOWFLAKE_PRIVATE_KEY_PASSPHRASE "
            f"does not open it ({type(error).__name__}). Make one: openssl genrsa 2048 | openssl pkcs8 -topk8 -nocrypt."
        ) from None
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )

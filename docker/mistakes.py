"""What people get wrong around a container, made on purpose: each must end in one message with the way out."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docker.sandbox import Sandbox

ANOTHER = 4242


@dataclass(frozen=True)
class Mistake:
    """A surrounding that is wrong, and the words that the message must hold."""

    name: str
    sandbox: Sandbox
    words: tuple[str, ...]


def mistakes(sandbox: Sandbox, folder: Path) -> Iterator[Mistake]:
    """Each mistake over a sandbox that is right, with homes of its own in `folder`."""

    def home(name: str, uid: int, mode: int) -> Path:
        path = folder / name
        path.mkdir()
        os.chown(path, uid, uid)
        path.chmod(mode)
        return path

    own = home("own", sandbox.uid, 0o700)
    right = sandbox.having(home=own)
    yield Mistake(
        "no write access to the home",
        sandbox.having(home=home("closed", sandbox.uid, 0o555)),
        ("No write access to", sandbox.home_at, "mode 0555", "BASEMODEL_HOME"),
    )
    yield Mistake(
        "a home mounted read-only",
        right.having(home_is_writable=False),
        ("No write access to", sandbox.home_at, "read-only file system", "mount it writable"),
    )
    yield Mistake(
        "a home of another user",
        sandbox.having(home=home("theirs", 0, 0o755)),
        ("No write access to", "belongs to uid 0", f"this process is uid {sandbox.uid}", "chown"),
    )
    yield Mistake(
        "root in a home of another user",
        right.having(uid=0),
        ("belongs to another user", f"belongs to uid {sandbox.uid}", f"--user {sandbox.uid}"),
    )
    yield Mistake(
        "a wrong uid",
        right.having(uid=ANOTHER),
        ("No write access to", f"belongs to uid {sandbox.uid}", f"this process is uid {ANOTHER}"),
    )
    yield from _surroundings(right)


def _surroundings(right: Sandbox) -> Iterator[Mistake]:
    """What is wrong around a home that is right."""
    yield Mistake(
        "a dbt project that is not there",
        right.having(environment={**right.environment, "BASEMODEL_DBT_PROJECT_DIR": "/srv/nothing"}),
        ("No dbt project in /srv/nothing", "dbt_project.yml", "BASEMODEL_DBT_PROJECT_DIR"),
    )
    yield Mistake(
        "a full tmpfs",
        right.having(temporary=64 * 1024),
        ("directory for temporary files /tmp is full", "--tmpfs /tmp:size="),
    )
    yield Mistake(
        "a full home",
        right.having(home_bytes=2**20),
        (f"The home {right.home_at} is full", "1 of 1 MiB are free", "BASEMODEL_HOME"),
    )
    variables = {"BASEMODEL_TARGET": "postgres", "PGHOST": "127.0.0.1", "PGUSER": "reader", "PGDATABASE": "shop"}
    yield Mistake(
        "a secret file that is not there",
        right.having(environment={**right.environment, **variables, "PGPASSWORD_FILE": "/run/secrets/warehouse"}),
        ("PGPASSWORD_FILE", "/run/secrets/warehouse", "No such file", "Mount the file"),
    )


def complaint(mistake: Mistake, *arguments: str) -> str:
    """Empty if the product says what it should; else what is wrong with what it said."""
    done = mistake.sandbox.product(*arguments)
    said = done.stdout + done.stderr
    missing = [word for word in mistake.words if word not in said]
    if "Traceback" in said:
        return f"a traceback: {said[-500:]}"
    if done.returncode != 1:
        return f"exit {done.returncode}: {said[-500:]}"
    return f"no word of {', '.join(missing)} in: {said[-500:]}" if missing else ""

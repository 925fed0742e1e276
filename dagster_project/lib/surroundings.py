"""What must hold of directories, disks and users before anything is written."""

import errno
import os
import pwd
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from basemodel_ops.errors import SettingsError
from basemodel_ops.secret_files import read_secret_files
from basemodel_ops.settings import Settings
from dagster_project.lib.targets import resolved

HOME_PARTS = ("", "warehouse.duckdb", "artifacts", "dagster", "dbt", "audit.jsonl")
"""What a run writes to under the home, and the home itself."""

ROOM = 16 * 2**20
"""Bytes without which a run would stop within its first minute."""

FULL = (errno.ENOSPC, errno.EDQUOT)


def check_surroundings(settings: Settings) -> None:
    """SettingsError if this process cannot write to its home or has no room for temporary files."""
    check_home(settings.home.resolve())
    check_room("home", settings.home.resolve(), "Make room there, or set BASEMODEL_HOME")
    check_temporary()


def check_project(settings: Settings) -> Settings:
    """The settings with what the profile says; SettingsError if no run of the dbt project could begin.

    Its directory, the surroundings, the target, secrets and variables are looked at.
    """
    check_surroundings(settings)
    check_dbt_project(settings.dbt_project_dir)
    settings = resolved(settings)
    read_secret_files(os.environ, settings.kind)
    if settings.kind != "duckdb":
        from basemodel_ops.warehouse import check_environment  # loads Arrow, for which a health check need not wait

        check_environment(settings.kind, os.environ)
    return settings


def check_dbt_project(directory: Path) -> None:
    """SettingsError if there is no dbt project in a directory; names what is there."""
    if (directory / "dbt_project.yml").is_file():
        return
    there = sorted(path.name for path in directory.iterdir()) if directory.is_dir() else None
    result = "is no directory" if there is None else f"holds {', '.join(there[:10]) or 'nothing'}"
    raise SettingsError(
        f"No dbt project in {directory.resolve()}, which {result}. Mount or write one there, with its "
        "dbt_project.yml, or set BASEMODEL_DBT_PROJECT_DIR to one."
    )


def check_home(home: Path) -> None:
    """SettingsError if the home, or a part of it, is not this user's to write to."""
    there = next(path for path in (home, *home.parents) if path.exists())
    if there != home:
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            raise SettingsError(
                f"The home {home} does not exist and cannot be made: {_owned(there)}. Make it for this user, or set "
                "BASEMODEL_HOME to a directory that is."
            )
        return
    if not home.is_dir():
        raise SettingsError(f"The home {home} is no directory. Move it away, or set BASEMODEL_HOME.")
    if os.geteuid() == 0 != home.stat().st_uid:
        # What root makes in there would be closed to its owner.
        raise SettingsError(
            f"The home {home} belongs to another user: {_owned(home)}. Run as that user (in a container: --user "
            f"{home.stat().st_uid}:{home.stat().st_gid}), or set BASEMODEL_HOME."
        )
    for part in (home / name for name in HOME_PARTS):
        if part.exists() and not os.access(part, os.W_OK):
            raise SettingsError(
                f"No write access to {part}: {_owned(part)}. Run as its owner, give it to this user (chown -R "
                f"{os.geteuid()}:{os.getegid()} {home}) or mount it writable, or set BASEMODEL_HOME."
            )


def check_temporary() -> None:
    """SettingsError if there is no directory for temporary files, or no room in it."""
    way_out = "Mount a larger one (in a container: --tmpfs /tmp:size=1g), or set TMPDIR"
    wanted = Path(os.environ.get("TMPDIR", "/tmp"))
    try:
        folder = Path(tempfile.gettempdir())
    except FileNotFoundError:  # Python tries to write a few bytes to each candidate
        folder = wanted
        if not wanted.is_dir() or shutil.disk_usage(wanted).free >= ROOM:
            raise SettingsError(f"No temporary file can be made in {wanted}: {_owned(wanted)}. {way_out}.") from None
    # Where the usual one is full, Python would go on in the working directory without a word.
    check_room("directory for temporary files", wanted if wanted.is_dir() else folder, way_out)


def check_room(what: str, folder: Path, way_out: str) -> None:
    """SettingsError if a disk is full, or nearly."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    usage = shutil.disk_usage(there)
    if usage.free < ROOM:
        raise SettingsError(
            f"The {what} {folder} is full: {usage.free / 2**20:.0f} of {usage.total / 2**20:.0f} MiB are free, and a "
            f"run needs {ROOM / 2**20:.0f} to begin. {way_out}."
        )


def anticipated(error: BaseException, settings: Settings) -> SettingsError | None:
    """A clear error in place of one that says, somewhere in its chain, that a disk is full or a file is closed."""
    links: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in links:
        links.append(link)
        link = link.__cause__ or link.__context__
    if any(is_full(str(link), getattr(link, "errno", None)) for link in links):
        return SettingsError(full(settings))
    for link in links:
        if isinstance(link, PermissionError) and isinstance(link.filename, (str, os.PathLike)):
            path = Path(link.filename)
            there = next((parent for parent in (path, *path.parents) if _is_seen(parent)), path)
            return SettingsError(
                f"No access to {path}: {_owned(there)}. Run as its owner, or give this user access to it."
            )
    return None


def is_full(text: str, number: int | None = None) -> bool:
    """Whether an error, by its number or its words, means a full disk; SQLite and DuckDB have words of their own."""
    return number in FULL or any(words in text for words in ("No space left on device", "disk is full"))


def full(settings: Settings) -> str:
    """What to say of a disk that filled up on the way."""
    free = []
    for name, path in (("home", settings.home.resolve()), ("temporary files", Path(os.environ.get("TMPDIR", "/tmp")))):
        with suppress(OSError):
            usage = shutil.disk_usage(path)
            free.append(f"{usage.free / 2**20:.0f} of {usage.total / 2**20:.0f} MiB are free in {path} ({name})")
    return (
        f"A disk is full: {', '.join(free)}. Make room, or mount a larger one, and run again: what is finished is kept."
    )


def _owned(path: Path) -> str:
    """Who a path belongs to, and who this process is."""
    if not path.exists():
        return f"{path} does not exist"
    status = path.stat()
    read_only = os.statvfs(path).f_flag & os.ST_RDONLY
    mode = "is on a read-only file system" if read_only else f"has mode {status.st_mode & 0o7777:04o}"
    return f"{path} belongs to {_user(status.st_uid)} and {mode}; this process is {_user(os.geteuid())}"


def _is_seen(path: Path) -> bool:
    """Whether a path is there and this user may know."""
    try:
        return path.exists()
    except PermissionError:
        return False


def _user(uid: int) -> str:
    """A user's number, and the name where there is one: a container may run under any number."""
    try:
        return f"uid {uid} ({pwd.getpwuid(uid).pw_name})"
    except KeyError:
        return f"uid {uid}"

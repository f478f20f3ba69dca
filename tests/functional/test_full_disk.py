# SPDX-License-Identifier: Apache-2.0
"""Nothing is lost while a disk is full, or a server takes no writes. Real disks, real servers."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from oslo_db import exception as db_exception

from fault_middleware import fault
from fault_middleware.metrics import Metrics
from fault_middleware.recorder import Recorder
from fault_middleware.refusal import Refusal, judge
from fault_middleware.store import Store
from tests import services
from tests.fixtures import (
    close,
    database_options,
    make_store,
    new_database,
    require,
    rows,
)

# Characters of details: a small row fits where a large one does not.
SIZES = [200, 2_000, 20_000, 60_000]
PAGE = 4096


@contextlib.contextmanager
def disk(folder, size, owner=None):
    """A small file system of its own; skips where it cannot be mounted."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        require("mount", "only root mounts a file system")
    command = [
        "mount",
        "-t",
        "tmpfs",
        "-o",
        f"size={size}",
        "tmpfs",
        str(folder),
    ]
    mounted = subprocess.run(command, capture_output=True, text=True)
    if mounted.returncode != 0:
        require("mount", mounted.stderr.strip())
    try:
        if owner:
            shutil.chown(folder, owner)
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder, leave=0):
    """Fill a disk but for some bytes; return the file to remove."""
    file = folder / "filler"
    free = os.statvfs(folder).f_bavail * PAGE
    file.write_bytes(b"x" * max(free - leave, 0))
    return file


class Waits:
    """The waits of a recorder, shortened; after some seconds something is done, once."""

    def __init__(self, act, seconds=1.5):
        self._act = act
        self._end = time.monotonic() + seconds

    def __call__(self, seconds):
        time.sleep(min(seconds, 0.05))
        if self._act is not None and time.monotonic() > self._end:
            self._act()
            self._act = None
        return False


def make(size):
    # Not of one character, which a database would compress.
    return fault.make(
        "trove",
        f"of-{size}",
        message="boom",
        details=os.urandom(size // 2).hex(),
    )


def record_while(mend, store):
    """Record a row of each size while the database is away, which ``mend`` ends.

    Returns what was dropped, and whether anything had to wait.
    """
    metrics = Metrics()
    recorder = Recorder((), store, metrics, clear_on_success="none")
    waits = Waits(mend)
    for size in reversed(SIZES):
        assert recorder.record([make(size)], waits)
    counts = metrics.counts()
    return [
        count for count in counts if "dropped" in count
    ], "retries_total=0" not in counts


def stored(store):
    found = {row["instance_id"]: len(row["details"]) for row in rows(store)}
    return {name: found.get(name) for name in EVERYTHING}


EVERYTHING = {f"of-{size}": size for size in SIZES}


@pytest.mark.parametrize("leave", [0, 24_000, 56_000])
def test_sqlite_on_a_full_disk(tmp_path, leave):
    with disk(tmp_path / "small", "600k") as folder:
        store = make_store(f"sqlite:///{folder}/faults.sqlite")
        filler = fill(folder, leave)

        dropped, has_waited = record_while(filler.unlink, store)

        assert (dropped, has_waited) == ([], True)
        assert stored(store) == EVERYTHING
        close(store)


def test_sqlite_on_a_disk_that_is_read_only(tmp_path):
    with disk(tmp_path / "small", "600k") as folder:
        store = make_store(f"sqlite:///{folder}/faults.sqlite")
        close(store)
        mount(folder, "remount,ro")

        dropped, has_waited = record_while(
            lambda: mount(folder, "remount,rw"), store
        )

        assert (dropped, has_waited) == ([], True)
        assert stored(store) == EVERYTHING
        close(store)


def test_mariadb_on_a_full_disk():
    with disk(Path(tempfile.mkdtemp()), "256m") as folder:
        folder.chmod(0o755)
        # One file for all tables, whose pages are on the disk before they are used. A server that
        # finds no room for a page of a file with holes ends itself, and is away like any other.
        options = ["--innodb-file-per-table=0", "--innodb-log-file-size=4M"]
        with start_in("mariadb", folder, options=options) as url:
            store = make_store(url)
            filler = fill(folder)
            with pytest.raises(Exception, match="is full"):
                fill_table(store)

            dropped, has_waited = record_while(filler.unlink, store)

            assert (dropped, has_waited) == ([], True)
            assert stored(store) == EVERYTHING
            close(store)


def test_a_read_only_mariadb(mariadb):
    with new_database(mariadb) as url, administrator(url) as execute:
        make_store(url).writer.dispose()
        execute("CREATE USER fault@127.0.0.1 IDENTIFIED BY 'x'")
        execute(
            "GRANT SELECT, INSERT, UPDATE, DELETE ON *.* TO fault@127.0.0.1"
        )
        store = Store(
            database_options(url.replace("root@", "fault:x@")),
            lookup_timeout=2.0,
        )
        execute("SET GLOBAL read_only = 1")
        try:
            dropped, has_waited = record_while(
                lambda: execute("SET GLOBAL read_only = 0"), store
            )
        finally:
            execute("SET GLOBAL read_only = 0")

        assert (dropped, has_waited) == ([], True)
        assert stored(store) == EVERYTHING
        close(store)
        execute("DROP USER fault@127.0.0.1")


def test_postgresql_on_a_full_disk(postgresql, tmp_path):
    # The folder of a tablespace must be open to the server, and pytest's is not.
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    with (
        disk(place / "small", "2m", "postgres") as folder,
        new_database(postgresql) as url,
    ):
        store = make_store(url)
        with administrator(url) as execute:
            execute(f"CREATE TABLESPACE small LOCATION '{folder}'")
            execute("ALTER TABLE instance_faults SET TABLESPACE small")
            filler = fill(folder)

            dropped, has_waited = record_while(filler.unlink, store)

            assert (dropped, has_waited) == ([], True)
            assert stored(store) == EVERYTHING
            execute("ALTER TABLE instance_faults SET TABLESPACE pg_default")
            execute("DROP TABLESPACE small")
        close(store)
    shutil.rmtree(place)


def test_a_read_only_postgresql(postgresql):
    with new_database(postgresql) as url, administrator(url) as execute:
        store = make_store(url)
        close(store)
        name = url.rpartition("/")[2]
        execute(
            f"ALTER DATABASE {name} SET default_transaction_read_only = on"
        )

        dropped, has_waited = record_while(
            lambda: execute(
                "SET default_transaction_read_only = off",
                f"ALTER DATABASE {name} RESET default_transaction_read_only",
            ),
            store,
        )

        assert (dropped, has_waited) == ([], True)
        assert stored(store) == EVERYTHING
        close(store)


@contextlib.contextmanager
def start_in(name, folder, **options):
    """A server whose files are in a folder, and a database in it; yields its URL."""
    with contextlib.ExitStack() as stack:
        try:
            port = stack.enter_context(
                getattr(services, name)(folder / "run", **options)
            )
        except services.Missing as exc:
            require(name, str(exc))
        server = f"mysql+pymysql://root@127.0.0.1:{port}"
        yield stack.enter_context(new_database(server))


def fill_table(store):
    """Store rows until the database refuses one: in a file there may be room on a full disk."""
    for number in range(1000):
        store.record([make(30_000 + number)])


# What a server says by itself, and what becomes of a row then.
SAID_BY_MARIADB = {
    1021: Refusal.AWAY,  # the disk is full
    1114: Refusal.AWAY,  # the table is full
    1290: Refusal.AWAY,  # --read-only
    1205: Refusal.AWAY,  # a lock
    1142: Refusal.AWAY,  # no right
    3675: Refusal.AWAY,  # the disk is full, in MySQL 8
    1366: Refusal.OF_THE_ROW,  # a character
    1406: Refusal.OF_THE_ROW,  # too long
    1644: Refusal.UNKNOWN,  # of a trigger
}
SAID_BY_POSTGRESQL = {
    "53100": Refusal.AWAY,  # the disk is full
    "25006": Refusal.AWAY,  # read-only
    "55P03": Refusal.AWAY,  # a lock
    "42501": Refusal.AWAY,  # no right
    "57014": Refusal.AWAY,  # cancelled
    "22001": Refusal.OF_THE_ROW,  # too long
    "23502": Refusal.OF_THE_ROW,  # not null
    "P0001": Refusal.UNKNOWN,  # of a trigger
}


def refused_with(url, *sql):
    """What is judged of an error that a real database raises."""
    store = make_store(url)
    try:
        with store.writer.begin() as connection:
            for statement in sql:
                connection.exec_driver_sql(statement)
    except (db_exception.DBError, sa.exc.DBAPIError) as exc:
        return judge(exc)
    finally:
        close(store)
    return None


@pytest.mark.parametrize("number", SAID_BY_MARIADB)
def test_what_the_error_of_mariadb_says_counts(mariadb, number):
    signal = f"SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {number}"
    with new_database(mariadb) as url:
        assert refused_with(url, signal) is SAID_BY_MARIADB[number]


@pytest.mark.parametrize("state", SAID_BY_POSTGRESQL)
def test_what_the_error_of_postgresql_says_counts(postgresql, state):
    signal = f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{state}'; END $$"
    with new_database(postgresql) as url:
        assert refused_with(url, signal) is SAID_BY_POSTGRESQL[state]


@pytest.mark.parametrize("pragma", ["max_page_count = 1", "query_only = 1"])
def test_what_the_error_of_sqlite_says_counts(sqlite_url, pragma):
    large = "CREATE TABLE more AS SELECT hex(randomblob(90000)) AS large"

    refusal = refused_with(sqlite_url, f"PRAGMA {pragma}", large)

    assert refusal is Refusal.AWAY


@contextlib.contextmanager
def administrator(url):
    """Executes statements one by one."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")

    def execute(*statements):
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    yield execute
    engine.dispose()


def mount(folder, options):
    subprocess.run(["mount", "-o", options, str(folder)], check=True)

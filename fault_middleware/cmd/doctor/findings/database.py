# SPDX-License-Identifier: Apache-2.0
"""The database, a replica, the table, and what our user may do there."""

from fault_middleware.cmd.doctor import finding
from fault_middleware.cmd.doctor.finding import Words


@finding.error
def database_wrong(error: str) -> Words:
    return Words(
        what=error,
        remedy=(
            "Set connection in [fault_middleware_database] to the URL of a database on a "
            "server, or of a file: mysql+pymysql://fault:PASSWORD@HOST/fault_middleware. If "
            "the driver is missing: pip install PyMySQL, or pip install 'psycopg[binary]' for "
            "postgresql+psycopg."
        ),
    )


@finding.error
def database_relative(option: str, path: str) -> Words:
    return Words(
        what=(
            f"{option} names the file {path} without a folder: each process uses the one in the "
            "folder that it was started in."
        ),
        remedy=f"Write the whole path, with four slashes: sqlite:////var/lib/fault/{path}",
    )


@finding.error
def database_unreachable(option: str, url: str, error: str) -> Words:
    return Words(
        what=f"The database {url} of {option} cannot be asked: {error}",
        remedy=(
            "See whether the server runs, whether this machine may connect, and whether the "
            "URL's user and password are the server's. Until then the filter shows none of our "
            "faults."
        ),
    )


@finding.error
def table_missing(option: str, url: str) -> Words:
    return Words(
        what=f"The database {url} of {option} has no table instance_faults.",
        remedy=(
            "Make it: fault-middleware-manage db sync, with the same --config-file. If the "
            "table is elsewhere, correct the URL instead. A replica gets the table from its "
            "primary."
        ),
    )


@finding.error
def table_foreign(url: str) -> Words:
    return Words(
        what=(
            f"The database {url} has a table instance_faults that is not ours. Trove's own "
            "schema has one of that name."
        ),
        remedy=(
            "Give fault_middleware a database of its own: name it in "
            "[fault_middleware_database] connection, then run fault-middleware-manage db sync. "
            "It leaves the other one alone."
        ),
    )


@finding.error
def revision_old(revision: str, needed: str) -> Words:
    return Words(
        what=f"The table is at revision {revision}, and this release needs {needed}.",
        remedy=(
            "Bring it up to date: fault-middleware-manage db sync. Services may go on running."
        ),
    )


@finding.skipped
def revision_unknown(option: str, url: str) -> Words:
    return Words(
        what=(
            f"The user in {option} may not see at which revision the table in {url} is, so that "
            "was not checked. To store and show faults, it needs no such right."
        ),
        remedy=(
            "Grant it SELECT on fault_middleware_alembic_version, or run "
            "fault-middleware-manage db version as the user of db sync."
        ),
    )


@finding.warning
def revision_newer(revision: str, needed: str) -> Words:
    return Words(
        what=f"The table is at revision {revision}, of a later release than this one ({needed}).",
        remedy=(
            "That is right while an upgrade is under way. Otherwise install the later release "
            "here too; this one does not use what is new in the table."
        ),
    )


@finding.error
def table_different(url: str, differences: str) -> Words:
    return Words(
        what=f"The tables in the database {url} are not as this release needs them.",
        remedy=differences,
    )


@finding.error
def table_unreadable(option: str, url: str, error: str) -> Words:
    return Words(
        what=f"The table in the database {url} of {option} cannot be read: {error}",
        remedy=(
            "Grant the URL's user SELECT on instance_faults. If the table was dropped, drop "
            "fault_middleware_alembic_version too, and run fault-middleware-manage db sync."
        ),
    )


@finding.warning
def partitions_end(url: str, end: str) -> Words:
    return Words(
        what=(
            f"The last partition of instance_faults in the database {url} that has a time ends "
            f"on {end}. What comes later goes to the rest, where old faults are removed row by "
            "row; nothing is lost."
        ),
        remedy=(
            "Run fault-middleware-manage db partition, which adds the next ones, and let a timer "
            "run it every day. What is in the rest already is moved; look-ups and whoever stores "
            "wait for that."
        ),
    )


@finding.warning
def database_clock(seconds: str) -> Words:
    return Words(
        what=f"The clocks of the database and of this machine differ by {seconds} seconds.",
        remedy=(
            "Let NTP set the clocks of all hosts. The newest fault is the one that is shown, "
            "and the clocks of the hosts that notify decide which is newest."
        ),
    )


@finding.error
def replica_other(url: str, primary: str) -> Words:
    return Words(
        what=(
            f"slave_connection leads to {url}, which does not have what {primary} has had for "
            "some time: it is another database, or its replication has stopped."
        ),
        remedy=(
            "Name the replica of the database in connection, or remove slave_connection: then "
            "the filter looks up faults in connection. Then restart the service."
        ),
    )


@finding.warning
def replica_renamed(url: str, primary: str) -> Words:
    return Words(
        what=(
            f"slave_connection leads to {url}, whose name is not that of {primary}. Both are "
            "empty, so it cannot be seen whether the one is a replica of the other."
        ),
        remedy="Make sure that it is the replica: the filter looks up faults there.",
    )


@finding.error
def rights_missing(rights: str, purpose: str, url: str, error: str) -> Words:
    return Words(
        what=f"The user of {url} may not {rights}, so {purpose}: {error}",
        remedy=(
            "Grant it, as the manual's page on the database lists for each kind of process. "
            "This was tried in a transaction that was rolled back. Services need no restart for "
            "it."
        ),
    )


@finding.ok
def rights_of_filter(url: str) -> Words:
    return Words(
        f"The user of {url} may read, but not write. That is enough for an API with consumer = "
        "external. Look at the configuration of the consumer too."
    )


@finding.ok
def database_well(option: str, url: str, revision: str) -> Words:
    return Words(
        f"The database {url} of {option} answers, and its table is at revision {revision}."
    )

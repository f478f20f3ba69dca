# SPDX-License-Identifier: Apache-2.0
"""Why a database did not store a row, by what its error says.

The codes are those of PostgreSQL's appendix "Error Codes", of the server error references of MySQL
and MariaDB, and of SQLite's "Result and Error Codes".
"""

import enum
from collections.abc import Iterator

from oslo_db import exception as db_exception
from sqlalchemy import exc as sa_exception


class Refusal(enum.Enum):
    """What becomes of a row that was refused."""

    #: The database stores nothing at present: the row waits, however long that takes.
    AWAY = "away"
    #: The database does not take what is in the row, and never will.
    OF_THE_ROW = "of the row"
    #: The error does not say: it may pass, or it may not.
    UNKNOWN = "unknown"


_AWAY_CLASSES = (
    db_exception.DBConnectionError,
    db_exception.DBDeadlock,
    db_exception.DBNonExistentDatabase,
    db_exception.DBNonExistentTable,
    sa_exception.TimeoutError,  # no connection was free
    ConnectionError,
    TimeoutError,
)
_OF_THE_ROW_CLASSES = (
    db_exception.DBConstraintError,
    db_exception.DBDataError,
    db_exception.DBInvalidUnicodeParameter,
    TypeError,
    ValueError,
)

# SQLSTATEs of PostgreSQL, or what they begin with.
_POSTGRESQL_AWAY = (
    "08",  # no connection
    "25",  # state of the transaction: 25006 is a read-only server
    "28",  # the user may not log in
    "3D",  # no such database
    "40",  # rolled back: deadlock, serialization
    "42501",  # insufficient privilege
    "42P01",  # no such table
    "42703",  # no such column
    "53",  # insufficient resources: 53100 is a full disk
    "55",  # state of an object: 55P03 is a lock
    "57",  # an operator intervened: shutdown, cancelled
    "58",  # errors of the system: 58030 is an input or output error
)
_POSTGRESQL_OF_THE_ROW = (
    "22",  # data
    "23",  # integrity
)

# Error numbers of MySQL and MariaDB.
_MYSQL_AWAY = frozenset(
    {
        1015,  # cannot lock a file
        1016,  # cannot open a file
        1020,  # the record has changed since it was last read
        1021,  # the disk is full
        1023,  # error on close
        1024,  # error on read
        1026,  # error on write
        1036,  # the table is read-only
        1037,  # out of memory
        1040,  # too many connections
        1041,  # out of resources
        1044,  # access to the database denied
        1045,  # the user may not log in
        1047,  # a node of Galera that is not in the cluster
        1049,  # no such database
        1053,  # shutdown
        1054,  # no such column
        1099,  # locked by LOCK TABLES ... READ
        1114,  # the table is full, which is what InnoDB says of a full disk
        1129,  # the host is blocked
        1135,  # cannot make a thread
        1142,  # access to the table denied
        1143,  # access to the column denied
        1146,  # no such table
        1180,  # error at the commit
        1194,  # the table has crashed
        1203,  # too many connections of the user
        1205,  # waited too long for a lock
        1206,  # too many locks
        1213,  # deadlock, also between nodes of Galera
        1223,  # locked by FLUSH TABLES WITH READ LOCK
        1226,  # the user has used up a resource
        1290,  # an option of the server prevents it: --read-only
        1317,  # the query was interrupted
        1637,  # too many transactions
        1792,  # a read-only transaction
        1836,  # a read-only server
        1874,  # InnoDB is read-only
        1927,  # the connection was killed
        3024,  # the statement took too long
        3675,  # the disk is full
    }
)
_MYSQL_OF_THE_ROW = frozenset(
    {
        1048,  # a column cannot be NULL
        1118,  # the row is too large
        1153,  # the packet is too large
        1264,  # a number is out of range
        1265,  # data would be cut
        1292,  # not a time
        1366,  # a character that the column does not take
        1406,  # data too long for the column
        3819,  # a CHECK of MySQL
        4025,  # a CHECK of MariaDB
    }
)

# SQLite's primary result codes, which are the last byte of the extended ones.
_SQLITE_AWAY = frozenset(
    {
        3,  # PERM
        5,  # BUSY
        6,  # LOCKED
        7,  # NOMEM
        8,  # READONLY
        9,  # INTERRUPT
        10,  # IOERR
        11,  # CORRUPT
        13,  # FULL
        14,  # CANTOPEN
        15,  # PROTOCOL
        23,  # AUTH
        26,  # NOTADB
    }
)
# Of SQLite's extended codes.
_SQLITE_OF_THE_ROW = frozenset(
    {
        18,  # TOOBIG
        20,  # MISMATCH
        275,  # CONSTRAINT_CHECK
        1299,  # CONSTRAINT_NOTNULL
    }
)


def judge(exc: BaseException) -> Refusal:
    """What an error of :meth:`fault_middleware.store.Store.record` says by itself."""
    for error in _chain(exc):
        refusal = _by_code(error)
        if refusal is not Refusal.UNKNOWN:
            return refusal
    if isinstance(exc, _AWAY_CLASSES):
        return Refusal.AWAY
    if isinstance(exc, _OF_THE_ROW_CLASSES):
        return Refusal.OF_THE_ROW
    return Refusal.UNKNOWN


def _chain(exc: BaseException) -> Iterator[BaseException]:
    """The error, and those of SQLAlchemy and of the driver that oslo.db wrapped."""
    error: BaseException | None = exc
    for _ in range(5):
        if error is None:
            return
        yield error
        wrapped = getattr(error, "inner_exception", None) or getattr(
            error, "orig", None
        )
        error = wrapped if isinstance(wrapped, BaseException) else None


def _by_code(error: BaseException) -> Refusal:
    driver = type(error).__module__.partition(".")[0]
    if driver == "sqlite3":
        return _of_sqlite(getattr(error, "sqlite_errorcode", 0))
    if driver in ("psycopg", "psycopg2"):
        state = getattr(error, "sqlstate", None) or getattr(
            error, "pgcode", None
        )
        return _of_postgresql(state or "")
    if driver in ("pymysql", "MySQLdb"):
        return _of_mysql(error.args[0] if error.args else 0)
    return Refusal.UNKNOWN


def _of_sqlite(code: int) -> Refusal:
    if code & 0xFF in _SQLITE_AWAY:
        return Refusal.AWAY
    if code in _SQLITE_OF_THE_ROW:
        return Refusal.OF_THE_ROW
    return Refusal.UNKNOWN


def _of_postgresql(state: str) -> Refusal:
    if state.startswith(_POSTGRESQL_AWAY):
        return Refusal.AWAY
    if state.startswith(_POSTGRESQL_OF_THE_ROW):
        return Refusal.OF_THE_ROW
    return Refusal.UNKNOWN


def _of_mysql(code: object) -> Refusal:
    if code in _MYSQL_AWAY:
        return Refusal.AWAY
    if code in _MYSQL_OF_THE_ROW:
        return Refusal.OF_THE_ROW
    return Refusal.UNKNOWN

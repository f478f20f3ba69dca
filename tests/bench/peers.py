# SPDX-License-Identifier: Apache-2.0
"""What may stand around the application: nothing, the least, our filter, the usual way.

Each is built from a configuration file, so the same ones run here and in a server.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from oslo_context import context
from oslo_db.sqlalchemy import enginefacade
from oslo_middleware import base
from oslo_policy import policy
from oslo_serialization import jsonutils
from sqlalchemy import orm

from fault_middleware import models
from fault_middleware.factories import FaultMiddleware
from tests.bench.service import application
from tests.fixtures import parse

ROUTE = re.compile(r"/[^/]+/(?:mgmt/)?instances/([^/]+)\Z")
RULE = "fault:details"
#: What a filter that does nothing leaves in the environment of a show.
MARK = "bench.is_show"
_SELECT = (
    "SELECT created, message, details FROM instance_faults WHERE instance_id = {0}"
    " AND service = {0} ORDER BY created DESC, id DESC LIMIT 1"
)


class Minimal:
    """A filter that looks at the path, marks a show, and does nothing else."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._match = ROUTE.match

    def __call__(self, environ: Any, start_response: Any) -> Any:
        if self._match(environ["PATH_INFO"]) is not None:
            environ[MARK] = True
        return self._application(environ, start_response)


class LookUp:
    """A filter that looks up what every show is about, and does nothing with it."""

    def __init__(self, application: Any, conf: Any) -> None:
        self._application = application
        self._look_up = pooled_look_up(
            conf["fault_middleware_database"]["connection"]
        )

    def __call__(self, environ: Any, start_response: Any) -> Any:
        match = ROUTE.match(environ["PATH_INFO"])
        if match is not None:
            self._look_up(match[1])
        return self._application(environ, start_response)


class Reference:
    """The least that does the work: DB-API, the standard library's JSON, one question of policy.

    It knows no error and no odd answer.
    """

    def __init__(self, application: Any, conf: Any) -> None:
        self._application = application
        self.look_up = raw_look_up(
            conf["fault_middleware_database"]["connection"]
        )
        self._enforcer = _enforcer(conf)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        match = ROUTE.match(environ["PATH_INFO"])
        if match is None or environ["REQUEST_METHOD"] != "GET":
            return self._application(environ, start_response)
        start: list[Any] = []
        data = b"".join(
            self._application(environ, lambda *given: start.extend(given))
        )
        row = self.look_up(match[1])
        if row is not None:
            body = json.loads(data)
            body["instance"]["fault"] = _view(row, self._enforcer, environ)
            data = json.dumps(body).encode()
        headers = [
            pair for pair in start[1] if pair[0].lower() != "content-length"
        ]
        start_response(
            start[0], [*headers, ("Content-Length", str(len(data)))]
        )
        return [data]


class Noop(base.ConfigurableMiddleware):
    """The same, on oslo.middleware's base."""

    def process_response(self, response: Any, request: Any = None) -> Any:
        if ROUTE.match(request.path_info) is not None:
            request.environ[MARK] = True
        return response


@enginefacade.transaction_context_provider
class _Context:
    pass


class _Row(orm.declarative_base()):
    __table__ = models.instance_faults


class Usual(base.ConfigurableMiddleware):
    """A filter in the way of the neighbours: oslo.middleware's base, oslo.db's ORM sessions."""

    def prepare(self, conf: Any) -> "Usual":
        self._transactions = enginefacade.transaction_context()
        self._transactions.configure(
            connection=conf["fault_middleware_database"]["connection"]
        )
        self._enforcer = _enforcer(conf)
        return self

    def process_response(self, response: Any, request: Any = None) -> Any:
        match = ROUTE.match(request.path_info)
        if (
            match is None
            or request.method != "GET"
            or response.status_int != 200
        ):
            return response
        with self._transactions.reader.using(_Context()) as session:
            row = (
                session.query(_Row)
                .filter_by(instance_id=match[1], service="trove")
                .order_by(_Row.created.desc(), _Row.id.desc())
                .first()
            )
        if row is not None:
            body = jsonutils.loads(response.body)
            values = row.created, row.message, row.details
            body["instance"]["fault"] = _view(
                values, self._enforcer, request.environ
            )
            response.body = jsonutils.dump_as_bytes(body)
        return response


def build(name: str, file: Path) -> Any:
    """The application with one of the filters around it."""
    conf = parse(file)
    ours = FaultMiddleware(
        application, conf
    )  # also registers the options that the others read
    if name == "no filter":
        return application
    if name == "minimal":
        return Minimal(application)
    if name == "look-up":
        return LookUp(application, conf)
    if name == "reference":
        return Reference(application, conf)
    if name == "usual":
        return Usual(application, {}).prepare(conf)
    if name == "oslo.middleware, no-op":
        return Noop(application, {})
    return ours


def raw_look_up(url: str) -> Callable[[str], Any]:
    """A look-up without SQLAlchemy, on a connection of its own."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    connection = engine.raw_connection()
    driver = connection.driver_connection
    statement = _SELECT.format(
        "?" if engine.dialect.name == "sqlite" else "%s"
    )

    def look_up(instance_id: str) -> Any:
        cursor = driver.cursor()
        cursor.execute(statement, (instance_id, "trove"))
        row = cursor.fetchone()
        cursor.close()
        return row

    look_up.connection = connection  # or it would be closed
    return look_up


def pooled_look_up(url: str) -> Callable[[str], Any]:
    """A look-up as SQLAlchemy's manual has it: its Core, on a connection of its pool."""
    options = {}
    if not url.startswith("sqlite"):
        options = {"pool_size": 5, "max_overflow": 50}  # as ours
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", **options)
    faults = models.instance_faults
    statement = (
        sa.select(faults.c.created, faults.c.message, faults.c.details)
        .where(faults.c.instance_id == sa.bindparam("instance_id"))
        .where(faults.c.service == "trove")
        .order_by(faults.c.created.desc(), faults.c.id.desc())
        .limit(1)
    )

    def look_up(instance_id: str) -> Any:
        with engine.connect() as connection:
            found = connection.execute(statement, {"instance_id": instance_id})
            return found.first()

    return look_up


def _enforcer(conf: Any) -> policy.Enforcer:
    enforcer = policy.Enforcer(
        conf, policy_file=conf["fault_middleware"]["policy_file"]
    )
    enforcer.register_default(policy.RuleDefault(RULE, "role:admin"))
    enforcer.load_rules()
    return enforcer


def _view(row: Any, enforcer: policy.Enforcer, environ: Any) -> dict[str, Any]:
    created, message, details = row
    caller = context.RequestContext.from_environ(environ)
    view = {"created": str(created).replace(" ", "T")[:19], "message": message}
    if enforcer.authorize(RULE, {"project_id": caller.project_id}, caller):
        view["details"] = details
    return view

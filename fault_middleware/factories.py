# SPDX-License-Identifier: Apache-2.0
"""The factories: what paste.deploy, or a service without it, calls for the filter."""

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any
from wsgiref.types import WSGIApplication

import prometheus_client as prometheus
from oslo_config import cfg

from fault_middleware import configuration, deploy
from fault_middleware.filter import FaultFilter


def filter_factory(
    global_conf: Mapping[str, str] | None, **local_conf: str
) -> Callable[[WSGIApplication], FaultFilter]:
    """The factory for paste.deploy.

    ``oslo_config_project``, ``oslo_config_file`` and ``oslo_config_program`` name the
    configuration as in oslo.middleware; without them it is the one that the service itself has
    parsed, ``cfg.CONF``. Every option of ``[fault_middleware]`` may stand in the section too.

    :raises ConfigurationError: naming file, key and value
    """
    given = dict(global_conf or {})
    conf = _read(given, local_conf)
    source = given.get("__file__", "the paste file")
    return deploy.deploy(conf, local_conf, source).filter


def metrics_factory(
    global_conf: Mapping[str, str] | None, **local_conf: str
) -> WSGIApplication:
    """The paste factory of an application that shows Prometheus what was counted.

    It takes the same ``oslo_config_`` options as :func:`filter_factory`, from the same places.
    """
    conf = _read(dict(global_conf or {}), local_conf)

    def application(*wsgi: Any) -> Any:
        # Looked for when it is asked: the filter may be built after it.
        metrics = deploy.deployed(conf)[0].metrics
        return prometheus.make_wsgi_app(metrics.exposed)(*wsgi)

    return application


def FaultMiddleware(  # named like a class, because callers use it as one
    application: WSGIApplication,
    conf: cfg.ConfigOpts | Mapping[str, str] | None = None,
) -> FaultFilter:
    """Wrap the application of a service without paste.deploy.

    :param conf: a parsed configuration, or a dict of what would stand in the section of a paste
        file; None for ``cfg.CONF``
    :raises ConfigurationError: naming file, key and value
    """
    if isinstance(conf, cfg.ConfigOpts):
        return deploy.deploy(conf).filter(application)
    return filter_factory(None, **(conf or {}))(application)


def _read(
    given: Mapping[str, str], local: MutableMapping[str, str]
) -> cfg.ConfigOpts:
    """The configuration that paste's options name, which are taken out of the section's own.

    :param given: of the file's section ``[DEFAULT]``
    :param local: of the part's own section, which counts first
    """
    names = ("oslo_config_project", "oslo_config_file", "oslo_config_program")
    project, file, program = (
        local.pop(name, given.get(name)) for name in names
    )
    return configuration.read(project, file, program)

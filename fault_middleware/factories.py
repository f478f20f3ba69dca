# SPDX-License-Identifier: Apache-2.0
"""The factories: what paste.deploy, or a service without it, calls for the filter."""

from collections.abc import Callable, Mapping
from typing import Any
from wsgiref.types import WSGIApplication

import prometheus_client as prometheus
from oslo_config import cfg

from fault_middleware import deploy
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
    conf = deploy.configuration(
        local_conf.pop(
            "oslo_config_project", given.get("oslo_config_project")
        ),
        local_conf.pop("oslo_config_file", given.get("oslo_config_file")),
        local_conf.pop(
            "oslo_config_program", given.get("oslo_config_program")
        ),
    )
    source = given.get("__file__", "the paste file")
    return deploy.deploy(conf, local_conf, source).filter


def metrics_factory(
    global_conf: Mapping[str, str] | None, **local_conf: str
) -> WSGIApplication:
    """The paste factory of an application that shows Prometheus what was counted.

    It takes the options of :func:`filter_factory` that name the configuration.
    """
    conf = deploy.configuration(
        local_conf.get("oslo_config_project"),
        local_conf.get("oslo_config_file"),
        local_conf.get("oslo_config_program"),
    )

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

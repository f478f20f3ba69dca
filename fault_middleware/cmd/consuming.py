# SPDX-License-Identifier: Apache-2.0
"""What ``fault-middleware-consumer`` does once its signals are seen to."""

import signal
import sys
from collections.abc import Sequence

import prometheus_client as prometheus
from oslo_config import cfg
from oslo_log import log

from fault_middleware import deploy, listener, options
from fault_middleware.deploy import Deployment
from fault_middleware.health import Part

PROGRAM = "fault-middleware-consumer"
_DESCRIPTION = "Store the faults that services notify of, until told to stop."


def consume(
    arguments: list[str] | None, signals: Sequence[signal.Signals]
) -> int:
    """Consume until one of the signals comes; the exit code.

    :param arguments: in place of ``sys.argv``
    """
    conf = cfg.ConfigOpts()
    log.register_options(conf)
    try:
        with options.reading():
            conf(
                arguments,
                "fault_middleware",
                PROGRAM,
                description=_DESCRIPTION,
            )
        log.setup(conf, "fault_middleware")
        deployment = deploy.deploy(conf)
        consumer = deployment.consumer
        listener.listening_url(conf, deployment.settings)
    except (cfg.Error, options.ConfigurationError) as exc:
        print(f"{PROGRAM}: {exc}", file=sys.stderr)
        return 2
    # From here on a signal waits until it is asked for, in this thread and in those that it
    # starts. A handler could interrupt this thread while it holds a lock.
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    _show_metrics(deployment)
    consumer.run(lambda: signal.sigwait(signals))
    return 0


def _show_metrics(deployment: Deployment) -> None:
    """Serve the counters to Prometheus, where the options say so."""
    port = deployment.settings.metrics_port
    host = deployment.settings.metrics_host
    if not port:
        return
    try:
        prometheus.start_http_server(port, host, deployment.metrics.exposed)
    except OSError as exc:  # another consumer may have the port
        text = f"nothing is shown at metrics_host, metrics_port {host, port}"
        deployment.metrics.health.fails(Part.METRICS, text, exc)

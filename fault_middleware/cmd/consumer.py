# SPDX-License-Identifier: Apache-2.0
"""``fault-middleware-consumer``: the consumer in a process of its own.

Ends on SIGTERM and SIGINT with exit code 0, and with 2 when the configuration is wrong.
"""

import signal
import sys

import prometheus_client as prometheus
from oslo_config import cfg
from oslo_log import log

from fault_middleware import deploy, listener
from fault_middleware.cmd import reading
from fault_middleware.health import Part
from fault_middleware.options import ConfigurationError

PROGRAM = "fault-middleware-consumer"
_DESCRIPTION = "Store the faults that services notify of, until told to stop."


def main(arguments: list[str] | None = None) -> int:
    """Consume until told to stop; ``arguments`` in place of ``sys.argv``; the exit code."""
    conf = cfg.ConfigOpts()
    log.register_options(conf)
    try:
        with reading():
            conf(arguments, "fault_middleware", PROGRAM, description=_DESCRIPTION)
        log.setup(conf, "fault_middleware")
        deployment = deploy.deploy(conf)
        consumer, settings = deployment.consumer, deployment.settings
        listener.transport_url(conf, settings)
    except (cfg.Error, ConfigurationError) as exc:
        print(f"{PROGRAM}: {exc}", file=sys.stderr)
        return 2
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: consumer.stop())
    try:
        if settings.metrics_port:
            address = (settings.metrics_port, settings.metrics_host)
            prometheus.start_http_server(*address, deployment.metrics.exposed)
    except OSError as exc:  # another consumer may have the port
        text = f"nothing is shown at metrics_host, metrics_port {address[::-1]}"
        deployment.metrics.health.fails(Part.METRICS, text, exc)
    consumer.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())

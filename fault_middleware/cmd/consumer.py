# SPDX-License-Identifier: Apache-2.0
"""``fault-middleware-consumer``: the consumer in a process of its own.

Ends on SIGTERM and SIGINT with exit code 0, and with 2 when the configuration is wrong.
"""

import signal
import sys

from oslo_config import cfg
from oslo_log import log

from fault_middleware import deploy
from fault_middleware.conf import ConfigurationError

PROGRAM = "fault-middleware-consumer"


def main(arguments: list[str] | None = None) -> int:
    """Consume until told to stop; ``arguments`` in place of ``sys.argv``; the exit code."""
    conf = cfg.ConfigOpts()
    log.register_options(conf)
    try:
        conf(arguments, project="fault_middleware", prog=PROGRAM)
        log.setup(conf, "fault_middleware")
        consumer = deploy.deploy(conf).consumer
    except (cfg.Error, ConfigurationError) as exc:
        print(f"{PROGRAM}: {exc}", file=sys.stderr)
        return 2
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: consumer.stop())
    consumer.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())

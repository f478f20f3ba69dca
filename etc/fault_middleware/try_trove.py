# SPDX-License-Identifier: Apache-2.0
"""Publishes the failure of an operation as Trove would, with Trove's own configuration.

Run it with the Python of Trove's virtualenv::

    python etc/fault_middleware/try_trove.py /etc/trove/trove.conf INSTANCE

The show of that instance then has a fault whose message is "This is a test.".
"""

import sys

import oslo_messaging
from oslo_config import cfg


def main(file: str, instance_id: str) -> None:
    """Publish one notification.

    :param file: the configuration of Trove
    :param instance_id: the instance that is to show the fault
    """
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[file])
    transport = oslo_messaging.get_notification_transport(conf)
    notifier = oslo_messaging.Notifier(transport, publisher_id="try_trove")
    options = conf.oslo_messaging_notifications
    if not options.driver:
        sys.exit(
            f"{file} sets no driver in [oslo_messaging_notifications]: nothing is published"
        )
    payload = {"instance_id": instance_id, "message": "This is a test."}
    notifier.info({}, "dbaas.instance_resize_volume.error", payload)
    print(
        f"Published with {', '.join(options.driver)} to {', '.join(options.topics)}"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])

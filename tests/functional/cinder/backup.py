# SPDX-License-Identifier: Apache-2.0
"""Cinder's own driver for backups in a folder, which fails as the name of a backup tells."""

import os
import tempfile

from cinder import exception
from cinder.backup.drivers import posix
from os_brick.initiator import connector

_HOST = {
    "initiator": "iqn.y",
    "ip": "127.0.0.1",
    "host": "backup",
    "platform": "x86_64",
    "os_type": "linux",
    "multipath": False,
}


def _host(*arguments, **options):
    """What the real function asks of the operating system, as root."""
    return dict(_HOST)


class _Connector:
    """A volume is a file."""

    def connect_volume(self, properties):
        number, path = tempfile.mkstemp()
        os.write(number, b"x" * 65536)
        os.close(number)
        return {"path": path, "type": "block"}

    def disconnect_volume(self, properties, device, **options):
        os.unlink(device["path"])

    def check_valid_device(self, path, run_as_root=True):
        return True


connector.get_connector_properties = _host
connector.InitiatorConnector.factory = lambda *arguments, **options: (
    _Connector()
)


class Driver(posix.PosixBackupDriver):
    def delete_backup(self, backup):
        if "fail-backupdelete" in (backup.display_name or ""):
            raise exception.BackupDriverException(
                reason="/srv/backups on 10.1.2.9 is read-only"
            )
        return super().delete_backup(backup)

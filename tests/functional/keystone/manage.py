# SPDX-License-Identifier: Apache-2.0
"""Makes the tables and the administrator of a Keystone, whose folder is the working one.

    python -m tests.functional.keystone.manage URL PASSWORD REGION

These are commands of ``keystone-manage``, which takes longer to be loaded than to do them.
"""

import sys

import keystone.conf
from keystone.cmd import cli


def main(url: str, password: str, region: str) -> None:
    administrator = ["--bootstrap-password", password]
    administrator += ["--bootstrap-region-id", region]
    for interface in ("public", "internal", "admin"):
        administrator += [f"--bootstrap-{interface}-url", url]
    for command in (["db_sync"], ["bootstrap", *administrator]):
        # Else the options of the command before would be in the way.
        keystone.conf.CONF.reset()
        cli.main(
            ["keystone-manage", "--config-file", "keystone.conf", *command],
            developer_config_file=None,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])

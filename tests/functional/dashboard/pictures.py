# SPDX-License-Identifier: Apache-2.0
"""The pictures of the manual, as a browser shows the pages.

    .tox/dashboard/bin/python -m tests.functional.dashboard.pictures

draws them anew.
"""

import tempfile
from pathlib import Path

from tests import fixtures
from tests.documents import MANUAL
from tests.functional.dashboard.browser import Browser, signed_in
from tests.functional.dashboard.deployment import Stand, stand

#: The page of a database in trove-dashboard.
DATABASE = "/project/databases/{id}/"
#: The width of a page beside others, and of a telephone.
WIDE, NARROW = 1280, 400
REASON = "Cinder says: quota of gigabytes exceeded"
TRACEBACK = """\
Traceback (most recent call last):
  File "/usr/lib/python3/dist-packages/cinder/volume/manager.py", line 2974, in extend_volume
    self.driver.extend_volume(volume, new_size)
  File "/usr/lib/python3/dist-packages/cinder/volume/drivers/lvm.py", line 691, in extend_volume
    self.vg.extend_volume(volume['name'], self._sizestr(new_size), thin=self.configuration.thin)
cinder.exception.VolumeBackendAPIException: Insufficient free space in the volume group "fast-1"
"""


def fail(cloud: Stand) -> None:
    """Let two more things fail, as they do in clouds."""
    volume = cloud.region.of("billing")["cinder"]
    cloud.fail(volume, "There is no space left for the volume.", TRACEBACK)
    cloud.fail_in_trove("orders", REASON)


def database(browser: Browser, cloud: Stand, file: Path) -> None:
    """The page of a database, as its owner sees it."""
    failed = cloud.region.of("orders")["trove"]
    browser.resize(WIDE, 620)
    browser.open(DATABASE.format(id=failed.id))
    browser.wait_for(".detail")
    browser.draw(file)


def everything(browser: Browser, file: Path) -> None:
    """What an administrator sees; one row is open."""
    browser.resize(WIDE, 750)
    browser.open("/admin/faults/")
    browser.open_row("no space left")
    browser.draw(file)


def telephone(browser: Browser, file: Path) -> None:
    """The same in a narrow window, closed."""
    browser.resize(NARROW, 760)
    browser.open("/admin/faults/")
    browser.wait_for(".faults-table")
    browser.draw(file)


def main() -> None:
    with (
        fixtures.start("mariadb") as port,
        fixtures.start("rabbitmq") as broker,
        tempfile.TemporaryDirectory() as name,
        stand(
            Path(name),
            mariadb=f"mysql+pymysql://root@127.0.0.1:{port}",
            broker=broker,
        ) as cloud,
    ):
        fail(cloud)
        folder = MANUAL / "pictures"
        with signed_in(cloud.horizon, "alice", Path(name) / "alice") as alice:
            database(alice, cloud, folder / "dashboard-trove.png")
        with signed_in(cloud.horizon, "admin", Path(name) / "admin") as admin:
            everything(admin, folder / "dashboard-faults.png")
            telephone(admin, folder / "dashboard-narrow.png")


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""What ends the faults of zones; the name server works again by then."""

from tests.functional.designate.failures import Zones
from tests.functional.endings import success


def _change(cloud: Zones, zone):
    cloud.mend(zone)
    cloud.call("PATCH", zone.path, {"email": "c@d.example"})
    assert cloud.status(cloud.settle(zone)) == "ACTIVE"


_CHANGED = success("a change", _change)
ENDINGS = {
    "create, refused": _CHANGED,
    "create, not answered": _CHANGED,
    "create, nobody to ask": _CHANGED,
    "create, not there": _CHANGED,
    "create, not the newest": _CHANGED,
    "update, refused": _CHANGED,
}

# SPDX-License-Identifier: Apache-2.0
"""What ends the faults of load balancers and what belongs to them; no step fails by then."""

from tests.functional.endings import deletion, success, untold_deletion
from tests.functional.octavia.failures import Balancers

#: How what belongs to a load balancer is changed, by what its failures are called.
_CHANGES = {
    "listener": {"connection_limit": 6},
    "pool": {"lb_algorithm": "SOURCE_IP"},
    "member": {"weight": 8},
    "health monitor": {"delay": 8},
    "L7 policy": {"name": "another"},
    "L7 rule": {"value": "/z"},
}


def _failover(cloud: Balancers, balancer):
    assert cloud.status(cloud.failover(balancer)) == "ACTIVE"


def _changed(given):
    def act(cloud: Balancers, resource):
        assert cloud.status(cloud.change(resource, **given)) == "ACTIVE"

    return success("a change", act)


_DELETED = deletion()
_FAILED_OVER = success("a failover", _failover)
_UNTOLD = untold_deletion()
# What Octavia leaves as if it were at it can neither be changed nor deleted.
ENDINGS = {
    "create, quota": _DELETED,
    "create, no host": _DELETED,
    "create, too slow": _DELETED,
    "create, silent": _DELETED,
    "create, address": _DELETED,
    "create, refused": _DELETED,
    "create, unexpected": _DELETED,
    "update": _FAILED_OVER,
    "delete, server": _DELETED,
    "delete, address": _DELETED,
    "failover, quota": _FAILED_OVER,
    "failover, silent": _FAILED_OVER,
    "failover, unexpected": _FAILED_OVER,
    "failover that nobody asked for": _FAILED_OVER,
    "listener, unexpected": _UNTOLD,
    **{f"{name}, create": _UNTOLD for name in _CHANGES},
    **{f"{name}, update": _changed(given) for name, given in _CHANGES.items()},
    **{f"{name}, delete": _UNTOLD for name in _CHANGES},
}

# SPDX-License-Identifier: Apache-2.0
"""What fails in Tacker, by the operations of :mod:`tests.functional.tacker.operations`."""

from tests.functional.cloud import Told

_VIM_SAYS = "quota exceeded on rack7 at 10.1.2.3"
_NO_PACKAGE = "VnfdIdNotFound: VnfPackage of vnfdId"
FAILURES = [
    Told(
        "instantiate: the VIM refuses",
        _VIM_SAYS,
        "The VIM could not create the VNF.",
    ),
    Told(
        "instantiate: the VIM gives up",
        _VIM_SAYS,
        "The VIM began to create the VNF and did not complete it.",
    ),
    Told(
        "instantiate: the management driver",
        _VIM_SAYS,
        "The VNF could not be instantiated.",
    ),
    Told(
        "instantiate: no grant",
        "Connection refused",
        "The operation was not granted.",
    ),
    Told(
        "terminate: the VIM refuses",
        _VIM_SAYS,
        "The VIM could not delete what the VNF consists of.",
    ),
    Told(
        "terminate: the management driver",
        _VIM_SAYS,
        "The VNF could not be terminated.",
    ),
    Told(
        "heal: the VIM refuses", _VIM_SAYS, "The VIM could not heal the VNF."
    ),
    Told("scale: the VIM refuses", _VIM_SAYS, "The VNF could not be scaled."),
    Told(
        "connections: the VIM refuses",
        _VIM_SAYS,
        "The VIM could not change the external connections of the VNF.",
    ),
    Told(
        "rollback: the VIM refuses",
        _VIM_SAYS,
        "The VIM could not delete what the VNF consists of.",
    ),
    Told(
        "modify: the management driver",
        _VIM_SAYS,
        "The information about the VNF could not be changed.",
    ),
    Told(
        "v2 instantiate: no package",
        _NO_PACKAGE,
        "The package of the VNF could not be read.",
    ),
    Told(
        "v2 retry: no package",
        _NO_PACKAGE,
        "The package of the VNF could not be read.",
    ),
    Told(
        "v2 rollback: no package",
        _NO_PACKAGE,
        "The package of the VNF could not be read.",
    ),
    Told(
        "v2 modify: no package",
        _NO_PACKAGE,
        "The package of the VNF could not be read.",
    ),
]
# The log alone tells of all of them.
SOURCES: dict[str, str] = {}

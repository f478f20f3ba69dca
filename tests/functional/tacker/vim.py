# SPDX-License-Identifier: Apache-2.0
"""A VIM of v1, as the infrastructure driver that Tacker loads for it by its entry point.

It does nothing, and fails in what the name of the VNF instance says: "delete", say.
"""

import contextlib


class Vim:
    def get_type(self):
        return "lab"

    def get_name(self):
        return "lab"

    def get_description(self):
        return "lab"

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)

        def asked(*arguments, **given):
            fail_where(name, given)
            return RESULTS.get(name)

        return asked


RESULTS = {
    "get_scale_ids": [],
    "instantiate_vnf": "stack",
    "pre_instantiation_vnf": {},
}


class Refused(Exception):
    """What a VIM says."""


def fail_where(step, given):
    """Raise what the VIM or the VNF says, if the instance is one that is to fail in this step."""
    if step == name_of(given):
        raise Refused(f"quota exceeded on rack7 at 10.1.2.3 ({step})")


def name_of(given):
    """The name of the VNF instance that an operation is about."""
    with contextlib.suppress(KeyError, AttributeError):
        return given["vnf_instance"].vnf_instance_name
    for name in ("vnf_dict", "vnf_info"):
        if name in given:
            return given[name].get("name")
    return None

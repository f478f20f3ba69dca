# SPDX-License-Identifier: Apache-2.0
"""A management driver of v1 that reports nothing; see :mod:`tests.functional.tacker.vim`."""

from tacker.vnfm.mgmt_drivers.vnflcm_noop import VnflcmMgmtNoop

from tests.functional.tacker.vim import fail_where


class Steps(VnflcmMgmtNoop):
    def get_type(self):
        return "steps"

    def instantiate_start(self, context, vnf_instance, **given):
        fail_where("instantiate_start", {"vnf_instance": vnf_instance})

    def terminate_start(self, context, vnf_instance, **given):
        fail_where("terminate_start", {"vnf_instance": vnf_instance})

    def modify_information_start(self, context, vnf_instance, **given):
        fail_where("modify_information_start", {"vnf_instance": vnf_instance})

# SPDX-License-Identifier: Apache-2.0
"""The management driver of v1, a class that Tacker loads by its entry point.

It configures a VDU with Ansible, which fails.
"""

from pathlib import Path

from tacker.vnfm.mgmt_drivers.vnflcm_noop import VnflcmMgmtNoop

from fault_middleware import reporting
from fault_middleware.drivers.ansible import run_playbook

PLAYBOOK = Path(__file__).parent / "package/playbook.yaml"


class Failing(VnflcmMgmtNoop):
    def get_type(self):
        return "failing"

    def instantiate_end(self, context, vnf_instance, **kwargs):
        with reporting(vnf_instance.id):
            run_playbook(str(PLAYBOOK), "-i", "VDU1,", vdu="VDU1")

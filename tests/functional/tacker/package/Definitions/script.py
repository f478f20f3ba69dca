# SPDX-License-Identifier: Apache-2.0
"""The management driver of v2, a script that Tacker runs in a process of its own.

It configures a VDU with Ansible, which fails.
"""

import pickle
import sys

from fault_middleware import reporting
from fault_middleware.drivers.ansible import run_playbook
from fault_middleware.drivers.problem import driver_script

with driver_script():
    given = pickle.load(sys.stdin.buffer)
    with reporting(given["vnf_instance"]["id"]):
        playbook = f"{given['tmp_csar_dir']}/playbook.yaml"
        run_playbook(playbook, "-i", "VDU1,", vdu="VDU1")

# SPDX-License-Identifier: Apache-2.0
"""Interfaces of a driver for hardware that fails in the steps that a node's extra names.

They are found by their entry points, as those of any driver.  ``{"fail": "deploy"}`` fails as the
drivers of Ironic do, and ``{"fail": "deploy unexpected"}`` as they do where they have a bug.
"""

import time

from ironic.common import exception, states
from ironic.drivers import base
from ironic.drivers.modules import fake


def step(task, name, error=exception.InstanceDeployFailure):
    """Fail where the node says so.

    :param error: what a driver of Ironic's raises in such a step
    """
    if task.node.provision_state in states.UNSTABLE_STATES:
        # As hardware does. Of what takes no time Ironic may not notify: the thread that has begun
        # it forgets the event that it has notified of, whichever that is by then.
        time.sleep(0.3)
    words = task.node.extra.get("fail", "").split()
    if name not in words:
        return
    if "unexpected" in words:
        raise RuntimeError(f"boom in {name}: password=hunter2")
    raise error(f"{name} failed: BMC https://root@10.1.2.3 is gone (node7)")


class Power(fake.FakePower):
    def validate(self, task):
        step(task, "credentials", exception.InvalidParameterValue)

    def get_power_state(self, task):
        step(task, "power-state", exception.IPMIFailure)
        # Ironic forgets the state that it could not read; hardware does not.
        return super().get_power_state(task) or states.POWER_OFF

    def set_power_state(self, task, power_state, timeout=None):
        step(task, "power", exception.IPMIFailure)
        super().set_power_state(task, power_state, timeout)

    def reboot(self, task, timeout=None):
        step(task, "reboot", exception.IPMIFailure)
        task.node.power_state = states.POWER_ON


class Management(fake.FakeManagement):
    def set_boot_device(self, task, device, persistent=False):
        step(task, "boot-device", exception.IPMIFailure)


class Boot(fake.FakeBoot):
    def prepare_instance(self, task):
        step(task, "boot", exception.ImageDownloadFailed)


class Deploy(fake.FakeDeploy):
    def prepare(self, task):
        step(task, "prepare", exception.StorageError)

    @base.deploy_step(priority=100)
    def deploy(self, task):
        step(task, "deploy")
        if "slow" in task.node.extra:
            return states.DEPLOYWAIT
        task.driver.boot.prepare_instance(task)
        return None

    @base.clean_step(priority=10)
    def erase(self, task):
        step(task, "erase", exception.NodeCleaningFailure)
        if "slow" in task.node.extra:
            return states.CLEANWAIT
        return None

    @base.service_step(priority=0)
    def update(self, task):
        step(task, "update", exception.NodeServicingFailure)

    def prepare_cleaning(self, task):
        step(task, "prepare-cleaning", exception.NodeCleaningFailure)

    def tear_down(self, task):
        step(task, "tear-down")
        return super().tear_down(task)


class Inspect(fake.FakeInspect):
    def inspect_hardware(self, task):
        step(task, "inspect", exception.HardwareInspectionFailure)
        return super().inspect_hardware(task)


class RAID(fake.FakeRAID):
    @base.clean_step(priority=0)
    def create_configuration(
        self, task, create_root_volume=True, create_nonroot_volumes=True
    ):
        step(task, "raid", exception.RedfishError)


class BIOS(fake.FakeBIOS):
    @base.clean_step(
        priority=0, argsinfo={"settings": {"description": "names and values"}}
    )
    def apply_configuration(self, task, settings):
        step(task, "bios", exception.RedfishError)


class Console(fake.FakeConsole):
    def start_console(self, task):
        step(task, "console", exception.ConsoleError)


class Rescue(fake.FakeRescue):
    def rescue(self, task):
        step(task, "rescue", exception.InstanceRescueFailure)
        return super().rescue(task)

    def unrescue(self, task):
        step(task, "unrescue", exception.InstanceUnrescueFailure)
        return super().unrescue(task)


class Storage(fake.FakeStorage):
    def attach_volumes(self, task):
        step(task, "volumes", exception.StorageError)

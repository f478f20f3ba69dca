# SPDX-License-Identifier: Apache-2.0
"""What Octavia's worker asks of Nova, Neutron and amphorae; it fails while a file says so.

The file ``fails`` in the deployment's folder names steps, such as ``compute.build``, and perhaps
``unexpected``, for what nobody has foreseen.  The drivers are found by their entry points, as any.
"""

import os
from pathlib import Path

from octavia.amphorae.driver_exceptions import exceptions as amphora
from octavia.amphorae.drivers.haproxy import exceptions as haproxy
from octavia.amphorae.drivers.noop_driver.driver import (
    NoopAmphoraLoadBalancerDriver,
)
from octavia.common import constants, data_models, exceptions
from octavia.compute.drivers.noop_driver.driver import NoopComputeDriver
from octavia.network import base as network
from octavia.network.drivers.noop_driver.driver import NoopNetworkDriver

_FAILS = Path(os.environ["OCTAVIA_CONF"]).parent / "fails"
_NOVA = "https://nova.example.org:8774/v2.1 (node7) answered 403"


def _steps():
    try:
        return _FAILS.read_text().split()
    except FileNotFoundError:
        return []


def _step(name, error):
    steps = _steps()
    if name not in steps:
        return
    if "unexpected" in steps:
        raise RuntimeError(f"boom in {name}: password=hunter2")
    raise error


class Compute(NoopComputeDriver):
    def build(self, *arguments, **options):
        fault = f"Quota exceeded for instances, {_NOVA}"
        _step("compute.build", exceptions.ComputeBuildException(fault=fault))
        return super().build(*arguments, **options)

    def get_amphora(self, compute_id, management_network_id=None):
        found = super().get_amphora(compute_id, management_network_id)
        if "compute.boot" in _steps():
            server = data_models.Amphora(
                compute_id=compute_id, status=constants.ERROR
            )
            return server, {"message": "No valid host was found (node7)"}
        if "compute.late" in _steps():
            return data_models.Amphora(
                compute_id=compute_id, status="BUILD"
            ), None
        return found

    def delete(self, compute_id):
        _step("compute.delete", exceptions.ComputeDeleteException())
        super().delete(compute_id)


class Network(NoopNetworkDriver):
    def plug_aap_port(self, load_balancer, vip, amphora, subnet):
        error = network.PlugVIPException("Port 10.1.2.3 is bound on node7")
        _step("network.plug", error)
        return super().plug_aap_port(load_balancer, vip, amphora, subnet)

    def deallocate_vip(self, vip):
        error = network.DeallocateVIPException("Port on node7 is in use")
        _step("network.release", error)
        super().deallocate_vip(vip)

    def apply_qos_on_port(self, qos_id, port_id):
        error = network.NetworkException("QoS driver of node7 is missing")
        _step("network.qos", error)
        super().apply_qos_on_port(qos_id, port_id)


class Amphora(NoopAmphoraLoadBalancerDriver):
    def get_info(self, *arguments, **options):
        _step("amphora.info", amphora.TimeOutException())
        super().get_info(*arguments, **options)

    def post_vip_plug(self, *arguments, **options):
        _step("amphora.plug", haproxy.InternalServerError())
        super().post_vip_plug(*arguments, **options)

    def update(self, loadbalancer):
        _step("amphora.update", haproxy.InternalServerError())
        super().update(loadbalancer)

    def update_amphora_listeners(self, *arguments):
        _step("amphora.update", haproxy.InternalServerError())
        super().update_amphora_listeners(*arguments)

    def delete(self, listener):
        _step("amphora.delete", amphora.TimeOutException())
        super().delete(listener)

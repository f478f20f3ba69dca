# SPDX-License-Identifier: Apache-2.0
"""The cloud of :mod:`.clouds`, whose servers and volumes can be changed, and which refuses things.

It refuses the step that the file ``failing`` in the deployment's folder names.  Only the task
manager, which is one process, changes it.
"""

import contextlib
import json
import os
import threading
import uuid
from pathlib import Path
from types import SimpleNamespace

from cinderclient import exceptions as cinder_exceptions
from neutronclient.common import exceptions as neutron_exceptions
from novaclient import exceptions as nova_exceptions

from tests.functional.trove import clouds
from tests.functional.trove.instances import WATCHED

FILE = Path(os.environ["TROVE_CLOUD"])
FAILING = FILE.with_name("failing")
LOCK = threading.Lock()


def fails(step):
    with contextlib.suppress(FileNotFoundError):
        return step == FAILING.read_text()
    return False


@contextlib.contextmanager
def changing():
    """The cloud, which is kept as it is afterwards."""
    with LOCK:
        cloud = json.loads(FILE.read_text())
        yield cloud
        new = FILE.with_suffix(".new")
        new.write_text(json.dumps(cloud))
        new.replace(FILE)


def nova_refuses(step):
    if fails(step):
        raise nova_exceptions.Forbidden(403, "no host of rack7 at 10.1.2.3")


def cinder_refuses(step):
    if fails(step):
        raise cinder_exceptions.OverLimit(413, "no room on array 10.1.2.3")


def neutron_refuses(step):
    if fails(step):
        raise neutron_exceptions.Conflict(message="no address at 10.1.2.3")


class Server(SimpleNamespace):
    def change(self, **values):
        with changing() as cloud:
            cloud["servers"][self.id].update(values)

    def reboot(self):
        nova_refuses("server.reboot")

    def resize(self, flavor):
        nova_refuses("server.resize")

    def migrate(self, force_host=None):
        nova_refuses("server.migrate")

    def rebuild(self, image, **given):
        nova_refuses("server.rebuild")

    def delete(self):
        with changing() as cloud:
            del cloud["servers"][self.id]


class Servers(clouds._Servers):
    def get(self, server_id):
        found = Server(**vars(super().get(server_id)))
        if found.status == "ERROR":
            found.fault = {"message": "No valid host was found at 10.1.2.3."}
        return found

    def create(self, name, image, flavor, meta=None, **given):
        nova_refuses("server.create")
        made = str(uuid.uuid4())
        with changing() as cloud:
            cloud["servers"][made] = {
                "instance": meta["trove_instance_id"],
                "name": name,
                "status": "ERROR" if fails("server.build") else "BUILD",
                "project": meta["trove_project_id"],
            }
        return self.get(made)


class Flavors(clouds._Flavors):
    def get(self, flavor_id):
        found = super().get(flavor_id)
        found.name = f"flavor-{flavor_id}"
        found.to_dict = lambda: {"id": found.id, "ram": found.ram}
        return found


def nova(context, region_name=None, password=None):
    made = clouds.nova(context, region_name, password)
    made.servers, made.flavors = Servers(), Flavors()
    return made


class Neutron(clouds._Neutron):
    def list_ports(self, name=None, **given):
        if name is None:
            return super().list_ports(**given)
        neutron_refuses("port.list")
        return {"ports": []}

    def create_security_group(self, body):
        neutron_refuses("group.create")
        return {"security_group": {"id": str(uuid.uuid4())}}

    def create_security_group_rule(self, body):
        pass

    def list_security_groups(self, **given):
        return {"security_groups": []}


def neutron(context, region_name=None):
    return Neutron()


class Volumes(clouds._Volumes):
    def get(self, volume_id):
        found = super().get(volume_id)
        sizes = clouds._cloud().get("sizes", {})
        found.size = sizes.get(volume_id, found.size)
        return found

    def create(self, size, **given):
        cinder_refuses("volume.create")
        made = str(uuid.uuid4())
        self.extend(made, size)
        return self.get(made)

    def extend(self, volume_id, size):
        cinder_refuses("volume.extend")
        with changing() as cloud:
            cloud.setdefault("sizes", {})[volume_id] = size

    def delete(self, volume):
        pass


def cinder(context, region_name=None):
    return SimpleNamespace(volumes=Volumes())


def swift(context, region_name=None):
    return SimpleNamespace(
        url="http://127.0.0.1:1/swift", get_account=lambda *_: ({}, [])
    )


class Guest(clouds._Guest):
    """An agent that does what it is asked for, and says that its database is well."""

    def __init__(self, instance):
        self.instance = instance

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)

        def asked(*arguments, **given):
            from trove.common.exception import GuestError

            if fails(f"guest.{name}"):
                reason = "mysqld is not there on node7 at 10.1.2.3"
                raise GuestError(original_message=reason)

        return asked

    def upgrade(self, info):
        self.restart()

    def restart(self):
        from trove.instance.models import InstanceServiceStatus
        from trove.instance.service_status import ServiceStatuses

        status = InstanceServiceStatus.find_by(instance_id=self.instance)
        status.set_status(ServiceStatuses.HEALTHY)
        status.save()


def guest(context, instance_id, manager=None):
    """Of some instances Trove's own way to the agent."""
    from trove.guestagent.api import API

    if instance_id in {one.id for one in WATCHED}:
        return API(context, instance_id)
    return Guest(instance_id)

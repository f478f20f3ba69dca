# SPDX-License-Identifier: Apache-2.0
"""The services of the cloud: how each is configured, and where the catalog says it is."""

import dataclasses

from tests.functional.fragments.service import SERVICES, Service

#: For every service.
_COMMON = """\
[DEFAULT]
auth_strategy = keystone
rpc_response_timeout = 20

[fault_middleware]
history = true
"""
_DESIGNATE = """\
[service:api]
auth_strategy = keystone
# Else it sends its clients to port 9001.
enable_host_header = true

[storage:sqlalchemy]
connection = {database}

[service:central]
workers = 1
"""
_GLANCE = """\
[paste_deploy]
flavor = keystone

[glance_store]
filesystem_store_datadir = {folder}/images
"""
_HEAT = """\
[DEFAULT]
num_engine_workers = 1

[trustee]
auth_type = password
auth_url = {identity}
username = heat
password = secret
user_domain_id = default

[clients_keystone]
auth_uri = {identity}
"""
_MASAKARI = """\
[taskflow]
connection = {database}
"""
_NOVA = """\
[api_database]
connection = sqlite:///{folder}/api.sqlite

[neutron]
auth_type = admin_token
token = admin:admin
endpoint = {networks}
endpoint_override = {networks}
"""
_CELL0 = (
    "nova-manage cell_v2 map_cell0"
    " --database_connection sqlite:///{folder}/cell0.sqlite"
)
_TROVE = """\
[DEFAULT]
trove_api_workers = 1
remote_nova_client = tests.functional.trove.clouds.nova
remote_neutron_client = tests.functional.trove.clouds.neutron
remote_cinder_client = tests.functional.trove.clouds.cinder
remote_glance_client = tests.functional.trove.clouds.glance
remote_guest_client = tests.functional.trove.clouds.guest
"""
_TACKER = """\
[DEFAULT]
api_workers = 0

[vnf_lcm]
endpoint_url = http://127.0.0.1:{port}
"""


@dataclasses.dataclass(frozen=True)
class Api:
    """An API of the cloud.

    :ivar kind: its type in the catalog
    :ivar path: what follows the port in the catalog
    :ivar engines: the programs that the API needs to answer
    """

    service: Service
    kind: str
    path: str = ""
    engines: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.service.name


def _api(
    name: str,
    kind: str,
    path: str = "",
    *,
    options: str = "",
    prepare: tuple[str, ...],
    needs_mariadb: bool = False,
    engines: tuple[str, ...] = (),
) -> Api:
    """The API of a service whose fragment is tried elsewhere, with a database to answer from."""
    (shipped,) = [service for service in SERVICES if service.name == name]
    service = dataclasses.replace(
        shipped,
        options=_COMMON + options,
        prepare=prepare,
        needs_mariadb=needs_mariadb,
    )
    return Api(service, kind, path, engines)


#: Those that take longest to start come first.
APIS = [
    _api(
        "nova",
        "compute",
        "/v2.1",
        options=_NOVA,
        prepare=(
            "nova-manage api_db sync",
            _CELL0,
            "nova-manage db sync",
            "{python} -m tests.functional.region.cell {projects}",
        ),
    ),
    _api(
        "manila",
        "shared-file-system",
        "/v2",
        prepare=("manila-manage db sync",),
        needs_mariadb=True,
    ),
    _api(
        "masakari",
        "instance-ha",
        "/v1/%(project_id)s",
        options=_MASAKARI,
        prepare=("masakari-manage db sync",),
        needs_mariadb=True,
    ),
    _api(
        "tacker",
        "nfv-orchestration",
        options=_TACKER,
        prepare=("tacker-db-manage --config-file tacker.conf upgrade head",),
        needs_mariadb=True,
    ),
    _api(
        "cinder",
        "block-storage",
        "/v3/%(project_id)s",
        prepare=("cinder-manage db sync",),
    ),
    _api(
        "trove",
        "database",
        "/v1.0/%(project_id)s",
        options=_TROVE,
        prepare=("trove-manage db_sync",),
    ),
    _api(
        "designate",
        "dns",
        options=_DESIGNATE,
        prepare=("designate-manage database sync",),
        engines=("designate-central",),
    ),
    _api(
        "magnum",
        "container-infra",
        "/v1",
        prepare=("magnum-db-manage upgrade",),
        needs_mariadb=True,
    ),
    _api(
        "heat",
        "orchestration",
        "/v1/%(project_id)s",
        options=_HEAT,
        prepare=("heat-manage db_sync",),
        engines=("heat-engine",),
    ),
    _api(
        "glance", "image", options=_GLANCE, prepare=("glance-manage db_sync",)
    ),
]

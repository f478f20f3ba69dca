# SPDX-License-Identifier: Apache-2.0
"""The files that configure a Tacker."""

import configparser
import sys
from pathlib import Path

_CONFIGURATION = """\
[DEFAULT]
bind_host = 127.0.0.1
bind_port = {port}
auth_strategy = {strategy}
api_paste_config = {folder}/api-paste.ini
use_stderr = true
state_path = {folder}
transport_url = fake:/
api_workers = 0
graceful_shutdown_timeout = 1

[database]
connection = {database}

[keystone_authtoken]
www_authenticate_uri = http://127.0.0.1/identity/v3
service_token_roles_required = True

[oslo_concurrency]
lock_path = {folder}

[coordination]
backend_url = file://{folder}/coordination

[vnf_lcm]
endpoint_url = http://tacker.example.org

[v2_vnfm]
endpoint = http://tacker.example.org

[tacker]
vnflcm_infra_driver =
vnflcm_mgmt_driver = vnflcm_noop,failing

[fault_middleware]
profiles = tacker

[fault_middleware_database]
connection = {faults}
"""
_FILTER = """\
[filter:fault]
use = egg:fault_middleware
oslo_config_project = tacker
oslo_config_file = {folder}/tacker.conf
profiles = tacker
consumer = external
"""
# The management driver of v1, as if it were installed.
_INSTALLED = {
    "METADATA": "Metadata-Version: 2.1\nName: driver\nVersion: 1\n",
    "entry_points.txt": (
        "[tacker.tacker.mgmt.drivers]\nfailing = tests.functional.tacker.driver:Failing\n"
    ),
}


def write(folder: Path, *, filtered: bool, strategy: str, **values: object) -> None:
    """Write the files into a new folder.

    Tacker's own api-paste.ini is taken as it is installed, and the look-up of authtoken is
    replaced.
    """
    (folder / "coordination").mkdir(parents=True)
    text = _CONFIGURATION.format(folder=folder, strategy=strategy, **values)
    (folder / "tacker.conf").write_text(text)
    info = folder / "driver-1.dist-info"
    info.mkdir()
    for name, text in _INSTALLED.items():
        (info / name).write_text(text)

    paste = configparser.RawConfigParser(delimiters=("=",))
    paste.optionxform = str
    # The lines of the composite have a colon, which the values of others have too.
    shipped = (Path(sys.prefix) / "etc/tacker/api-paste.ini").read_text()
    paste.read_string(shipped.replace(": ", " = "))
    paste["filter:authtoken"]["paste.filter_factory"] = "tests.functional.keystone:filter_factory"
    if filtered:
        paste.read_string(_FILTER.format(folder=folder))
        for version in ("v1", "v2"):
            section = paste[f"composite:vnflcm_{version}"]
            *filters, application = section[strategy].split()
            section[strategy] = " ".join([*filters, "fault", application])
    with (folder / "api-paste.ini").open("w") as file:
        paste.write(file)

# SPDX-License-Identifier: Apache-2.0
"""The files that configure a Tacker."""

import configparser
import sys
from pathlib import Path

from tests.documents import MANUAL, blocks

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
infra_driver = noop,lab
vnflcm_infra_driver = lab
vnflcm_mgmt_driver = vnflcm_noop,failing,steps

[connect_grant]
base_url = http://127.0.0.1:1/
retry_num = 0
retry_wait = 0
"""
# The drivers of v1, as if they were installed.
_INSTALLED = {
    "METADATA": "Metadata-Version: 2.1\nName: driver\nVersion: 1\n",
    "entry_points.txt": (
        "[tacker.tacker.mgmt.drivers]\nfailing = tests.functional.tacker.driver:Failing\n"
        "steps = tests.functional.tacker.steps:Steps\n"
        "[tacker.tacker.vnfm.drivers]\nlab = tests.functional.tacker.vim:Vim\n"
    ),
}


def write(
    folder: Path,
    *,
    filtered: bool,
    strategy: str,
    faults: str,
    **values: object,
) -> None:
    """Write the files into a new folder, as the manual says.

    Tacker's own api-paste.ini is taken as it is installed, and the look-up of authtoken is
    replaced.

    :param filtered: whether the filter is in the pipelines
    :param faults: the database of the faults
    """
    (folder / "coordination").mkdir(parents=True)
    service, paste_advice, logs = blocks(MANUAL / "install/tacker.rst", "ini")
    conf = _parser(
        _CONFIGURATION.format(folder=folder, strategy=strategy, **values)
    )
    conf.read_string(service)
    conf.read_string(logs)
    conf["fault_middleware_database"]["connection"] = faults
    _write(conf, folder / "tacker.conf")
    info = folder / "driver-1.dist-info"
    info.mkdir()
    for name, text in _INSTALLED.items():
        (info / name).write_text(text)

    # The lines of the composite have a colon, which the values of others have too.
    shipped = (
        (Path(sys.prefix) / "etc/tacker/api-paste.ini")
        .read_text()
        .replace(": ", " = ")
    )
    paste = _parser(shipped)
    before = _pipelines(paste)
    paste.read_string(paste_advice)
    after = _pipelines(paste)
    assert {
        name: text.replace(" fault ", " ") for name, text in after.items()
    } == before
    paste["filter:fault"]["oslo_config_file"] = f"{folder}/tacker.conf"
    paste["filter:authtoken"]["paste.filter_factory"] = (
        "tests.keystone:filter_factory"
    )
    if not filtered:
        for (section, name), text in before.items():
            paste[section][name] = text
    _write(paste, folder / "api-paste.ini")


def _pipelines(
    paste: configparser.RawConfigParser,
) -> dict[tuple[str, str], str]:
    return {
        (section, name): paste[section][name]
        for section in ("composite:vnflcm_v1", "composite:vnflcm_v2")
        for name in ("noauth", "keystone")
    }


def _parser(text: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(delimiters=("=",), strict=False)
    parser.optionxform = str
    parser.read_string(text)
    return parser


def _write(parser: configparser.RawConfigParser, file: Path) -> None:
    with file.open("w") as opened:
        parser.write(opened)

# SPDX-License-Identifier: Apache-2.0
"""What the manual proposes to openstacksdk does what it says, on the one that is installed."""

import importlib
import importlib.metadata
import importlib.util
import inspect
import re
import subprocess
from pathlib import Path

import openstack
import pytest
from openstack import resource

from tests.documents import MANUAL

PATCH = MANUAL / "contributor/openstacksdk.patch"
FILES = re.findall(r"^--- a/(\S+)", PATCH.read_text(), re.MULTILINE)
# Of its own, between its versions.
pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
FAULT = {"created": "2026-11-27T08:00:00", "message": "no space left"}


def skip_others(package):
    """Skip the test where another version is installed than the page is about."""
    page = (MANUAL / "contributor/upstream.rst").read_text()
    version = importlib.metadata.version(package)
    if f"{package} {version}" not in page:
        pytest.skip(f"{package}: the page is about another than {version}")


@pytest.fixture(scope="module")
def patched(tmp_path_factory):
    """A folder with the patched files."""
    skip_others("openstacksdk")
    folder = tmp_path_factory.mktemp("sdk")
    for name in FILES:
        installed = Path(openstack.__file__).parents[1] / name
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(installed.read_text())
    subprocess.run(["git", "apply", PATCH], cwd=folder, check=True)
    return folder


def read(file):
    """What a resource of the classes of a file keeps of a fault, by the class."""
    # A node has a fault of its own, a text.
    key = "last_fault" if file.name == "node.py" else "fault"
    spec = importlib.util.spec_from_file_location("proposed", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = {}
    for name, kind in inspect.getmembers(module, inspect.isclass):
        if kind.__module__ == "proposed" and issubclass(
            kind, resource.Resource
        ):
            told = kind.existing(**{key: FAULT}).to_dict(original_names=True)
            found[name] = told.get(key)
    return found


@pytest.mark.parametrize("name", FILES)
def test_the_class_keeps_a_fault_with_the_patch_alone(patched, name):
    with_it = read(patched / name)
    without = read(Path(openstack.__file__).parents[1] / name)

    kept = [kind for kind, fault in with_it.items() if fault == FAULT]
    assert kept
    assert not any(without[kind] for kind in kept)


def test_the_program_prints_the_fault_of_a_volume_then(patched):
    skip_others("python-openstackclient")
    volume = importlib.import_module("openstackclient.volume.v3.volume")
    file = patched / "openstack/block_storage/v3/volume.py"
    spec = importlib.util.spec_from_file_location("proposed", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    shown = volume._format_volume(module.Volume.existing(fault=FAULT))

    assert shown["fault"] == FAULT

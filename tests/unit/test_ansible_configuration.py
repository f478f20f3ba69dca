# SPDX-License-Identifier: Apache-2.0
"""Where Ansible would look for callbacks: that is kept when ours is added."""

import pytest

from fault_middleware.drivers import ansible_configuration

DEFAULT = "/usr/share/ansible/plugins/callback"
CONFIGURATION = "[defaults]\ncallback_plugins = {}\n"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home and a working folder without a configuration."""
    folder = tmp_path / "home"
    folder.mkdir()
    working = tmp_path / "working"
    working.mkdir()
    monkeypatch.chdir(working)
    return folder


def callbacks(home, **environ):
    return ansible_configuration.callbacks({"HOME": str(home), **environ})


def test_without_a_configuration_they_are_those_of_ansible(home):
    assert callbacks(home) == f"{home}/.ansible/plugins/callback:{DEFAULT}"


def test_a_home_of_ansible_is_its_home(home):
    found = callbacks(home, ANSIBLE_HOME="/srv/ansible")

    assert found == f"/srv/ansible/plugins/callback:{DEFAULT}"


def test_the_variable_wins(home):
    assert callbacks(home, ANSIBLE_CALLBACK_PLUGINS="/a:/b") == "/a:/b"


def test_the_home_is_that_of_the_run(home):
    text = CONFIGURATION.format("~/own:${HOME}/other ; theirs")
    (home / ".ansible.cfg").write_text(text)

    assert callbacks(home) == f"{home}/own:{home}/other"


def test_a_configuration_may_be_named_by_its_folder(home):
    (home / "ansible.cfg").write_text(CONFIGURATION.format("own"))

    assert callbacks(home, ANSIBLE_CONFIG=str(home)) == f"{home}/own"


def test_the_working_folder_has_one_that_its_owner_wrote(home):
    working = home.parent / "working"
    (working / "ansible.cfg").write_text(CONFIGURATION.format("own"))

    assert callbacks(home) == f"{working}/own"


def test_a_working_folder_that_everybody_may_write_has_none(home):
    working = home.parent / "working"
    (working / "ansible.cfg").write_text(CONFIGURATION.format("evil"))
    working.chmod(0o777)

    assert "evil" not in callbacks(home)

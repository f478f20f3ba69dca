# SPDX-License-Identifier: Apache-2.0
"""RabbitMQ of three nodes, which replicate the queues that are quorum queues."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests import services
from tests.fixtures import wait_until
from tests.functional.clusters.nodes import Node

NAMES = ("one", "two", "three")
_PROGRAMS = "/usr/lib/rabbitmq/bin"


class Brokers:
    """A running cluster.

    :ivar url: of all nodes, for oslo.messaging
    """

    def __init__(self, nodes: list[Node], environ: dict[str, str]) -> None:
        self.nodes = nodes
        self._environ = environ
        hosts = [f"guest:guest@127.0.0.1:{node.relay.port}" for node in nodes]
        self.url = f"rabbit://{','.join(hosts)}/"

    def start(self, *nodes: Node) -> None:
        """Start nodes that were killed, and wait until they are members."""
        for node in nodes:
            node.start()
        for node in nodes:
            node.wait(120)
        wait_until(lambda: self.members() == len(NAMES), 90)

    def wait_to_spare(self, node: Node) -> None:
        """Wait until every queue has a majority without this node.

        One that was started again is a member before it has caught up.
        """
        name = NAMES[self.nodes.index(node)]
        program = services.find("rabbitmq-queues", Path(_PROGRAMS))
        command = [program, "-q", "-n", f"{name}@localhost"]
        command.append("check_if_node_is_quorum_critical")

        def can_be_spared() -> bool:
            ended = subprocess.run(
                command, env=self._environ, capture_output=True
            )
            return ended.returncode == 0

        wait_until(can_be_spared, 90)

    def members(self) -> int:
        """How many nodes of the cluster run."""
        program = services.find("rabbitmqctl", Path(_PROGRAMS))
        script = "length(rabbit_nodes:all_running())."
        for name in NAMES:
            command = [program, "-q", "-n", f"{name}@localhost", "eval"]
            ended = subprocess.run(
                [*command, script],
                env=self._environ,
                capture_output=True,
                text=True,
            )
            if ended.returncode == 0:
                return int(ended.stdout)
        return 0


@contextlib.contextmanager
def rabbitmq(folder: Path) -> Iterator[Brokers]:
    """Three nodes with an epmd of their own."""
    server = services.find("rabbitmq-server", Path(_PROGRAMS))
    epmd, port = services.find("epmd"), services.free_port()
    home = folder / "home"
    home.mkdir(parents=True)
    environ = {
        **os.environ,
        "HOME": str(home),
        "ERL_EPMD_PORT": str(port),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
    }
    cookie = home / ".erlang.cookie"
    cookie.write_text("OFATESTALONE")
    cookie.chmod(0o400)
    daemon = [epmd, "-port", str(port), "-address", "127.0.0.1"]
    with (
        services.process(daemon, folder / "epmd.log", port=port, env=environ),
        contextlib.ExitStack() as stack,
    ):
        nodes = []
        for name in NAMES:
            node = _node(name, folder / name, server, environ)
            stack.callback(node.close)
            nodes.append(node)
        brokers = Brokers(nodes, environ)
        brokers.start(*nodes)
        yield brokers


def _node(
    name: str, folder: Path, server: str, environ: dict[str, str]
) -> Node:
    folder.mkdir()
    port = services.free_port()
    members = "".join(
        f"cluster_formation.classic_config.nodes.{number} = {one}@localhost\n"
        for number, one in enumerate(NAMES, 1)
    )
    (folder / "rabbitmq.conf").write_text(
        f"listeners.tcp.1 = 127.0.0.1:{port}\n"
        "disk_free_limit.absolute = 50MB\n"
        "vm_memory_high_watermark.absolute = 512MB\n"
        "log.console = true\n"
        "cluster_partition_handling = pause_minority\n"
        "cluster_formation.peer_discovery_backend = classic_config\n"
        f"{members}"
    )
    (folder / "enabled_plugins").write_text("[].\n")
    own = {
        "RABBITMQ_NODENAME": f"{name}@localhost",
        "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
        "RABBITMQ_MNESIA_BASE": f"{folder}/mnesia",
        "RABBITMQ_LOG_BASE": f"{folder}/log",
        "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/enabled_plugins",
        "RABBITMQ_PID_FILE": f"{folder}/pid",
        "RABBITMQ_DIST_PORT": str(services.free_port()),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
            "-kernel inet_dist_use_interface {127,0,0,1} net_ticktime 10"
        ),
    }
    return Node([server], folder / "console.log", port, env=environ | own)

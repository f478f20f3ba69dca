# SPDX-License-Identifier: Apache-2.0
"""A Prometheus that scrapes consumers and evaluates the alarms of the manual."""

import contextlib
import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tests import services
from tests.fixtures import wait_until


class Alarms:
    """A running Prometheus."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def are_ready(self) -> bool:
        """Whether it answers; it listens before it does."""
        try:
            with urllib.request.urlopen(f"{self._url}/-/ready", timeout=10):
                return True
        except OSError:
            return False

    def firing(self) -> set[str]:
        """The names of the alarms that fire now."""
        with urllib.request.urlopen(
            f"{self._url}/api/v1/alerts", timeout=10
        ) as answer:
            alerts = json.load(answer)["data"]["alerts"]
        return {
            alert["labels"]["alertname"]
            for alert in alerts
            if alert["state"] == "firing"
        }


@contextlib.contextmanager
def prometheus(
    folder: Path, rules: Path, ports: list[int]
) -> Iterator[Alarms]:
    """Scrape these ports of loopback each second; an alarm waits two seconds and not minutes."""
    program, port = services.find("prometheus"), services.free_port()
    folder.mkdir(parents=True)
    hurried, count = re.subn(r"for: \d+\w", "for: 2s", rules.read_text())
    assert count > 5
    (folder / "rules.yaml").write_text(hurried)
    targets = ", ".join(f"'127.0.0.1:{one}'" for one in ports)
    (folder / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
        "rule_files: [rules.yaml]\n"
        "scrape_configs:\n"
        f"  - {{job_name: consumers, static_configs: [{{targets: [{targets}]}}]}}\n"
    )
    command = [
        program,
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--storage.tsdb.min-block-duration=2h",
    ]
    with services.process(command, folder / "log", port=port):
        alarms = Alarms(port)
        wait_until(alarms.are_ready, 60)
        yield alarms

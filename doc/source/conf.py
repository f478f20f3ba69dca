# SPDX-License-Identifier: Apache-2.0
"""Configuration of Sphinx."""

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import yaml
from docutils import nodes
from docutils.parsers.rst import Directive

from fault_middleware.cmd.doctor import findings
from fault_middleware.cmd.doctor.finding import Severity
from fault_middleware.metrics import Metrics

ROOT = Path(__file__).parents[2]

project = "fault_middleware"
copyright = "the fault_middleware contributors"
extensions = [
    "openstackdocstheme",
    "cliff.sphinxext",
    "oslo_config.sphinxext",
    "oslo_policy.sphinxext",
    "reno.sphinxext",
]
html_theme = "openstackdocs"
html_theme_options = {
    "sidebar_search": True,
    # What would be loaded from elsewhere when somebody reads the manual.
    "analytics_tracking_code": "",
    "display_badge": False,
}
templates_path = ["_templates"]
html_static_path = ["_static"]
html_css_files = ["manual.css"]
openstackdocs_auto_name = False
openstackdocs_auto_version = False
openstackdocs_repo_name = "fault_middleware"
openstackdocs_use_storyboard = False
openstackdocs_bug_project = ""
autoprogram_cliff_application = "fault-middleware-manage"
version = release = importlib.metadata.version("fault_middleware")
nitpicky = True


def cache_release_notes() -> None:
    """Tell reno what it would read from git's history, where that is not whole (or not there)."""
    notes = sorted((ROOT / "releasenotes/notes").glob("*.yaml"))
    cache = ROOT / "releasenotes/notes/reno.cache"
    cache.unlink(missing_ok=True)
    ask = ["git", "rev-parse", "--is-shallow-repository"]
    answer = subprocess.run(ask, cwd=ROOT, capture_output=True, text=True)
    if answer.stdout.strip() == "false":
        return
    names = {str(file.relative_to(ROOT)): file for file in notes}
    found = {
        "notes": [
            {"version": release, "files": [[name, ""] for name in names]}
        ],
        "dates": [],
        "file-contents": {
            name: yaml.safe_load(file.read_text())
            for name, file in names.items()
        },
    }
    cache.write_text(yaml.safe_dump(found))


class Help(Directive):
    """What a program of ours says to ``--help``; the argument is its module and more arguments."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        command = [
            sys.executable,
            "-W",
            "ignore",
            "-m",
            *self.arguments[0].split(),
            "--help",
        ]
        environ = {**os.environ, "COLUMNS": "92"}
        text = subprocess.run(
            command, env=environ, check=True, capture_output=True, text=True
        )
        return [nodes.literal_block(text.stdout, text.stdout, language="none")]


class MetricsTable(Directive):
    """Every counter and gauge that the code knows, from the code."""

    def run(self) -> list[nodes.Node]:
        table = nodes.definition_list()
        for metric in Metrics().registry.collect():
            names = [
                one
                for one in metric.samples
                if not one.name.endswith("_created")
            ]
            term = nodes.term("", "", nodes.literal("", names[0].name))
            text = f"{metric.documentation} ({metric.type})."
            labels = {
                f"{label}={value!r}"
                for one in names
                for label, value in one.labels.items()
            }
            if labels:
                text += f" For each of {', '.join(sorted(labels))}."
            item = nodes.definition("", nodes.paragraph("", text))
            table += nodes.definition_list_item("", term, item)
        return [table]


class Findings(Directive):
    """What the doctor may say of a part, the argument, from its code."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        table = nodes.definition_list()
        for finding in findings.declared(self.arguments[0]):
            if finding.severity is not Severity.OK:
                term = nodes.term("", "", nodes.literal("", finding.code))
                term += nodes.Text(f" ({finding.severity})")
                what = nodes.paragraph("", finding.what)
                remedy = nodes.paragraph("", finding.remedy)
                definition = nodes.definition("", what, remedy)
                table += nodes.definition_list_item("", term, definition)
        return [table]


def setup(app):
    cache_release_notes()
    app.add_directive("program-help", Help)
    app.add_directive("metrics-table", MetricsTable)
    app.add_directive("findings", Findings)

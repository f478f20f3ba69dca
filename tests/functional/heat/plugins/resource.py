# SPDX-License-Identifier: Apache-2.0
"""A resource that stands for whatever a service keeps, and fails in the steps that it names.

Heat loads this file as a plugin.
"""

import os
from pathlib import Path

from heat.common import exception
from heat.engine import properties, resource

from tests.functional.deployment import AWAY

ON = "on"
_FOLDER = Path(os.environ["HEAT_CONF"]).parent


class Resource(resource.Resource):
    properties_schema = {
        ON: properties.Schema(
            properties.Schema.STRING,
            "The steps that fail, and perhaps how: busy or gone.",
            default="",
            update_allowed=True,
        )
    }

    def handle_create(self):
        self._step("create", self.properties[ON])
        self.resource_id_set("made")

    def handle_update(self, json_snippet, tmpl_diff, prop_diff):
        self._step("update", prop_diff.get(ON))

    def handle_delete(self):
        self._step("delete", self.properties[ON])

    def handle_check(self):
        self._step("check", self.properties[ON])

    def handle_suspend(self):
        self._step("suspend", self.properties[ON])

    def handle_resume(self):
        self._step("resume", self.properties[ON])

    def handle_snapshot(self):
        self._step("snapshot", self.properties[ON])

    def handle_restore(self, definition, data):
        self._step("restore", self.properties[ON])
        return definition

    def handle_signal(self, details=None):
        self._step("signal", self.properties[ON])

    def _step(self, step, steps):
        if step == "create" and (_FOLDER / AWAY).exists():
            raise RuntimeError("node 10.1.2.3 does not answer")
        is_mended = (_FOLDER / f"mended-{self.stack.id}").exists()
        if is_mended or step not in (steps or "").split():
            return
        if "unexpected" in steps:
            raise RuntimeError(f"boom in {step}: password=hunter2")
        raise exception.ResourceInError(
            status_reason=f"{step}: No valid host was found.",
            resource_status="ERROR",
        )


def resource_mapping():
    return {"Tests::Resource": Resource}

# SPDX-License-Identifier: Apache-2.0
"""A strategy and an action of Watcher that fail as their parameters say."""

import logging
import time

from watcher.applier.actions import base as actions
from watcher.common import exception
from watcher.decision_engine.strategy.strategies import base as strategies

from tests.functional.watcher.deployment import NAME

LOG = logging.getLogger("watcher.applier.actions.tests")


class Strategy(strategies.UnclassifiedStrategy):
    """Recommends the actions that it is given."""

    @classmethod
    def get_name(cls):
        return NAME

    @classmethod
    def get_display_name(cls):
        return NAME

    @classmethod
    def get_translatable_display_name(cls):
        return NAME

    @classmethod
    def get_config_opts(cls):
        return []

    @classmethod
    def get_schema(cls):
        text = {"type": "string", "default": ""}
        given = {"type": "array", "default": []}
        properties = {"how": text, "actions": given}
        return {"type": "object", "properties": properties}

    def pre_execute(self):
        """It needs to know nothing of the cloud."""

    def do_execute(self, audit=None):
        how = self.input_parameters.get("how")
        if how == "refused":
            raise exception.ClusterStateStale
        if how == "unexpected":
            raise RuntimeError("boom in strategy: password=hunter2")
        for action in self.input_parameters.get("actions", []):
            self.solution.add_action(**action)

    def post_execute(self):
        """There is nothing to be measured."""


class Action(actions.BaseAction):
    """Does nothing, in the way that it is told."""

    @property
    def schema(self):
        names = ("on", "how", "resource_id")
        properties = {name: {"type": "string"} for name in names}
        return {"type": "object", "properties": properties}

    def pre_condition(self):
        self._step("pre_condition")

    def execute(self):
        self._step("execute")
        if self.input_parameters.get("how") == "slow":
            time.sleep(4)
        if self.input_parameters.get("how") == "logged":
            return self._give_up()
        return True

    def post_condition(self):
        self._step("post_condition")

    def revert(self):
        return True

    def abort(self):
        return True

    def get_description(self):
        return "Nothing"

    def _step(self, step):
        if self.input_parameters.get("on") == step:
            raise RuntimeError(f"boom in {step}: password=hunter2")

    def _give_up(self):
        """As Watcher's own actions do where a service refuses: a word in the log, and no more."""
        try:
            raise RuntimeError("Nova: no valid host, tried node7.internal")
        except RuntimeError as refusal:
            LOG.exception(refusal)
        return False

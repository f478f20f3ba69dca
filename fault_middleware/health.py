# SPDX-License-Identifier: Apache-2.0
"""A backend for oslo.middleware's healthcheck: how the filter and the consumer are doing."""

from oslo_middleware.healthcheck import pluginbase

from fault_middleware.deploy import deployed
from fault_middleware.options import ConfigurationError


class Healthcheck(pluginbase.HealthcheckBaseExtension):
    """Reports what is wrong with the database, the broker and the policy.

    The service works without us, so nothing of it makes the service unavailable, unless
    ``[fault_middleware] health_matters`` is set. The details are shown where the healthcheck is
    ``detailed``.
    """

    def healthcheck(self, server_port: int) -> pluginbase.HealthcheckResult:
        """How it is in the process that is asked."""
        troubles: dict[str, str] = {}
        counts: list[str] = []
        matters = False
        try:
            deployments = deployed(self.oslo_conf)
        except ConfigurationError as exc:
            deployments, troubles["configuration"] = [], str(exc)
        for deployment in deployments:
            troubles |= deployment.metrics.troubles
            counts += deployment.metrics.counts()
            matters |= deployment.settings.health_matters
        states = [f"{part}: {text}" for part, text in sorted(troubles.items())] or ["OK"]
        return pluginbase.HealthcheckResult(
            available=not (troubles and matters),
            reason="OK" if not troubles else "fault_middleware is in trouble",
            details=f"fault_middleware: {'; '.join(states)} ({', '.join(counts)})",
        )

# SPDX-License-Identifier: Apache-2.0
"""A backend for oslo.middleware's healthcheck: how the filter and the consumer are doing."""

from oslo_middleware.healthcheck import pluginbase

from fault_middleware.deploy import deployed
from fault_middleware.options import ConfigurationError
from fault_middleware.text import describe


class Healthcheck(pluginbase.HealthcheckBaseExtension):
    """Reports what is wrong with the database, the broker and the policy.

    The service works without us. So it stays available, whatever is wrong with us, unless
    ``[fault_middleware] health_matters`` is set. The details are shown where the healthcheck is
    ``detailed``.
    """

    def healthcheck(self, server_port: int) -> pluginbase.HealthcheckResult:
        """The health of the process that is asked."""
        failures: dict[str, str] = {}
        counts: list[str] = []
        matters = False
        try:
            deployments = deployed(self.oslo_conf)
            metrics = deployments[
                0
            ].metrics  # those of a configuration have the same
            failures |= metrics.health.failures
            counts += metrics.counts()
            matters = any(
                deployment.settings.health_matters
                for deployment in deployments
            )
        except ConfigurationError as exc:
            failures["configuration"] = str(exc)
        except Exception as exc:
            # What it raises would be the answer that the service is not there.
            failures["healthcheck"] = describe(exc)
        reason = "OK"
        states = ["OK"]
        if failures:
            reason = "fault_middleware is in trouble"
            states = [
                f"{part}: {text}" for part, text in sorted(failures.items())
            ]
        return pluginbase.HealthcheckResult(
            available=not (failures and matters),
            reason=reason,
            details=f"fault_middleware: {'; '.join(states)} ({', '.join(counts)})",
        )

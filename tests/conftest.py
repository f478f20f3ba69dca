# SPDX-License-Identifier: Apache-2.0
import hypothesis

pytest_plugins = ["tests.fixtures"]

# Other work on the machine makes no test fail.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")

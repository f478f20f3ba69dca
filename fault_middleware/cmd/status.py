# SPDX-License-Identifier: Apache-2.0
"""``fault-middleware-status upgrade check``: what stands in the way of an upgrade.

Ends with 0 if nothing does, with 1 if something is odd, with 2 if something must be mended, with
255 if nothing was checked.
"""

import functools
import sys
from typing import Any

from oslo_config import cfg
from oslo_policy import policy
from oslo_upgradecheck import upgradecheck
from oslo_upgradecheck.upgradecheck import Code, Result
from oslo_utils import fileutils

from fault_middleware import doctor, options
from fault_middleware.options import ConfigurationError

PROGRAM = "fault-middleware-status"
_DESCRIPTION = "Say what stands in the way of an upgrade: upgrade check."
_CODES = {"ok": Code.SUCCESS, "warning": Code.WARNING, "error": Code.FAILURE}
_PARTS = ("configuration", "database", "policy")


def _deployment(conf: cfg.ConfigOpts, _: object) -> Result:
    """What the doctor says of what an upgrade meets."""
    options.register_opts(conf)
    found = list(doctor.examine(conf, {"parts": _PARTS}))
    told = [f"{what} {remedy}" for severity, _, what, remedy in found if _CODES[severity]]
    return Result(max(_CODES[severity] for severity, *_ in found), " ".join(told) or None)


def _policy_file(conf: cfg.ConfigOpts, _: object) -> Result:
    """Whether the policy file is JSON, or is not read for its old name."""
    named = options.read_option(conf, options.GROUP, "policy_file")
    used = conf.find_file(policy.Enforcer(conf, policy_file=named).policy_file)
    file = used or conf.find_file("policy.json")
    if file is None or (used and not fileutils.is_json(file)):
        return Result(Code.SUCCESS)
    text = f"{file} is JSON, and is {'still' if used else 'not'} read. Make it YAML, with "
    return Result(Code.FAILURE, f"{text}oslopolicy-convert-json-to-yaml.")


class _Options(cfg.ConfigOpts):
    """The options, with help that says what the program does."""

    def __call__(self, *args: Any, **options: Any) -> None:
        super().__call__(*args, **options | {"prog": PROGRAM, "description": _DESCRIPTION})


def main(arguments: list[str] | None = None) -> int:
    """Check, with ``arguments`` in place of ``sys.argv``; the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    conf, checks = _Options(), upgradecheck.UpgradeCommands()
    checks._upgrade_checks = (
        ("Deployment", functools.partial(_deployment, conf)),
        ("Policy file", functools.partial(_policy_file, conf)),
    )
    try:
        with options.reading():
            return int(upgradecheck.main(conf, "fault_middleware", checks, given or ["--help"]))
    except ConfigurationError as exc:
        print(f"{PROGRAM}: {exc}", file=sys.stderr)
        return 255


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""``fault-middleware-status upgrade check``: what stands in the way of an upgrade.

Ends with 0 if nothing does, with 1 if something looks wrong, with 2 if something must be mended,
with 255 if nothing was checked.
"""

import functools
import os
import sys
from typing import Any

from oslo_config import cfg
from oslo_policy import policy
from oslo_upgradecheck import upgradecheck
from oslo_upgradecheck.upgradecheck import Code, Result
from oslo_utils import fileutils

from fault_middleware import migration, options
from fault_middleware.cmd.doctor import examination
from fault_middleware.cmd.doctor.case import Given
from fault_middleware.cmd.doctor.finding import Severity
from fault_middleware.options import ConfigurationError
from fault_middleware.store import Store
from fault_middleware.text import describe

PROGRAM = "fault-middleware-status"
_DESCRIPTION = "Say what stands in the way of an upgrade: upgrade check."
_CODES = {
    Severity.OK: Code.SUCCESS,
    Severity.SKIPPED: Code.WARNING,
    Severity.WARNING: Code.WARNING,
    Severity.ERROR: Code.FAILURE,
}
_PARTS = (examination.CONFIGURATION, examination.DATABASE, examination.POLICY)
_CONVERT = "Make it YAML, with oslopolicy-convert-json-to-yaml."
# Seconds.
_LOOKUP_TIMEOUT = 5.0


def _deployment(conf: cfg.ConfigOpts, _: object) -> Result:
    """What the doctor says of what an upgrade meets."""
    options.register_opts(conf)
    worst = Code.SUCCESS
    texts = []
    for finding in examination.examine(Given(conf), _PARTS):
        worst = max(worst, _CODES[finding.severity])
        if finding.severity is not Severity.OK:
            texts.append(f"{finding.what} {finding.remedy}")
    return Result(worst, " ".join(texts) or None)


def _tables(conf: cfg.ConfigOpts, _: object) -> Result:
    """Whether this release can work with the tables as they are."""
    options.register_opts(conf)
    try:
        store = Store(
            options.read_database_options(conf), lookup_timeout=_LOOKUP_TIMEOUT
        )
        file = store.reader.url.database or ""
        if store.reader.dialect.name == "sqlite" and not os.path.exists(file):
            return Result(Code.SUCCESS)  # connecting would make the file
        told = migration.differences(store.reader).sentences()
    except Exception as exc:
        return Result(
            Code.WARNING, f"The tables could not be looked at: {describe(exc)}"
        )
    if told:
        return Result(Code.FAILURE, " ".join(told))
    return Result(Code.SUCCESS)


def _policy_file(conf: cfg.ConfigOpts, _: object) -> Result:
    """Whether the policy file is JSON, or is not read for its old name."""
    named = options.read_option(conf, options.GROUP, "policy_file")
    used = conf.find_file(policy.Enforcer(conf, policy_file=named).policy_file)
    old = conf.find_file("policy.json")
    if used and fileutils.is_json(used):
        return Result(
            Code.FAILURE, f"{used} is JSON, and is still read. {_CONVERT}"
        )
    if old and not used:
        return Result(
            Code.FAILURE, f"{old} is JSON, and is not read. {_CONVERT}"
        )
    return Result(Code.SUCCESS)


class _Options(cfg.ConfigOpts):
    """The options, with help that says what the program does."""

    def __call__(self, *args: Any, **options: Any) -> None:
        options["prog"] = PROGRAM
        options["description"] = _DESCRIPTION
        super().__call__(*args, **options)


def main(arguments: list[str] | None = None) -> int:
    """Check, with ``arguments`` in place of ``sys.argv``; the exit code."""
    if arguments is None:
        arguments = sys.argv[1:]
    conf = _Options()
    checks = upgradecheck.UpgradeCommands()
    checks._upgrade_checks = (
        ("Deployment", functools.partial(_deployment, conf)),
        ("Tables", functools.partial(_tables, conf)),
        ("Policy file", functools.partial(_policy_file, conf)),
    )
    try:
        with options.reading():
            code = upgradecheck.main(
                conf, "fault_middleware", checks, arguments or ["--help"]
            )
            return int(code)
    except ConfigurationError as exc:
        print(f"{PROGRAM}: {exc}", file=sys.stderr)
        return 255


if __name__ == "__main__":
    sys.exit(main())

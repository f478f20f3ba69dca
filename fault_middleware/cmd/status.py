# SPDX-License-Identifier: Apache-2.0
"""``fault-middleware-status upgrade check``: what stands in the way of an upgrade.

Ends with 0 if nothing does, with 2 if something must be mended, with 255 if nothing was checked.
"""

import functools
import sys
from pathlib import Path

from oslo_config import cfg
from oslo_policy import policy
from oslo_upgradecheck import upgradecheck
from oslo_utils import fileutils

from fault_middleware import deploy, migration
from fault_middleware.metrics import describe


def _configuration(conf: cfg.ConfigOpts) -> None:
    deploy.deploy(conf)


def _table(conf: cfg.ConfigOpts) -> None:
    engine = deploy.deploy(conf).store.writer
    migration.check(engine)
    revision, newest = migration.version(engine), migration.newest() or ""
    if (revision or "") < newest:  # one of a later release is as good: migrations only add
        text = "run fault-middleware-manage db sync before the services are restarted"
        raise RuntimeError(f"the table is at revision {revision}, not {newest}; {text}")


def _policy_file(conf: cfg.ConfigOpts) -> None:
    file = deploy.deploy(conf).settings.policy_file
    file = conf.find_file(policy.Enforcer(conf, policy_file=file).policy_file)
    if file and fileutils.is_json(file):
        text = "is JSON, which is not read; oslopolicy-convert-json-to-yaml makes YAML of it"
        raise RuntimeError(f"{file} {text}")
    try:
        policy.Rules.load(Path(file).read_text("utf-8") if file else "")
    except Exception as exc:
        raise RuntimeError(f"{file} cannot be read: {describe(exc)}") from exc


_CHECKS = {"Configuration": _configuration, "Table": _table, "Policy file": _policy_file}


def _result(name: str, conf: cfg.ConfigOpts, _: object) -> upgradecheck.Result:
    try:
        _CHECKS[name](conf)
    except Exception as exc:
        text = (str(exc) or repr(exc)).splitlines()[0]
        return upgradecheck.Result(upgradecheck.Code.FAILURE, text)
    return upgradecheck.Result(upgradecheck.Code.SUCCESS)


def main(arguments: list[str] | None = None) -> int:
    """Check, with ``arguments`` in place of ``sys.argv``; the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    conf, checks = cfg.ConfigOpts(), upgradecheck.UpgradeCommands()
    checks._upgrade_checks = tuple((n, functools.partial(_result, n, conf)) for n in _CHECKS)
    try:
        return int(upgradecheck.main(conf, "fault_middleware", checks, given or ["--help"]))
    except cfg.Error as exc:
        print(f"fault-middleware-status: {exc}", file=sys.stderr)
        return 255


if __name__ == "__main__":
    sys.exit(main())

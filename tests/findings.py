# SPDX-License-Identifier: Apache-2.0
"""What the doctor finds, for the tests of it."""

from collections.abc import Iterable

from fault_middleware.cmd.doctor.finding import Finding

#: Codes of findings that are planted on real servers only, in functional/test_doctor.py.
ON_SERVERS = {
    "broker-certificate",
    "broker-file-missing",
    "broker-host-unreachable",
    "broker-refused",
    "broker-unreachable",
    "broker-with-tls",
    "broker-without-tls",
    "database-clock",
    "exchange-less-durable",
    "exchange-missing",
    "exchange-more-durable",
    "exchange-refused",
    "partitions-end",
    "queue-idle",
    "queue-less-durable",
    "queue-missing",
    "queue-more-durable",
    "queue-refused",
    "queue-shared",
    "queue-unread",
    "replica-other",
    "revision-unknown",
    "rpc-exchange-different",
    "topic-unread",
}


def texts(findings: Iterable[Finding]) -> dict[str, str]:
    """What is said, by the codes."""
    said: dict[str, str] = {}
    for finding in findings:
        text = f"{finding.what} {finding.remedy}"
        said[finding.code] = "\n".join(
            filter(None, [said.get(finding.code), text])
        )
    return said

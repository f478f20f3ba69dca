# SPDX-License-Identifier: Apache-2.0
"""What the doctor finds on real servers only."""

#: Codes of findings that are planted in functional/test_doctor.py.
ON_SERVERS = {
    "broker-refused",
    "broker-unreachable",
    "database-clock",
    "exchange-different",
    "exchange-missing",
    "exchange-refused",
    "queue-different",
    "queue-idle",
    "queue-missing",
    "queue-not-durable",
    "queue-refused",
    "queue-shared",
    "queue-unread",
}

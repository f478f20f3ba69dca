# SPDX-License-Identifier: Apache-2.0
"""The real Octavia on this machine: its API, worker and health manager.

Real are all of Octavia's own code with its provider for amphorae, Keystone, MariaDB and RabbitMQ.
Replaced at the outermost edge are Nova, Neutron and the amphorae (:mod:`.drivers`, which derive
from the drivers that do nothing and that Octavia has for tests).
"""

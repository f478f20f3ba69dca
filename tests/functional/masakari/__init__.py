# SPDX-License-Identifier: Apache-2.0
"""The real Masakari on this machine: its API and its engine.

Real are all of Masakari's own code, its tasks and novaclient, Keystone, MariaDB and RabbitMQ.
Replaced at the outermost edge is Nova, whose hosts and servers fail as their names tell
(:mod:`.nova`).
"""

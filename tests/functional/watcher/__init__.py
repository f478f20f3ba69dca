# SPDX-License-Identifier: Apache-2.0
"""The real Watcher on this machine: its API, its decision engine and its applier.

Real are all of Watcher's own code, its planner, TaskFlow, Keystone, MariaDB and RabbitMQ.  A
strategy and an action fail as they are told (:mod:`.plugins`), beside Watcher's own; both are
found by their entry points.  Nova, which Watcher looks for, is away.
"""

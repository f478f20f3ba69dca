# SPDX-License-Identifier: Apache-2.0
"""The real Ironic on this machine: its API and its conductor.

Real are all of Ironic's own code, Keystone, MariaDB and RabbitMQ.  Replaced at the outermost edge
is what a driver asks of hardware (:mod:`.driver`, whose interfaces derive from those that Ironic
has for tests).
"""

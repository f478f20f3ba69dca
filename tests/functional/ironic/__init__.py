# SPDX-License-Identifier: Apache-2.0
"""The real Ironic on this machine: its API and its conductor.

Real are all of Ironic's own code, keystonemiddleware, MariaDB and RabbitMQ.  Replaced at the
outermost edge are what a driver asks of hardware (:mod:`.driver`, whose interfaces derive from
those that Ironic has for tests), and Keystone, which answers as :mod:`tests.functional.identity`.
"""

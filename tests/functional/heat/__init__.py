# SPDX-License-Identifier: Apache-2.0
"""The real Heat on this machine: its API and its engine.

Real are all of Heat's own code, MariaDB and RabbitMQ.  Replaced at the outermost edge are what
a resource would ask of its service (:mod:`.plugins.resource`), and Keystone: its look-up of a
token, and what the engine asks of it (:mod:`.keystone`, on a client that Heat brings for that).
"""

# SPDX-License-Identifier: Apache-2.0
"""The real Heat on this machine: its API and its engine.

Real are all of Heat's own code, Keystone with the trusts and the domain of users that stacks need,
MariaDB and RabbitMQ.  Replaced at the outermost edge is what a resource would ask of its service
(:mod:`.plugins.resource`).
"""

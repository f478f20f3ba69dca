# SPDX-License-Identifier: Apache-2.0
"""The real Manila on this machine: its API, scheduler and share service.

Real are all of Manila's own code, Keystone, MariaDB and RabbitMQ.  Replaced at the outermost edge
is what the share driver would ask of a filer (:mod:`.driver`).
"""

# SPDX-License-Identifier: Apache-2.0
"""The real Cinder on this machine: its API, scheduler, volume and backup services.

Real are all of Cinder's own code, Keystone, MariaDB, RabbitMQ and the files of backups.  Replaced
at the outermost edge are what the volume driver would ask of an array (:mod:`.driver`), Glance
(:mod:`.images`), and what needs root on this host.
"""

# SPDX-License-Identifier: Apache-2.0
"""The real Magnum on this machine: its API and its conductor, with two workers.

Real are all of Magnum's own code, openstacksdk, Keystone, MariaDB and RabbitMQ.  Magnum 23 has no
driver of its own; here is one whose steps fail as a cluster's labels say (:mod:`.driver`), which
Magnum finds by its entry point.  Replaced at the outermost edge are Nova, Glance and Neutron,
which the API asks for flavors, images and networks (:mod:`.neighbours`).
"""

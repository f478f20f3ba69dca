# SPDX-License-Identifier: Apache-2.0
"""The real Nova on this machine: its API, conductor, scheduler and two computes, with Placement.

Real are all of Nova's and Placement's own code, Keystone, MariaDB and RabbitMQ.  Replaced at the
outermost edge are the hypervisor (:mod:`.virt.failing`, Nova's own fake driver that fails when it
is told to) and the HTTP of Neutron, Cinder and Glance (:mod:`.neighbours`).
"""

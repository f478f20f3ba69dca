# SPDX-License-Identifier: Apache-2.0
"""The real Designate on this machine: its API, central, worker and producer.

Real are all of Designate's own code, its back end for BIND, Keystone, MariaDB and RabbitMQ.
Replaced at the outermost edge are BIND itself (:mod:`.nameserver`) and the program rndc
(:mod:`.rndc`).
"""

# SPDX-License-Identifier: Apache-2.0
"""``fault-middleware-demo``: how a fault is collected and shown, on this machine alone.

A small API of database instances stands in for Trove. Everything else is what a deployer gets: the
paste filter, the consumer in the API's process, the migrations, oslo's notifier. SQLite and
oslo.messaging's transport in memory take the places of the database server and of the broker.
"""

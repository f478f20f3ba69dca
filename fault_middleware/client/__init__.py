# SPDX-License-Identifier: Apache-2.0
"""``openstack fault``: what has failed in a project, in all services, and why.

A plugin of python-openstackclient. It runs where people type, so it imports nothing that only
servers have: no database, no message queue, no policy.
"""

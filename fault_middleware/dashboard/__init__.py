# SPDX-License-Identifier: Apache-2.0
"""What has failed, and why, as a page of Horizon.

The list of ``openstack fault list``, asked with the token and the catalog of whoever has signed
in.  Like the client it imports nothing that only servers have.
"""

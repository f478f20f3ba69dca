# SPDX-License-Identifier: Apache-2.0
"""The real Glance on this machine: its API, which also runs the tasks of imports.

Real are all of Glance's own code, its store of files, Keystone and MariaDB.  Replaced at the
outermost edge is what a disk would refuse (:mod:`.store`).
"""

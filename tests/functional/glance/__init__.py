# SPDX-License-Identifier: Apache-2.0
"""The real Glance on this machine: its API, which also runs the tasks of imports.

Real are all of Glance's own code, its store of files, and MariaDB.  Replaced at the outermost edge
are what a disk would refuse (:mod:`.store`), and Keystone's look-up of a token.
"""

# SPDX-License-Identifier: Apache-2.0
"""The table of faults, divided by the time that its keys begin with.

Nothing depends on it: where a row is, the database decides by the key alone, and rows whose keys
say a wrong time, or none, have a place too. See :mod:`.layout` for what there is.
"""

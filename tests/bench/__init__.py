# SPDX-License-Identifier: Apache-2.0
"""What the filter and the consumer cost, against floors and peers; see :mod:`.__main__`."""

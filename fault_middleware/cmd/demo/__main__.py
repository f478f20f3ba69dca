# SPDX-License-Identifier: Apache-2.0
"""The demo, as ``python -m fault_middleware.cmd.demo``."""

import sys

from fault_middleware.cmd.demo import program

sys.exit(program.main())

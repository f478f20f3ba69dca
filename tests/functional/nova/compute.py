# SPDX-License-Identifier: Apache-2.0
"""nova-compute, which finds drivers below ``nova.virt`` alone, with ours there."""

from nova.cmd import compute  # isort: skip  it decides first whether eventlet is used

from pathlib import Path

import nova.virt

nova.virt.__path__.append(str(Path(__file__).with_name("virt")))

if __name__ == "__main__":
    compute.main()

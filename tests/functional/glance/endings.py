# SPDX-License-Identifier: Apache-2.0
"""What ends the faults of images; the stores work again by then."""

from tests.functional.endings import deletion, deletion_alone, success
from tests.functional.glance.failures import Images

_DATA = b"x" * 99


def _upload(cloud: Images, image):
    cloud.upload(image, _DATA)
    assert cloud.status(image) == "active"


def _import(cloud: Images, image):
    cloud.stage(image, _DATA)
    cloud.fetch(image, "glance-direct")
    assert cloud.status(image) == "active"


def _download(cloud: Images, image):
    cloud.mend(image)
    path = f"{image.path}/file"
    assert cloud.deployment.request("GET", path)[0] == 200


def _delete(cloud: Images, image):
    cloud.mend(image)
    cloud.delete(image)


_UPLOADED = success("an upload", _upload)
ENDINGS = {
    "upload, store full": _UPLOADED,
    "upload, not allowed": _UPLOADED,
    "upload, timed out": _UPLOADED,
    "upload, unexpected": _UPLOADED,
    "upload, too large": _UPLOADED,
    "upload, hung up": _UPLOADED,
    "stage": success("an import", _import),
    # Such an image is "importing" for ever, and can be given no data.
    "import, store full": deletion(),
    "import, unexpected": deletion(),
    "import into two stores, one full": deletion(),
    "import from a host that does not answer": deletion_alone(
        "an import", _import
    ),
    "download": deletion_alone("a download", _download),
    "delete": deletion(_delete),
}

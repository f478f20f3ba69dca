# SPDX-License-Identifier: Apache-2.0
"""What can fail in Glance, each provoked through its API by the user who would do so."""

import http.client
import json
import socket
import time

from tests.functional.cloud import NOTIFICATION, Cloud, Failure, Resource
from tests.functional.deployment import ADMIN, MEMBER
from tests.functional.glance.deployment import LARGEST

_BYTES = "application/octet-stream"


class Images(Cloud):
    """Glance's API."""

    def image(self, name: str, **others) -> Resource:
        kind = {"disk_format": "raw", "container_format": "bare"}
        body = {"name": name, **kind, **others}
        return Resource("images", self.call("POST", "/images", body)["id"])

    def put(self, path: str, data: bytes, **headers) -> tuple[int, str]:
        """Status and text of the answer to a request with bytes."""
        sent = {
            "X-Auth-Token": self.deployment.keystone.token(MEMBER),
            "Content-Type": _BYTES,
            **headers,
        }
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.deployment.port, timeout=60
        )
        connection.request("PUT", f"/v2{path}", body=data, headers=sent)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    def upload(self, image: Resource, data: bytes) -> Resource:
        self.put(f"{image.path}/file", data)
        return image

    def stage(self, image: Resource, data: bytes) -> None:
        status, text = self.put(f"{image.path}/stage", data)
        assert status == 204, text

    def hang_up(self, image: Resource) -> Resource:
        """Begin an upload, and leave."""
        lines = [
            f"PUT /v2{image.path}/file HTTP/1.1",
            "Host: images",
            f"X-Auth-Token: {self.deployment.keystone.token(MEMBER)}",
            f"Content-Type: {_BYTES}",
            "Content-Length: 90000",
        ]
        head = "\r\n".join(lines) + "\r\n\r\n"
        address = ("127.0.0.1", self.deployment.port)
        with socket.create_connection(address) as connection:
            connection.sendall(head.encode() + b"x" * 1000)
            time.sleep(1)
        return image

    def fetch(
        self, image: Resource, method: str, token=MEMBER, **others
    ) -> Resource:
        """Import an image, and wait for the end of the task."""
        uri = others.pop("uri", None)
        how = {"name": method, **({"uri": uri} if uri else {})}
        body = {"method": how, **others}
        self.call("POST", f"{image.path}/import", body, token)
        end = time.monotonic() + 20
        while not self.is_done(image) and time.monotonic() < end:
            time.sleep(0.3)
        return image

    def is_done(self, image: Resource) -> bool:
        tasks = self.call("GET", f"{image.path}/tasks", token=ADMIN)["tasks"]
        return all(task["status"] in ("success", "failure") for task in tasks)

    def mend(self, image: Resource) -> None:
        """Let the stores give and take the data of an image, whatever they begin with."""
        (self.deployment.folder / f"mended-{image.id}").touch()

    def show(self, resource: Resource, token=MEMBER):
        """The image; Glance's clients take nothing but texts, so the fault is one."""
        shown = super().show(resource, token)
        if "os_glance_fault" in shown:
            shown["fault"] = json.loads(shown["os_glance_fault"])
        return shown

    def is_up(self) -> bool:
        return self.deployment.request("GET", "/images")[0] == 200


def _uploaded(data: bytes):
    def provoke(cloud):
        return cloud.upload(cloud.image("upload"), data)

    return provoke


def _hang_up(cloud):
    return cloud.hang_up(cloud.image("hang-up"))


def _staged(data: bytes, **others):
    def provoke(cloud):
        image = cloud.image("import")
        cloud.stage(image, data)
        return cloud.fetch(image, "glance-direct", **others)

    return provoke


def _web_download(cloud):
    conf = cloud.deployment.conf.read_text()
    port = conf.partition("allowed_ports = [")[2].partition("]")[0]
    uri = f"http://127.0.0.1:{port}/none.img"
    return cloud.fetch(cloud.image("web"), "web-download", uri=uri)


def _download(cloud):
    image = cloud.upload(cloud.image("download"), b"fail-get" + b"x" * 99)
    cloud.deployment.request("GET", f"{image.path}/file")
    return image


def _delete(cloud):
    image = cloud.upload(cloud.image("delete"), b"fail-delete" + b"x" * 99)
    cloud.deployment.request("DELETE", image.path)
    return image


def _stage(cloud):
    image = cloud.image("stage")
    folder = cloud.deployment.folder
    staging = folder / "os_glance_staging_store"
    staging.rename(folder / "away")
    cloud.put(f"{image.path}/stage", b"x" * 99)
    (folder / "away").rename(staging)
    return image


DISK = "disk 10.1.2.3:/images"
_FULL = "There is not enough disk space on the image storage media."
_PAD = b" " + b"x" * 99
FAILURES = [
    Failure(
        "upload, store full", _uploaded(b"fail-full" + _PAD), _FULL, _FULL
    ),
    Failure(
        "upload, not allowed",
        _uploaded(b"fail-denied" + _PAD),
        "Permission to write",
        "Permission to write image storage media denied.",
    ),
    Failure(
        "upload, timed out",
        _uploaded(b"fail-late" + _PAD),
        f"{DISK} is slow",
        "The storage of images did not answer in time.",
    ),
    Failure(
        "upload, unexpected",
        _uploaded(b"fail-add" + _PAD),
        f"{DISK} does not answer",
        "The data of the image could not be stored.",
    ),
    Failure(
        "upload, too large",
        _uploaded(b"x" * (LARGEST + 1)),
        "too large",
        "The provided image is too large.",
    ),
    Failure(
        "upload, hung up",
        _hang_up,
        "The client disconnected",
        "The upload ended before all data had arrived.",
    ),
    Failure(
        "stage",
        _stage,
        "No such file or directory",
        "The data of the image could not be staged for its import.",
    ),
    Failure("import, store full", _staged(b"fail-full" + _PAD), _FULL, _FULL),
    Failure(
        "import, unexpected",
        _staged(b"fail-add" + _PAD),
        f"{DISK} does not answer",
        "The data of the image could not be imported.",
    ),
    Failure(
        "import into two stores, one full",
        _staged(b"fail-full slow" + _PAD[1:], stores=["fast", "slow"]),
        _FULL,
        _FULL,
    ),
    Failure(
        "import from a host that does not answer",
        _web_download,
        "Exhausted allowed addresses",
        "The data of the image could not be fetched.",
    ),
    Failure(
        "download",
        _download,
        f"{DISK} does not answer",
        "A store did not deliver the data of the image.",
    ),
    Failure(
        "delete",
        _delete,
        "Remote server where the image is present is unavailable",
        "The image could not be deleted.",
    ),
]
# What tells of a failure, where that is not the log alone.
SOURCES = {"upload, hung up": NOTIFICATION}

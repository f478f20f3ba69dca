# SPDX-License-Identifier: Apache-2.0
"""What owners read of a failure that was logged does not depend on what its exception says."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fault_middleware import log_rule, profile
from fault_middleware.chain import Cause
from fault_middleware.log_record import Failure

INSTANCE = "5f15e2a3-b556-4cd7-8ce4-e893e533dba1"
# Whose API answers nobody else, by its own policy.
FOR_ADMINISTRATORS = {"watcher"}
WITH_LOGS = [
    name
    for name in profile.shipped()
    if profile.load(name).sources.logs and name not in FOR_ADMINISTRATORS
]
# Of a driver, of a library, of the service's back end.
CLASSES = [
    ("vendor.array.ArrayError", "ArrayError"),
    ("OSError",),
    (
        "cinder.exception.VolumeBackendAPIException",
        "VolumeBackendAPIException",
    ),
    ("manila.exception.ShareBackendException", "ShareBackendException"),
]
FUNCTIONS = [
    "cinder.volume.manager.extend_volume",
    "manila.share.manager.update_access",
    "nova.compute.manager.reboot_instance",
    "elsewhere.do",
]


def message(name, names, function, text):
    """What the owner reads of an exception with this text, raised in this function."""
    loaded = profile.load(name)
    cause = Cause(names[0], text, names)
    failure = Failure(
        instance_id=INSTANCE,
        logger="oslo_messaging.rpc.server",
        created=datetime(2026, 11, 26),
        text=f"Exception during message handling: {text}",
        sources=("oslo_messaging.rpc.server", function),
        causes=(cause,),
        trace=f"Traceback (most recent call last):\n{names[0]}: {text}\n",
    )
    rule = loaded.sources.logs[-1]
    return log_rule.make_fault(
        name, rule, failure, loaded.sources.words
    ).message


@pytest.mark.parametrize("name", WITH_LOGS)
@given(
    names=st.sampled_from(CLASSES),
    function=st.sampled_from(FUNCTIONS),
    text=st.text(),
)
def test_the_text_of_an_exception_is_for_administrators(
    name, names, function, text
):
    assert message(name, names, function, text) == message(
        name, names, function, "no space in pool rack7 of 10.1.2.3"
    )
    assert "rack7" not in message(name, names, function, "rack7")


def test_some_profiles_have_logs():
    assert {"cinder", "manila", "nova"} <= set(WITH_LOGS)

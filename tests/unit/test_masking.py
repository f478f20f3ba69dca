# SPDX-License-Identifier: Apache-2.0
import base64

import pytest
from oslo_utils import strutils

from fault_middleware import masking
from tests.fixtures import read_data

CORPUS = read_data("secrets.json")
# What is known not to be found: secrets in free prose.
MISSED = {"LDAP"}
HARMLESS = [
    "Access denied for user 'trove'@'10.0.0.1' (using password: YES)",
    "Invalid token: expired",
    '  File "/usr/lib/python3/dist-packages/keystone/token/provider.py", line 12, in validate',
    "TokenNotFound: Could not find token.",
    "http://user@host/path",
    "ssh://git@review.example.org:29418/x",
    "Quota exceeded for key_pairs: Requested 1",
    "mail to admin@example.org: failed",
    "Signature mismatch",
    "a,b:c@d",
    "connect(pwd=None, token: str = None)",
    "{'token_bucket': 5}",
    "5 tests passed, 3 bypassed: passive mode = on, compass=north",
    "Basic functionality is missing",
    "To:user@example.org",
    "curl: (7) Failed to connect to 10.0.0.1 port 80",
]
MORE_SECRETS = [
    ("postgresql://u:S3cr3t@h1,h2:5432/db", "S3cr3t"),
    ("https://u:S3cr3t@h/x?y=a@b", "S3cr3t"),
    ("Proxy-Authorization: Basic UzNjcjN0OlMzY3IzdA==", "UzNjcjN0"),
    ("curl -s -u admin:S3cr3t https://h/", "S3cr3t"),
    ("mysqldump -h db -uroot -pS3cr3t app", "S3cr3t"),
    ("sshpass -p S3cr3t ssh host", "S3cr3t"),
    ('{\\"auth\\": {\\"password\\": \\"S3cr3t\\"}}', "S3cr3t"),
    ("{'connection_info': {'auth_password': 'S3cr3t', 'a': 1}}", "S3cr3t"),
    ("ALTER USER 'u'@'%' IDENTIFIED WITH mysql_native_password BY 'S3cr3t'", "S3cr3t"),
    ("PGPASSWORD=S3cr3t psql", "S3cr3t"),
    ("  rabbit_password: S3cr3t", "S3cr3t"),
    ("--os-auth-token S3cr3t-token", "S3cr3t"),
    ("AKIAIOSFODNN7EXAMPLE is disabled", "AKIAIOSFODNN7EXAMPLE"),
    ("MYSQL_ROOT_PASS=S3cr3t", "S3cr3t"),
    ('{"pass": "S3cr3t"}', "S3cr3t"),
    ("        key = AQBSdFhcS3cr3tBAAcm9vdHRoaXNpc25vdGE12==", "S3cr3t"),
    ("Bearer S3cr3t-opaque", "S3cr3t"),
    ("Basic UzNjcjN0OnMzY3IzdA==", "UzNjcjN0"),
    ("connecting as trove:S3cr3t@10.0.0.1:5672", "S3cr3t"),
    ("db.example.org:5432:app:trove:S3cr3t", "S3cr3t"),
    ("https://x.blob.core.windows.net/c?sv=1&sig=S3cr3t", "S3cr3t"),
    ("<adminPassword>S3cr3t</adminPassword>", "S3cr3t"),
]


def decoded(text):
    return base64.b64decode(text).decode()


@pytest.mark.parametrize("case", CORPUS["secrets"], ids=lambda case: case["name"])
def test_a_secret_of_the_corpus_is_hidden(case):
    masked = masking.mask(decoded(case["text_b64"]))

    assert (decoded(case["secret_b64"]) in masked) == (case["name"] in MISSED)
    assert masking.mask(masked) == masked


@pytest.mark.parametrize(("text", "secret"), MORE_SECRETS)
def test_a_secret_of_a_kind_is_hidden(text, secret):
    masked = masking.mask(f"before\n{text}\nafter")

    assert secret not in masked
    assert masked.startswith("before\n")
    assert masked.endswith("\nafter")


@pytest.mark.parametrize("text", [*map(decoded, CORPUS["harmless_b64"]), *HARMLESS])
def test_a_harmless_text_is_not_changed(text):
    assert masking.mask(text) == text


def test_nothing_that_oslo_masks_is_passed_over():
    for key in strutils._SANITIZE_KEYS:
        text = f"{{'{key}': 'S3cr3t'}}"
        assert masking.mask(text) == masking.mask(strutils.mask_password(text))
        assert "S3cr3t" not in masking.mask(text)

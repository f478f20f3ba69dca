# SPDX-License-Identifier: Apache-2.0
import base64
import dataclasses
import functools
import json
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oslo_utils import strutils

from fault_middleware import masking, masking_file, masking_rules, package_data
from fault_middleware.deploy import deploy
from fault_middleware.masking_rules import Regex
from fault_middleware.options import ConfigurationError
from tests.documents import MANUAL, blocks
from tests.fixtures import read_data

CORPORA = [read_data("secrets.json"), read_data("secrets-2.json")]
SECRETS = [case for corpus in CORPORA for case in corpus["secrets"]]
RULES = package_data.load("masking-rules.yaml")
# "mysql -proot is deprecated?" reads as a command with a password.
CHANGED = {
    "bXlzcWwgLXByb290IGlzIGRlcHJlY2F0ZWQ/IG5vOiB1c2UgbXlzcWwgLXUgcm9vdA=="
}
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
    # A quote behind the word "password" may be the closing one.
    "Column 'password' cannot be null",
    "KeyError: 'password' while rendering the config",
    "task 'Set root password' failed: non-zero return code: ERROR 2002 (HY000): no server",
    "BLOB column 'password' used in key specification without a key length",
    "unknown key 'password', did you mean 'user', or 'host'?",
    'unknown argument "password" of create_user, did you mean "passwd"?',
    "expected token 'end of print statement', got ':'",
    'secret "etcd-certs" not found',
    # Names that hold what is said about a secret.
    "max_tokens=4096, model=x",
    "token_ttl: 300",
    "tokenExpiration=3600",
    "password_file=/etc/trove/password",
    "secret_ref: http://barbican.example.org/v1/secrets/0a1b2c3d-4e5f-6789-abcd-ef0123456789",
    # Services and paths that are named like a secret.
    "Could not reach token-service",
    "Could not reach token-service: timed out",
    "host secret-vault: no route",
    "unable to find a keyring on /etc/ceph/ceph.client.cinder.keyring: (2) No such file",
    '  File "/opt/secret-manager/app/keyring/main.py", line 3, in get_token',
    # Numbers that count.
    "process ended with sig=9",
    "pass=2 of 3",
    "passwords=3 tokens=5",
    "libvirt cookie: 12",
    # What the configuration of a switch or a target looks like.
    "user admin password expired 3 days ago",
    "user root password authentication is disabled",
    "username cinder secret store unreachable",
    "enable secret rotation in barbican.conf",
    "snmp-server community is not set on switch sw1",
    "cinder-rtstool create failed: target already exists",
    "CHAP authentication failed for initiator iqn.1993-08.org.debian:01:abc",
    "password for user trove: authentication failed",
    "password set to expire in 30 days",
    '{"payload": "hello", "content_type": "text/plain"}',
    '{"token": {"expires_at": "2026-01-01T00:00:00Z", "methods": ["password"]}}',
    "-object secret,id=masterKey0,format=raw,file=/var/lib/libvirt/master-key.aes",
    "Invalid input for field/attribute flavorRef. Value: 42. '42' is too short",
    # Source code in a traceback.
    "    password = kwargs['password']",
    "requests.get(url, auth=('admin', password))",
    "simple_bind_s('cn=admin,dc=x', password)",
    "    token = CONF.keystone_authtoken.memcache",
    "items.map(token => fetch(token))",
    "session.xenapi.login_with_password(user, password)",
    "KeyError: instance['adminPass']: not found",
    "Fernet key must be 32 url-safe base64-encoded bytes",
    'the ticket = "OPS-1234" is closed',
    "payload={'instance_id': 1} is refused",
    # Where a secret of its kind would be.
    "Expected -----BEGIN RSA PRIVATE KEY----- header in file /etc/x but found nothing",
    "-----BEGIN PRIVATE KEY----- not found in /etc/kubernetes/pki/etcd/apiserver/client",
    "['ceph', '--keyring', '/etc/ceph/ceph.client.cinder.keyring', '--id', 'cinder']",
    "ssh --private-key /home/ops/.ssh/id_rsa u@h",
    "['cmd', '--ask-password', '-v', '--token', '--verbose', 'x']",
    "PWD=/root/work",
    "pwd: /root: Permission denied",
    "PASS: test_boot",
    "vault login failed: permission denied",
    "htpasswd -b needs a file",
    "env password not set",
    "ACL SETUSER bob on ~* > /dev/null",
    "server.login('bob', password)",
    "unexpected token: identifier_expected_12 here",
    "Temporary password for bob: not set",
    '<property name="password.length" value="12"/>',
    '<param name="tokenType" value="bearer"/>',
    '<button name="password">Reset</button>',
    "│ token │ none │",
    "recovery key: missing",
    "password                is required",
    "key-value-store-2 and dp.pt.x",
    "http://h1:9200,h2:9200,u@h3/x",
    "rman target / catalog x",
    "xfreerdp /p: missing",
    "mysqlsh root@db1 failed",
    "aws configure set region eu-1",
    # Commands that set, or would take, something else.
    "crudini --set /etc/x.conf DEFAULT debug true",
    "crudini --set /etc/x.conf DEFAULT my_password",
    "crudini --get /etc/x.conf DEFAULT my_password",
    "['redis-cli', 'CONFIG', 'SET', 'maxmemory', '1gb']",
    "redis-cli AUTH failed: WRONGPASS invalid username-password pair",
    "redis-cli CONFIG GET requirepass",
    "requirepass directive missing",
    "fence_ipmilan -a h -l u -P -o status",
    "fence_ipmilan -a h: -p is required",
    "sentinel auth-pass mymaster is not set",
    "ldapsearch -x -b dc=example -s base uid=bob",
    "ldapsearch -W -D cn=admin -H ldap://h",
    "ipmitool user set name 2 bob",
    "ipmitool -H h -U u chassis power status",
    "curl -sSL -o /tmp/x http://h:80/x?a=b",
    "curl -b /tmp/jar -X PUT http://h/x",
    "curl --unix-socket /run/x.sock http://h:80/",
    "curl -s --url http://h:80/",
    "openssl passwd -6 -salt ab",
    "echo root | chpasswd",
    # Escaped texts that hold no secret.
    "can&#39;t connect: &quot;password&quot; is required",
    "Column &#39;password&#39; cannot be null",
    "http://h/v3/users?name%3Dbob%26domain=x&q=%22a+b%22",
    "http://h/v1/a%3Ab%40c/token%20of%20bob",
    "KeyError: \\u0027password\\u0027 while rendering the config",
    # Statements without a value, and with other columns.
    'cursor.execute("INSERT INTO users (name, password) VALUES (%s, %s)", ("x", 1))',
    "INSERT INTO u (id, password) SELECT id, password FROM old WHERE name='x'",
    "INSERT INTO u (id, name) VALUES (1, 'x')",
    "replace foo (password) with 'x'",
    "[SQL: SELECT a FROM b WHERE c = %s]\n[parameters: ('x',)]",
    "[SQL: UPDATE users SET password=NULL]\n[parameters: ()]",
    "UPDATE u SET password='', name='b' WHERE x=''",
    "{'password':''}, {'a':''}",
    "identified by the driver, replace it",
]
FORMS = [
    "password={}",
    "password='{}'",
    "{{'user': 'u', 'db_password': '{}', 'n': 1}}",
    '{{"adminPass": "{}", "n": 1}}',
    '{{"a": "{{\\"password\\": \\"{}\\", \\"z\\": 1}}"}}',
    "a: 1\npassword: {}\nb: 2",
    "[x]\npassword = {}\ny = 1",
    "mysql+pymysql://u:{}@host/db",
    "cmd --password {} --x",
    "['cmd', '--password', '{}', '--x']",
    "mysql -uroot -p{} db",
    "['mysql', '-uroot', '-p{}', 'db']",
    "X-Auth-Token: {}\nAccept: */*",
    "{{'X-Auth-Token': '{}', 'Accept': '*/*'}}",
    "ALTER USER 'u'@'h' IDENTIFIED BY '{}'",
    "<password>{}</password>",
    "| adminPass | {} |",
    "curl -u admin:{} http://h",
    "host=h password={} dbname=d",
]
KEY_OF_FERNET = "S3cr3tQ1w2E5y6U7i8O9p0AsDfGhJkLzXcVbNmqRtY4="
# What only its place tells from other words.
WORDS = [
    "machine git.example.org login bob password {}",
    "password -> {}",
    "the token -> {}",
    "{{password: {}, user: u}}",
    "- password: {} # of the demo",
    "a\\npassword: {}",
]
MORE_SECRETS = [
    # Storage: CHAP, targets, LUKS, libvirt, Ceph.
    "'provider_auth': 'CHAP user1 S3cr3t'",
    "CHAP 3xBzLk9Qpe S3cr3tS3cr3t is not accepted",
    "incominguser user1 S3cr3t",
    "['cinder-rtstool', 'create', '/dev/vg/v', 'iqn.2010-10.org.x:v', 'u', 'S3cr3t', 'False']",
    "cinder-rtstool add-initiator iqn.2010-10.org.x:v u S3cr3t iqn.2004.x",
    "['qemu-img', 'create', '--object', 'secret,id=s0,data=S3cr3t', '-f', 'luks']",
    "virsh secret-set-value 457eb676-33da-42ec-9a8c-9293d545c337 S3cr3t",
    "virsh secret-set-value --secret 457eb676 --base64 S3cr3t",
    "rbd --id u --key S3cr3t= ls",
    "echo S3cr3t | cryptsetup luksFormat /dev/sda -",
    'vmware_soap_session="S3cr3t"; Path=/',
    "swift_hash_path_suffix = S3cr3t",
    "snmp_priv_key=S3cr3t",
    # Keystone, LDAP, Barbican, clients of HTTP.
    '{"access": {"token": {"id": "S3cr3t0123456789"}}}',
    "{'token': {'id': 'S3cr3t0123456789'}}",
    "ldap.simple_bind_s('cn=admin,dc=x', 'S3cr3t')",
    "userPassword: {SSHA}S3cr3tabcdef",
    '{"payload": "S3cr3t", "payload_content_type": "text/plain"}',
    "requests.get('https://h', auth=('admin', 'S3cr3t'))",
    "HTTPBasicAuth('admin', 'S3cr3t')",
    "Invalid input for field/attribute adminPass. Value: S3cr3t. 'S3cr3t' is too long",
    # Networks: keepalived, HAProxy, IPsec, switches.
    "authentication {\n auth_type PASS\n auth_pass S3cr3t\n}",
    "  stats auth admin:S3cr3t",
    '1.2.3.4 5.6.7.8 : PSK "S3cr3t"',
    "enable secret S3cr3t",
    "username admin privilege 15 secret 5 S3cr3t",
    "neighbor 1.2.3.4 password S3cr3t",
    "snmp-server community S3cr3t RO",
    # Commands.
    "SSHPASS=S3cr3t sshpass -e ssh u@h",
    "etcdctl --user root:S3cr3t get x",
    "openssl passwd -6 S3cr3t",
    "openssl passwd -6 -salt ab S3cr3t",
    "['openssl', 'passwd', '-1', '-salt', 'ab', 'S3cr3t']",
    "ldapsearch -x -wS3cr3t -D y",
    "ldapmodify -xw S3cr3t -D y",
    "['ldapadd', '-xwS3cr3t', '-D', 'y']",
    "ldappasswd -x -w S3cr3t -a S3cr3t1 -s S3cr3t2 y",
    "ldappasswd -xaS3cr3t -sS3cr3t y",
    "ipmitool -I lanplus -H h -P S3cr3t user set password 2 S3cr3t",
    "['ipmitool', '-H', 'h', 'user', 'set', 'password', '2', 'S3cr3t', '20']",
    "ipmitool -H h user test 2 16 S3cr3t",
    "ipmitool -H h -k S3cr3t chassis status",
    "curl -sku a:S3cr3t http://h",
    "['curl', '-fsSLu', 'a:S3cr3t', 'http://h']",
    "curl -b 'session=S3cr3t; other=S3cr3t' http://h",
    "curl -sb session=S3cr3t http://h",
    "['curl', '--cookie', 'sid=S3cr3t', 'http://h']",
    "echo root:S3cr3t | /usr/sbin/chpasswd",
    "echo root:S3cr3t | sudo -n /usr/sbin/chpasswd -e",
    "echo S3cr3t | /usr/bin/passwd root --stdin",
    "racadm -r h -u root -p S3cr3t getsysinfo",
    "7z a -pS3cr3t x.7z f",
    "net user Administrator S3cr3t /add",
    "echo 'S3cr3t' | su - root",
    "echo S3cr3t | kinit admin",
    "<AdministratorPassword><Value>S3cr3t</Value></AdministratorPassword>",
    "DB password set to S3cr3t",
    # What is left alone for its shape, with a secret that has almost that shape.
    "password='$S3cr3t1'",
    "password = :S3cr3tS3cr3t",
    "access_tokens: 9S3cr3t084c7d659a2feaa0c55ad015",
    "approle_secret_id = S3cr3t00-4e5f-6789-abcd-ef0123456789",
    # Brackets within a secret.
    "[x]\npassword = a1]S3cr3t\ny = 1",
    "admin_password = a1[S3cr3t",
    "  rabbit_password: a1;{S3cr3t}",
    "['cmd', '--password=a1]S3cr3t', '--x']",
    "['docker', 'run', '-e', 'DB_PASSWORD=a1;S3cr3t', 'mysql']",
    "['mysql', '-uroot', '-pa1;S3cr3t', 'db']",
    "password for root: S3cr3t",
    "postgresql://u:S3cr3t@h1,h2:5432/db",
    "https://u:S3cr3t@h/x?y=a@b",
    "mongodb://u:S3cr3t@a,v:S3cr3t@b/db",
    "Proxy-Authorization: Basic UzNjS3cr3t0OlMzY3IzdA==",
    "curl -s -u admin:S3cr3t https://h/",
    "mysqldump -h db -uroot -pS3cr3t app",
    "mysql -uroot -p'S3cr3t' -e 'show slave status'",
    "mysqladmin -u root password S3cr3t",
    "sshpass -p S3cr3t ssh host",
    "sshpass -p 'S3cr3t x' ssh host",
    '{\\"auth\\": {\\"password\\": \\"S3cr3t\\"}}',
    "{'connection_info': {'auth_password': 'S3cr3t', 'a': 1}}",
    "ALTER USER 'u'@'%' IDENTIFIED WITH mysql_native_password BY 'S3cr3t'",
    "ALTER USER 'u'@'%' IDENTIFIED BY 'a\\'S3cr3t'",
    "SET PASSWORD FOR 'u'@'%' = PASSWORD('S3cr3t')",
    "CREATE LOGIN x WITH PASSWORD = N'S3cr3t'",
    "ALTER ROLE x PASSWORD $x$S3cr3t$x$",
    "INSERT INTO users (name, password) VALUES ('u', 'S3cr3t')",
    "PGPASSWORD=S3cr3t psql",
    "  rabbit_password: S3cr3t",
    "password:   S3cr3t    # the old one",
    "password: S3cr3t and more",
    "--os-auth-token S3cr3t-token",
    "AKIAIOSFODNS3CR3TXAM is disabled",
    "MYSQL_ROOT_PASS=S3cr3t",
    "taskmanager_rpc_encr_key = S3cr3t",
    "wsrep_sst_auth=sst:S3cr3t",
    '{"pass": "S3cr3t"}',
    "        key = AQBSdFhcS3cr3tBAAcm9vdHRoaXNpc25vdGE12==",
    "key = AgAgS3cr3t" + "b" * 49 + "=",
    "Bearer S3cr3t-opaque",
    "Basic UzNjcjS3cr3tzY3IzdA==",
    "connecting as trove:S3cr3t@10.0.0.1:5672",
    "db.example.org:5432:app:trove:S3cr3t",
    "https://x.blob.core.windows.net/c?sv=1&sig=S3cr3t",
    "<adminPassword>S3cr3t</adminPassword>",
    '<n:password xmlns:n="x" type="a">S3cr3t</n:password>',
    "<adminPass><![CDATA[S3cr3t]]></adminPass>",
    "<user password='S3cr3t' name='x'/>",
    "&quot;password&quot;: &quot;S3cr3t&quot;",
    "&lt;password&gt;S3cr3t&lt;/password&gt;",
    "user%3Du%26password%3DS3cr3t%26x%3D1",
    "Command '['mysql', '-u', 'root', '-pS3cr3t']' returned non-zero exit status 1.",
    'cmd=("curl", "-u", "admin:S3cr3t", "https://h")',
    "('iscsiadm', '-n', 'node.session.auth.password', '-v', 'S3cr3t')",
    "[('X-Auth-Token', 'S3cr3t'), ('Accept', '*/*')]",
    '[{"name": "DB_PASSWORD", "value": "S3cr3t"}]',
    '[{"value": "S3cr3t", "name": "DB_PASSWORD"}]',
    '[{"Value": "S3cr3t", "Option": "DB_PASSWORD"}]',
    '[{"key": "DB_PASSWORD", "val": "S3cr3t"}]',
    '[{"name": "DB_PASSWORD", "value": ["a", "S3cr3t"]}]',
    '{"passwords": ["S3cr3t", "x"]}',
    '{"password": {"value": "S3cr3t"}}',
    '{\n  "password":\n    "S3cr3t"\n}',
    "chpasswd:\n  list: |\n    root:S3cr3t\n    ubuntu:S3cr3t\n  expire: false",
    "chpasswd:\n  list:\n    - root:S3cr3t\n",
    "chpasswd <<EOF\nroot:S3cr3t\nEOF",
    "| adminPass | S3cr3t |",
    "github_pat_11AAAAAAA0S3cr3t_aaaaaaaaaaaaaaaa",
    "glrt-S3cr3tabcdefghijkl",
    "hf_S3cr3tabcdefghijklmnop",
    "AIzaS3cr3tabcdefghijklmnop",
    "https://hooks.slack.com/services/T0/B0/S3cr3tabcdefgh",
    '{"auths": {"r.example.org": {"auth": "dXNlS3cr3tA="}}}',
    "    client-key-data: LS0tLS1CRUdJTiBSU0EgUFJJVkFURSS3cr3t",
    "Passwort: S3cr3t",
    "mot de passe : S3cr3t",
    "пароль: S3cr3t",
    "パスワード：S3cr3t",  # noqa: RUF001 a colon of full width
    "login with password S3cr3tX9 failed",
    "the password is S3cr3tX9",
    "root:$6$saltsalt$S3cr3tabcdefgh:19000:0:99999:7:::",
    'Authorization: Digest username="u", realm="r", response="S3cr3t"',
    # What no other rule than one hides.
    "tls.key LS0tLS1CRUdJTiBSU0EgUFJJVkFURSS3cr3tAbcd",
    "jdbc:oracle:thin:scott/S3cr3t@//db:1521/x",
    "{'Authorization': 'S3cr3t opaque', 'a': 1}",
    "X-Auth-Token: a b S3cr3t",
    "got gAAAAABmS3cr3t" + "aB3_" * 30,
    "got eyJhbGciOiJIUzI1NiJ9.eyJS3cr3tzdWIiOiJhIn0.c2lnbmF0dXJl",
    "got s.S3cr3tabcdefghijklmnopqr",
    "kubeadm join h:6443 with s3cr3t.0123456789abcdef",
    "- name: DB_PASSWORD\n  value: S3cr3t",
    "- value: S3cr3t\n  name: DB_PASSWORD\n",
    "iscsiadm --op update --name node.session.auth.password --value S3cr3t",
    "admin_pass =\n    S3cr3t",
    "set_admin_password('S3cr3t')",
    "<name>db_password</name><value>S3cr3t</value>",
    "snmpget -v3 -A one -X S3cr3t h",
    "smbclient -U u%S3cr3t //h/x",
    "mysqladmin -u root password 'a S3cr3t'",
    "kubectl create secret generic x --from-literal=a=S3cr3t",
    "ALTER ROLE x WITH PASSWORD 'a, S3cr3t'",
    "SELECT PASSWORD('S3cr3t')",
    "ALTER ROLE x PASSWORD $$a, S3cr3t$$",
    # Hypervisors, Barbican, ODBC, and names in brackets or behind other arrows.
    "session.xenapi.login_with_password('root', 'S3cr3t', '1.0', 'nova')",
    "login_with_password(root, S3cr3t)",
    "method='session.login_with_password' params=('root', 'S3cr3t')",
    "AcquireCloneTicket gave cst-VCT-S3cr3t12-4d5e-6f70-8192--tp-5C-1A-2B",
    '(VirtualMachineTicket){ ticket = "S3cr3tS3cr3tS3cr3t" }',
    '{"payload_content_type": "text/plain", "payload": "S3cr3t"}',
    "barbican.secrets.create(name='k', payload='S3cr3t')",
    f"fernet_keys = ['{KEY_OF_FERNET}', '{KEY_OF_FERNET}']",
    f"MultiFernet([Fernet(b'{KEY_OF_FERNET}'), Fernet(b'{KEY_OF_FERNET}')])",
    "DSN=x;PWD={a;S3cr3t};DB=y",
    "instance['adminPass']: S3cr3t",
    "admin_password=> S3cr3t",
    # A key in a block of YAML, of which the end is cut off.
    "k: |\n      -----BEGIN EC PRIVATE KEY-----\n      MHcCAQEEIAxS3cr3tabcdefghijklmnopq\n",
    # Arguments in quotes, with blanks, quotes and dashes in them.
    "['cmd', '--password', 'a1 S3cr3t zz', '--x']",
    "['cmd', '--password', '-x9S3cr3t', '--x']",
    "['cmd', '--password', \"it's S3cr3t\", '--x']",
    '["cmd", "--password", "a1\\"S3cr3t", "--x"]',
    "['cmd', '--db-password=a1 S3cr3t', '--x']",
    "cmd --password 'a1 S3cr3t' --x",
    # URLs.
    "postgresql://u:a@S3cr3t@h1:5432/db",
    "postgresql://u:a,S3cr3t@h1:5432/db",
    "https://AWS:" + "S3cr3t" * 300 + "@1.dkr.ecr.example.org/v2/",
    "rabbit://u:x@h1:5672,h2:5672,v:S3cr3t@h3//",
    # Tokens by their prefixes.
    "got glrtr-S3cr3tabcdefghijkl",
    "got GOCSPX-S3cr3tabcdefghijklmnop",
    "got NRAK-S3CR3TS3cr3tABCDEFGHIJKLM",
    "got sntrys_S3cr3tabcdefghijklmnop",
    "got PMAK-S3cr3tabcdefghijklmnop",
    "got pscale_tkn_S3cr3tabcdefghijklmnop",
    "got HRKU-S3cr3tabcdefghijklmnop",
    "got AKCpS3cr3tabcdefghijklmnop",
    "got dp.pt.S3cr3tabcdefghijklmnop",
    "got AGE-SECRET-KEY-1S3cr3tABCDEFGHIJKLMNOP",
    "got abcdefghijklm1.atlasv1.S3cr3tabcdefghijklmnop",
    # Names.
    "hmac_keys = S3cr3t",
    "Ocp-Apim-Subscription-Key: S3cr3t",
    "Unseal Key 1: S3cr3tabc=",
    "rootpw S3cr3t1x",
    "masterauth S3cr3t1x",
    # Prose.
    "password            S3cr3t1x",
    "A temporary password is generated for root@localhost: S3cr3t",
    "password for admin was set to S3cr3t1x",
    "Invalid token: S3cr3t0123456789abcdef",
    "Incorrect API key provided: S3cr3t0123456789",
    "Settings(secret_key=SecretStr('S3cr3t'))",
    # Markup and tables.
    '<property name="db.password" value="S3cr3t"/>',
    '<add key="DbPassword" type="x" value="S3cr3t" />',
    '<property name="db.password">S3cr3t</property>',
    "<secret usage='x'><value>S3cr3t</value></secret>",
    "│ token │ S3cr3t │",
    # Commands.
    "7z x -p'S3cr3t' out.7z",
    "couchbase-cli server-list -u A -p S3cr3t",
    "impdp system/S3cr3t@orcl dumpfile=x",
    "rman target sys/S3cr3t@orcl",
    "htpasswd -b /etc/htp admin S3cr3t",
    "htpasswd -nb admin S3cr3t",
    "xfreerdp /u:adm /p:S3cr3t /v:h",
    "winrs -r:h -u:adm -p:S3cr3t cmd",
    "mysqlsh root:S3cr3t@db1",
    "ENV DB_PASS S3cr3t",
    "aws configure set aws_secret_access_key S3cr3t",
    "vault login S3cr3t",
    "ACL SETUSER app on >S3cr3t ~* +@all",
    "server.login('bob', 'S3cr3t')",
    # A name with a prefix and its value as two arguments.
    "crudini --set /etc/x.conf database my_password S3cr3t",
    "crudini --set --existing /etc/x.conf DEFAULT transport_token 'S3cr3t x'",
    "['crudini', '--set', '/etc/x.conf', '', 'my_password', 'S3cr3t']",
    "openstack-config --set /etc/nova/nova.conf neutron admin_password S3cr3t",
    "git config --global user.my_password S3cr3t",
    "augtool set /files/etc/x/password S3cr3t",
    # Redis, whose settings are two arguments as well.
    "redis-cli CONFIG SET tls-key-file-pass S3cr3t",
    "redis-cli -h h -p 6379 CONFIG SET maxmemory 1gb primaryauth S3cr3t",
    "redis-cli CONFIG SET requirepass S3cr3t masterauth S3cr3t",
    "['redis-cli', 'CONFIG', 'SET', 'masterauth', 'S3cr3t']",
    '["valkey-cli", "-h", "h", "CONFIG", "SET", "requirepass", "a1 S3cr3t"]',
    "['redis-cli', 'SENTINEL', 'SET', 'mymaster', 'auth-pass', 'S3cr3t']",
    "SENTINEL SET mymaster auth-pass S3cr3t",
    "sentinel auth-pass mymaster S3cr3t",
    "['redis-cli', 'AUTH', 'S3cr3t']",
    "redis-cli AUTH default S3cr3t",
    "['redis-cli', 'ACL', 'SETUSER', 'app', 'on', '>S3cr3t', '~*']",
    "user default on >S3cr3t ~* +@all",
    # Fence agents and tools of a BMC.
    "fence_ipmilan -a host -l user -p S3cr3t -o status",
    "fence_ipmilan -a host -l user -p=S3cr3t -o status",
    "fence_ipmilan -P -a host -l user -pS3cr3t",
    "['fence_apc', '-a', 'h', '-l', 'u', '-p', 'S3cr3t']",
    "['fence_ipmilan', '-a', 'h', '-l', 'u', '-p=a1;S3cr3t']",
    "['fence_ipmilan', '-a', 'h', '-l', 'u', '-pa1;S3cr3t']",
    "ipmipower -h h -u u -p S3cr3t --stat",
    "xe -s h -u root -pw S3cr3t vm-list",
    # What is escaped for HTML, JavaScript or a URL, or only its signs.
    "IDENTIFIED BY &#39;a S3cr3t&#39;",
    "CREATE USER &#x27;u&#x27;@&#x27;%&#x27; IDENTIFIED BY &#x27;a&amp;S3cr3t&#x27;",
    "IDENTIFIED BY &quot;S3cr3t&quot;",
    "IDENTIFIED BY &apos;S3cr3t&apos;",
    "IDENTIFIED BY &amp;#039;S3cr3t&amp;#039;",
    "IDENTIFIED BY \\u0027S3cr3t\\u0027",
    "SET PASSWORD FOR &#39;u&#39;@&#39;%&#39; = PASSWORD(&#39;S3cr3t&#39;)",
    "ALTER ROLE x PASSWORD &#39;S3cr3t&#39;",
    "INSERT INTO users (name, password) VALUES (&#39;u&#39;, &#39;S3cr3t&#39;)",
    "&quot;password&quot;: &quot;a S3cr3t&quot;",
    "{\\u0022password\\u0022:\\u0022S3cr3t\\u0022}",
    "[&#39;mysql&#39;, &#39;-pS3cr3t&#39;]",
    "[&#39;cmd&#39;, &#39;--password&#39;, &#39;S3cr3t&#39;]",
    "password%3D%27a%20S3cr3t%27",
    "%22password%22%3A%22a%20S3cr3t%22",
    "%22password%22:%22S3cr3t%22",
    "%7B%27password%27%3A+%27S3cr3t%27%7D",
    "password%253DS3cr3t",
    "%2522password%2522%253A%2522S3cr3t%2522",
    "IDENTIFIED+BY+%27S3cr3t%27",
    "user%5Bpassword%5D=S3cr3t",
    "password =&gt; S3cr3t",
    "password&#61;S3cr3t",
    "password&colon; S3cr3t",
    "password&#x3a; S3cr3t",
    "&amp;lt;password&amp;gt;S3cr3t&amp;lt;/password&amp;gt;",
    "http%3A//bob%3AS3cr3t%40host/x",
    "next=http%253A%252F%252Fbob%253AS3cr3t%2540host%252Fx",
]  # fmt: skip


# What SQLAlchemy adds to the text of an error.
PARAMETERS = [
    ("{'p': 'a', 'x': 'S3cr3t', 'i': 1}", "{***}"),
    ("[{'p': 'a)]', 'i': [1, 2]}, {'p': 'S3cr3t'}]", "[{***}]"),
    ("('a', 'S3cr3t', 1)", "(***)"),
    ("[('a', 1)  ... displaying 2 of 9 ...  ('S3cr3t', 2)]", "[(***)]"),
    ("('it\\'s)]', \"a'b\", 'S3cr3t')", "(***)"),
]
STATEMENTS = [
    ("UPDATE users SET `password` = '{}' WHERE id=1", "***"),
    ("INSERT INTO users SET `name` = 'a', `password`='{}'", "***"),
    ("INSERT INTO u (name, password) VALUES ({}) ON x", "'a', 'b'), ('c', 'S3cr3t'"),
    ("INSERT INTO u (name, password) VALUES ({}); x", "1, NULL), ('c', 'S3cr3t'"),
    ("INSERT INTO u (name, password) VALUES ({}); x", "'a(b', 'c)', 'S3cr3t'"),
    ("INSERT INTO u (name, password) VALUES ({}); x", "'a''(b', 'S3cr3t'"),
    ("INSERT INTO u (name, password) VALUES ({}); x", "NOW(), 'S3cr3t'"),
    ("INSERT INTO u (name, password) VALUES ({}); x", "HEX(f(g(1), 'S3cr3t')), 2"),
    ("INSERT INTO u (name, password) VALUES ({}); x", "\n'a',\n'S3cr3t'\n"),
    ("INSERT INTO u (name, password) VALUES ({})', 'x'", "\\'a)\\', \\'S3cr3t\\'"),
    ("INSERT IGNORE INTO u (name, password) VALUES ({})", "'a', 'S3cr3t'"),
    ("INSERT OR REPLACE INTO u (name, password) VALUES ({})", "'a', 'S3cr3t'"),
    ("REPLACE INTO u(name,password) VALUES({})", "'a','S3cr3t'"),
    ("INSERT INTO u (name, password) VALUE ({})", "'a', 'S3cr3t'"),
    ("INSERT INTO u (name, password) SELECT {} FROM x WHERE y='z'", "'a', 'S3cr3t'"),
    ("INSERT INTO u (name, password) VALUES ({}\n[SQL: x]", "'a', 'S3cr3t' at line"),
    ("ALTER USER a IDENTIFIED BY '***' REPLACE '{}'", "S3cr3t"),
    ("ALTER USER a IDENTIFIED BY *** REPLACE {}", "S3cr3t"),
    ("SET PASSWORD FOR a = '***' REPLACE '{}' RETAIN x", "S3cr3t"),
    ("EXECUTE 'ALTER USER a PASSWORD \'\'{}\'\''; x", "S3cr3t"),
    ("EXECUTE 'ALTER USER a IDENTIFIED BY \'\'{}\'\''; x", "a S3cr3t"),
    ("EXECUTE 'UPDATE u SET password=\'\'{}\'\' WHERE n=\'\'x\'\''", "a S3cr3t"),
    ("UPDATE u SET password = '{}', name = 'x'", "a''S3cr3t"),
    ("ALTER USER a IDENTIFIED BY '{}' x", "a''S3cr3t"),
    ("ALTER ROLE a PASSWORD '{}' x", "a''S3cr3t"),
]  # fmt: skip


def decoded(text):
    return base64.b64decode(text).decode()


@pytest.mark.parametrize("case", SECRETS, ids=lambda case: case["name"])
def test_a_secret_of_the_corpora_is_hidden(case):
    masked = masking.mask(decoded(case["text_b64"]))

    assert decoded(case["secret_b64"]) not in masked
    assert masking.mask(masked) == masked


@pytest.mark.parametrize("text", MORE_SECRETS)
def test_a_secret_of_a_kind_is_hidden(text):
    masked = masking.mask(f"before\n{text}\nafter")

    assert "s3cr3t" not in masked.lower()
    assert masked.startswith("before\n")
    assert masked.endswith("\nafter")
    assert masking.mask(masked) == masked


@pytest.mark.parametrize(("given", "masked"), PARAMETERS)
@pytest.mark.parametrize(
    "statement", ["SET password=%s", "SET\n`password` = :p"]
)
def test_each_parameter_of_a_statement_about_a_secret_is_hidden(
    statement, given, masked
):
    text = f"[SQL: UPDATE users {statement}]\n[parameters: {{}}]\n(Background)"

    assert masking.mask(text.format(given)) == text.format(masked)
    assert masking.mask(text.format(masked)) == text.format(masked)


@pytest.mark.parametrize(("text", "secret"), STATEMENTS)
def test_a_statement_stays_around_its_secrets(text, secret):
    masked = masking.mask(text.format(secret))

    assert masked == text.format("***")
    assert masking.mask(masked) == masked


@pytest.mark.parametrize("text", WORDS)
def test_a_word_is_hidden_where_only_a_secret_stands(text):
    assert masking.mask(text.format("swordfish")) == text.format("***")


RECORDED = {
    text for corpus in CORPORA for text in corpus["harmless_b64"]
} - CHANGED


@pytest.mark.parametrize("text", [*map(decoded, sorted(RECORDED)), *HARMLESS])
def test_a_harmless_text_is_not_changed(text):
    assert masking.mask(text) == text


def test_nothing_that_oslo_masks_is_passed_over():
    for key in strutils._SANITIZE_KEYS:
        text = f"{{'{key}': 'S3cr3t', 'last': 'value'}}"
        assert masking.mask(text) == f"{{'{key}': '***', 'last': 'value'}}"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (
            "it&#39;s &lt;b&gt; BY &#x27;x&#x27; IDENTIFIED BY &apos;S3cr3t&apos;, &#39;y&#39;",
            "it&#39;s &lt;b&gt; BY &#x27;x&#x27; IDENTIFIED BY &apos;***&apos;, &#39;y&#39;",
        ),
        (
            "/a%2Fb?q=%7B%22password%22%3A%22S3cr3t%22%2C%22n%22%3A1%7D&x=1",
            "/a%2Fb?q=%7B%22password%22%3A%22***%22%2C%22n%22%3A1%7D&x=1",
        ),
        (
            '{"a": "IDENTIFIED BY &quot;S3cr3t", "b": "x&quot;"}',
            '{"a": "IDENTIFIED BY &quot;***", "b": "x&quot;"}',
        ),
    ],
)
def test_what_is_escaped_stays_escaped_around_a_secret(text, masked):
    assert masking.mask(text) == masked


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize(
    "text",
    [
        'mysql -u root -p"a S3cr3t" db',
        'sshpass -p "S3cr3t" ssh host',
        'curl -u "bob:S3cr3t" http://host/',
        "mysql -u root -p'S3cr3t' db",
        '--password="S3cr3t" --user="bob"',
        'with password "S3cr3t"',
        'CREATE USER "bob" IDENTIFIED BY "S3cr3t"',
        'export DB_PASSWORD="S3cr3t"; make "all"',
        '["mysql", "-pS3cr3t", "db"]',
    ],
)
def test_json_within_json_has_no_secret_and_stays_json(text, depth):
    for _ in range(depth):
        text = json.dumps({"cmd": text, "rc": 1})

    masked = masking.mask(text)

    assert "S3cr3t" not in masked
    for _ in range(depth):
        level = json.loads(masked)
        assert level["rc"] == 1
        masked = level["cmd"]


LABELS = ["пароль", "contraseña", "パスワード", "şifre", "비밀번호"]


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("label", LABELS)
def test_a_label_in_another_language_is_read_in_json(label, depth):
    value = {label: "S3cr3t", "said": f"é, {label}: S3cr3t"}
    hidden = {label: "***", "said": f"é, {label}: ***"}
    for _ in range(depth - 1):
        value = {"in": json.dumps(value), "é": 1}
        hidden = {"in": json.dumps(hidden), "é": 1}

    assert masking.mask(json.dumps(value)) == json.dumps(hidden)
    assert masking.mask(json.dumps(hidden)) == json.dumps(hidden)


def test_a_letter_that_is_two_in_lower_case_moves_no_secret():
    value = {"a": "İİ\n", "password": "S3cr3t", "b": "İİ\npassword: S3cr3t"}
    hidden = {"a": "İİ\n", "password": "***", "b": "İİ\npassword: ***"}

    assert masking.mask(json.dumps(value)) == json.dumps(hidden)


NAMES = st.sampled_from(["password", "a", "X-Auth-Token", "пароль"])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner),
)


@given(VALUES, st.sampled_from([None, 2]))
def test_json_stays_json_with_the_same_members(value, indent):
    masked = json.loads(
        masking.mask(json.dumps({"first": value, "last": 1}, indent=indent))
    )

    assert list(masked) == ["first", "last"]
    assert masked["last"] == 1


@pytest.mark.parametrize("case", SECRETS, ids=lambda case: case["name"])
def test_json_that_quotes_a_secret_stays_json(case):
    masked = masking.mask(
        json.dumps({"said": decoded(case["text_b64"]), "last": "value"})
    )

    assert json.loads(masked)["last"] == "value"


# What the rules look for, and what stands between.
LISTS = [
    rule["keywords"]
    for rule in RULES["rules"]
    if isinstance(rule["keywords"], list)
]
TOKENS = [
    *sorted(
        {
            keyword
            for keywords in [*LISTS, RULES["parts"]["key_words"]]
            for keyword in keywords
        }
    ),
    *" \t\n\\'\":=/@.-_|<>(){}[],;&%#a0A",
    *(
        "\\u00e9",
        "\\u5bc6\\u7801",
        "\\\\u00e9",
        "curl -",
        "ldapsearch -",
        "-w",
        "-b ",
    ),
    *("&#39;", "&amp;quot;", "&lt;", "%22", "%2527", "%3D", "+", "\\u0027"),
    *("\\n", '\\"', "-p ", "</", " : ", "|\n", "a" * 40, "A1" * 20),
    *("insert into t (password) ", "values (", "select ", "), (", "''"),
    *("[sql: password", "[parameters: (", "{'p': ", "identified by "),
]


@given(st.lists(st.sampled_from(TOKENS), max_size=30).map("".join))
def test_masking_twice_is_masking_once(text):
    masked = masking.mask(text)

    assert masking.mask(masked) == masked


@pytest.mark.parametrize(
    "text", ["://:/c@r@", "://signature:/2Zq8Xw(@", "$y$sig=:***}"]
)
def test_a_mask_that_makes_a_secret_of_what_follows_is_followed(text):
    masked = masking.mask(text)

    assert masked != text
    assert masking.mask(masked) == masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("amqp://a:S3cr3t@@h1/x", "amqp://a:***@h1/x"),
        ("amqp://a:S@b@h1,c:S@@h2/x", "amqp://a:***@h1,c:***@h2/x"),
        ("http://name@@host/x", "http://name@@host/x"),
    ],
)
def test_nothing_of_a_url_comes_twice(text, masked):
    assert masking.mask(text) == masked


@functools.cache
def masker_without_needs():
    book = masking_rules.make(RULES, {})
    rules = [dataclasses.replace(rule, needs=None) for rule in book.rules]
    return masking.Masker(dataclasses.replace(book, rules=rules))


@pytest.mark.parametrize("case", SECRETS, ids=lambda case: case["name"])
def test_what_rules_need_is_in_each_text_that_has_a_secret(case):
    text = decoded(case["text_b64"])

    assert masking.mask(text) == masker_without_needs().mask(text)


@given(st.lists(st.sampled_from(TOKENS), max_size=30).map("".join))
def test_what_rules_need_is_in_any_text_in_which_they_find_something(text):
    assert masking.mask(text) == masker_without_needs().mask(text)


def test_each_rule_of_the_package_can_be_used():
    """They are compiled when they are first needed."""
    for rule in masking_rules.make(RULES, {}).rules:
        assert rule.group <= rule.regex.pattern.groups, rule.id
        assert rule.needs is None or rule.needs.pattern, rule.id


def test_a_text_that_only_speaks_of_secrets_is_searched_by_few_rules():
    text = 'File "session.py", line 512, in get_token, with key_name and secret_id'
    lower = text.lower()
    tried = [
        rule
        for rule in masking_rules.make(RULES, {}).rules
        if any(keyword in lower for keyword in rule.keywords)
        and (rule.needs is None or rule.needs.pattern.search(lower))
    ]

    assert len(tried) <= 5, [rule.id for rule in tried]


def test_a_rule_may_need_what_the_mask_of_another_brings_about():
    early = masking_rules.Rule("early", frozenset("a"), Regex("a(b+)"))
    late = masking_rules.Rule(
        id="late",
        keywords=frozenset("a"),
        regex=Regex("c(d+)"),
        needs=Regex(r"\*c"),
    )
    rules = [late, early, late]
    book = masking_rules.RuleBook(rules, masking_rules.Exceptions())

    assert masking.Masker(book).mask("abbcdd") == "a***c***"


def seconds(text):
    begin = time.process_time()
    masking.mask(text)
    return time.process_time() - begin


@pytest.mark.parametrize("seed", range(10))
def test_masking_takes_time_in_proportion_to_the_text(seed):
    choose = random.Random(seed)
    for _ in range(12):
        unit = "".join(choose.choices(TOKENS, k=choose.randint(1, 5)))
        # Both texts have places where two pieces meet, which may look like a secret.
        piece = (unit * 2000)[:2000]
        for _attempt in range(5):  # one that nothing disturbs is enough
            growth = seconds(piece * 32) / max(seconds(piece * 4), 0.001)
            if growth < 24:  # 8 where it is linear, 64 where it is quadratic
                break
        else:
            pytest.fail(
                f"{unit!r}: eight times the text takes {growth:.0f} times as long"
            )


LINES = [
    "#cloud-config\nchpasswd:\n  list: |\n    root:{}\n",
    "- name: DB_PASSWORD\n  value: {}\n",
    "<key>password</key>\n<string>{}</string>\n",
    "machine db\nlogin u\npassword {}\n",
    "admin_password: >\n  {}\nport: 1\n",
]


@pytest.mark.parametrize("text", LINES)
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_secret_that_its_lines_tell_is_masked_in_a_string_too(text, depth):
    text = text.format("swordfish7X")
    for _ in range(depth):
        text = json.dumps({"said": text})

    masked = masking.mask(text)

    assert "swordfish7X" not in masked
    for _ in range(depth):
        masked = json.loads(masked)["said"]
    assert "***" in masked


@pytest.mark.parametrize("end", ["", ", ('swordfish7X', 2)"])
def test_the_parameters_of_several_rows_are_masked(end):
    text = (
        "[SQL: UPDATE users SET password=? WHERE id=?]\n"
        f"[parameters: [('swordfish7X', 1){end}]]"
    )

    assert "swordfish7X" not in masking.mask(text)


def test_what_is_escaped_often_is_not_masked_as_often():
    unit = "pw%3Dx%22<" * 1000
    for _attempt in range(5):  # one that nothing disturbs is enough
        deep = seconds('"' + "\\" * 4095 + f'"{unit}"')
        growth = deep / max(seconds(f'"{unit}"'), 0.001)
        if (
            growth < 8
        ):  # 20 and more where each level takes as long as the whole
            break
    else:
        pytest.fail(f"with backslashes it takes {growth:.0f} times as long")


@pytest.mark.parametrize("unit", [";token:a&{", ",pass:a("])
def test_members_without_a_blank_between_them_take_no_longer(unit):
    short = (unit * 10000)[:10000]
    for _attempt in range(5):  # one that nothing disturbs is enough
        growth = seconds(short * 8) / max(seconds(short), 0.001)
        if growth < 20:  # 8 where it is linear, 64 where it is quadratic
            break
    else:
        pytest.fail(f"eight times the text takes {growth:.0f} times as long")


@pytest.mark.parametrize("unit", ["otp=", "password=", "token=a"])
@pytest.mark.parametrize("end", ["(", "["])
def test_what_is_called_at_the_end_of_a_long_text_takes_no_longer(unit, end):
    short = (unit * 4000)[:4000]
    for _attempt in range(5):  # one that nothing disturbs is enough
        growth = seconds(short * 8 + end) / max(seconds(short + end), 0.001)
        if growth < 24:  # 8 where it is linear, 64 where it is quadratic
            break
    else:
        pytest.fail(f"eight times the text takes {growth:.0f} times as long")


@pytest.mark.parametrize(
    "make_finder", [masking.plain_finder, masking.fast_finder]
)
def test_both_ways_find_the_same_keywords(make_finder):
    find = make_finder({"pass", "password", "пароль", "://", "aa"})

    assert find("a password") == {"pass", "password"}
    assert find("пароль aaa") == {"пароль", "aa"}
    assert find("nothing") == set()
    assert find("half a pair \ud83d and a password") == {"pass", "password"}


def test_half_a_pair_of_surrogates_in_json_keeps_no_text_from_being_masked():
    text = r'{"stderr": "no space\n \ud83d password=hunter2-hunter2"}'

    assert masking.mask(text).count("hunter2") == 0


def test_masking_works_without_the_library_that_makes_it_fast(monkeypatch):
    monkeypatch.setattr(masking, "is_fast", lambda: False)

    slow = masking.build({})

    for case in SECRETS:
        text = decoded(case["text_b64"])
        assert slow.mask(text) == masking.mask(text)


def test_names_of_secrets_are_known():
    for name in (
        "password",
        "db_password",
        "OS_TOKEN",
        "adminPass",
        "X-Auth-Token",
        "p\u200bwd",
    ):
        assert masking.is_secret_name(name)
    for name in (
        "name",
        "token_type",
        "password_length",
        "secretary",
        "tokenizer",
        "status",
    ):
        assert not masking.is_secret_name(name)


def test_arguments_are_masked_by_what_stands_before_them():
    assert masking.mask_arguments(["mysql", "-pS3cr3t"]) == ["mysql", "-p***"]
    assert masking.mask_arguments(["x", "--password", "S3cr3t"]) == [
        "x",
        "--password",
        "***",
    ]
    assert masking.mask_arguments(["curl", "-u", "a:S3cr3t"]) == [
        "curl",
        "-u",
        "a:***",
    ]
    assert masking.mask_arguments(["ls", "-l"]) == ["ls", "-l"]
    assert masking.mask_arguments([]) == []


class TestAddedRules:
    def test_a_rule_hides_what_it_finds(self):
        rule = {
            "id": "badge",
            "regex": r"badge-(\d{6})",
            "keywords": ["badge-"],
        }
        masker = masking.build({"rules": [rule]})

        assert (
            masker.mask("badge-123456 and password=S3cr3t")
            == "badge-*** and password=***"
        )

    def test_a_group_may_be_named_as_the_secret(self):
        rule = {
            "id": "x",
            "regex": r"(?i)(BADGE)-(\d+)",
            "keywords": ["BADGE"],
            "secretGroup": 2,
        }
        masker = masking.build({"rules": [rule]})

        assert masker.mask("badge-1234") == "badge-***"

    @pytest.mark.parametrize(
        ("regex", "keyword", "text", "masked"),
        [
            (r"(?i)Ключ[ -](\w+)", "ключ", "Ключ-S3cr3t", "Ключ-***"),
            (r"(?i)Écl-(\w+)", "écl", "ÉCL-S3cr3t", "ÉCL-***"),
            (r"(?i)\x41bc-(\w+)", "abc-", "aBC-S3cr3t", "aBC-***"),
            (r"(?i)id[\x41-\x5a]=(\w+)", "id", "idx=S3cr3t", "idx=***"),
            (r"<header>(\w+)<", "header", "<header>X1<", "<header>***<"),
        ],
    )
    def test_a_regex_finds_what_it_says_however_it_is_written(
        self, regex, keyword, text, masked
    ):
        rule = {"id": "x", "regex": regex, "keywords": [keyword]}
        masker = masking.build({"rules": [rule]})

        assert masker.mask(text) == masked

    def test_the_number_of_a_group_may_be_written_with_a_point(self):
        rule = {
            "id": "x",
            "regex": r"(a)(b)",
            "keywords": ["ab"],
            "secretGroup": 2.0,
        }

        assert masking.build({"rules": [rule]}).mask("ab") == "a***"

    def test_what_two_matches_have_in_common_is_hidden_once(self):
        rule = {
            "id": "x",
            "regex": r"k=?(?=(\w{1,9}))",
            "keywords": ["k="],
            "secretGroup": 1,
        }
        masker = masking.build({"rules": [rule]})

        assert masker.mask("k=kS3cr3t k=kS3cr3t") == "k=*** k=***"

    def test_what_has_little_entropy_stays(self):
        rule = {
            "id": "x",
            "regex": r"id:(\w+)",
            "keywords": ["id:"],
            "entropy": 2.5,
        }
        masker = masking.build({"rules": [rule]})

        assert masker.mask("id:aaaaaaaa id:a8Kx92Lm") == "id:aaaaaaaa id:***"

    def test_exceptions_are_left_as_they_are(self):
        masker = masking.build(
            {
                "allowlists": [
                    {"regexes": ["^changeme$"]},
                    {"regexTarget": "match", "regexes": ["^token=demo-"]},
                    {"stopwords": ["Example"]},
                ]
            }
        )

        text = (
            "password=changeme token=demo-1 token=an-example-1 password=S3cr3t"
        )
        assert masker.mask(text) == text.replace("S3cr3t", "***")

    def test_a_rule_of_ours_can_be_switched_off(self):
        masker = masking.build({"extend": {"disabledRules": ["jwt"]}})
        token = "eyJhbGciOiJI.eyJzdWIiOiJh.c2lnbmF0dXJl"

        assert masker.mask(token) == token
        assert masking.mask(token) == "***"

    @pytest.mark.parametrize(
        ("added", "place"),
        [
            (
                {"rules": [{"id": "x", "regex": "(", "keywords": ["x"]}]},
                ("rules", 0, "regex"),
            ),
            (
                {
                    "rules": [
                        {
                            "id": "x",
                            "regex": "x",
                            "keywords": ["x"],
                            "secretGroup": 1,
                        }
                    ]
                },
                ("rules", 0, "secretGroup"),
            ),
            (
                {"extend": {"disabledRules": ["nope"]}},
                ("extend", "disabledRules", 0),
            ),
            (
                {"allowlists": [{"regexes": ["["]}]},
                ("allowlists", 0, "regexes", 0),
            ),
        ],
    )
    def test_what_cannot_be_used_is_named(self, added, place):
        with pytest.raises(masking_rules.RuleError) as caught:
            masking.build(added)

        assert caught.value.place == place


FILE = """
rules:
  - id: badge
    description: the badges of the company
    regex: badge-(\\d{6})
    keywords: [badge-]
allowlists:
  - description: the password of the documentation
    stopwords: [changeme]
"""


@pytest.fixture
def chosen(monkeypatch):
    """The choice of a process that has just begun."""
    monkeypatch.setattr(masking, "chosen", masking.Chosen())


@pytest.mark.usefixtures("chosen")
class TestAFileOfRules:
    def test_its_rules_and_exceptions_hold_in_the_whole_process(
        self, configure, tmp_path
    ):
        path = tmp_path / "rules.yaml"
        path.write_text(FILE)

        deploy(configure(masking_rules=str(path)))

        assert (
            masking.mask("badge-123456 pwd=changeme")
            == "badge-*** pwd=changeme"
        )
        assert masking.mask("pwd=S3cr3t") == "pwd=***"

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (
                "rules:\n- id: x\n  regex: (\n  keywords: [x]\n",
                ":3: rules[0].regex: not a reg",
            ),
            (
                "rules:\n- id: x\n  regex: x\n",
                ":2: rules[0]: 'keywords' is a required",
            ),
            ("rules:\n- id: x\n  regexp: x\n", ":3: rules[0].regexp: "),
            (
                "extend:\n  disabledRules: [nope]\n",
                ":2: extend.disabledRules[0]: there is no",
            ),
            ("rules: [\n", ": not YAML"),
            ("rules: &a [*a]\n", ":1: not YAML: rules[0] is an alias"),
            ("", ":1: the document is empty"),
        ],
    )
    def test_a_mistake_is_named_at_the_start(
        self, configure, tmp_path, text, said
    ):
        path = tmp_path / "rules.yaml"
        path.write_text(text)

        with pytest.raises(ConfigurationError) as caught:
            deploy(configure(masking_rules=str(path)))

        assert f"{path}" in str(caught.value)
        assert said in str(caught.value)
        assert masking.mask("pwd=S3cr3t") == "pwd=***"

    def test_a_file_that_is_not_there_is_named(self, configure, tmp_path):
        with pytest.raises(
            ConfigurationError, match=r"masking_rules: .*nowhere"
        ):
            deploy(configure(masking_rules=str(tmp_path / "nowhere")))

    def test_the_example_of_the_manual_does_what_the_manual_says(
        self, tmp_path
    ):
        _, example = blocks(MANUAL / "security.rst", "yaml")
        (tmp_path / "rules").write_text(example)
        masking_file.use(str(tmp_path / "rules"))

        assert masking.mask("badge-123456 pwd=changeme pwd=demo-1") == (
            "badge-*** pwd=changeme pwd=demo-1"
        )
        assert masking.mask("/x?code=a1b2c3d4e5") == "/x?code=a1b2c3d4e5"

    def test_a_process_has_one_file(self, tmp_path):
        for name in ("a", "b"):
            (tmp_path / name).write_text(FILE)
        masking_file.use(str(tmp_path / "a"))
        masking_file.use(str(tmp_path / "a"))

        with pytest.raises(
            ConfigurationError, match=r"this process has .*a already"
        ):
            masking_file.use(str(tmp_path / "b"))


@pytest.mark.parametrize("form", FORMS)
def test_no_password_of_letters_and_digits_is_taken_for_something_else(form):
    source = random.Random(5)
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    for begin in ("", "v2", "v1", "tokens", "None", "a"):
        for _ in range(30):
            password = f"{begin}7{''.join(source.choices(letters, k=10))}x"
            assert password not in masking.mask(form.format(password))

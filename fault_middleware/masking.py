# SPDX-License-Identifier: Apache-2.0
"""Secrets in texts, by the shapes that they have in logs, tracebacks and command lines.

A second line: the first is that only administrators see details.  oslo.utils masks what its list
of keys names; these rules add the shapes that it does not know.  Each takes time linear in the
text: what repeats is bounded, or begins only where a word does.
"""

import re

from oslo_utils import strutils

_MASK = "***"

# What a key that holds a secret has in its name. A match may begin in the middle of the key, so
# that nothing needs to be repeated before it: root_password, OS_TOKEN, [db]MYSQL_PWD.
_STEMS = (
    *("password", "passwd", "passphrase", "passcode", "pswd", "pwd", "adminpass", "admin_pass"),
    *("new_pass", "secret", "token", "cookie", "credential", "apikey", "api_key", "api-key"),
    *("accesskey", "access_key", "access-key", "private_key", "privatekey", "private-key"),
    *("encrypted_key", "encryption_key", "ssh_key", "sshkey", "auth_key", "authkey", "signature"),
    *("user_data", "userdata", "keyring", "account_key", "accountkey", "sig=", "pass"),
)
_STEM = (
    rf"(?:(?:{'|'.join(_STEMS[:-2])})[\w.-]{{0,32}}|(?<![a-z])(?:pass|sig)(?:phrase|[_-]?\d{{0,3}})"
    r"(?![a-z]))"
)
_QUOTE = r"\\{0,3}[\"']"
# Words that stand there in place of a secret, in prose or in code.
_PLACEHOLDER = r"(?!(?:None|null|true|false|yes|no|\*\*\*|%\(|%s|\{\})(?![\w-]))"
_UNQUOTED = rf"{_PLACEHOLDER}[^\s,;&'\"<>(){{}}\[\]\\]+"

# Substrings of which a text must have one (in lower case) for the rule to be tried, the rule, and
# what comes in its place.
_RULES = [
    (needles, re.compile(pattern, re.IGNORECASE | re.MULTILINE), f"{kept}{_MASK}")
    for needles, pattern, kept in (
        # Private keys, whole or cut off.
        (
            ("private key",),
            r"(-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----)(?:"
            r"(?:(?!-----(?:END|BEGIN))[^\0])*-----END[^-]{0,60}-----"
            r"|(?:(?:\\[rn]|\s){1,4}[A-Za-z0-9+/=:,-]{1,200})+)",
            r"\1",
        ),
        # A long name alone in a URL is a token.
        (("://",), r"(://)[\w-]{20,200}(?=@)", r"\1"),
        (
            ("authorization", "cookie", "token", "-key", "-secret"),
            r"((?<![\w-])(?:(?:proxy-)?authorization|(?:set-)?cookie"
            r"|x-[\w-]{0,30}(?:token|key|secret))"
            rf"(?:{_QUOTE})?[ ]?[:=](?!\s*\*\*\*)\s{{0,3}}(?:{_QUOTE})?)[^\r\n'\"]+",
            r"\1",
        ),
        # Tokens that need no key to be known: Fernet, JWT, those of clouds and forges.
        (("gaaaa",), r"\bgAAAA[\w-]{16,}={0,2}", ""),
        (("eyj",), r"\beyJ[\w-]{6,}\.[\w-]{6,}(?:\.[\w-]*)?", ""),
        (
            ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "glpat-", "xox", "sk_live_", "hvs."),
            r"\b(?:gh[pousr]_|glpat-|xox[abprs]-|sk_live_|hvs\.)[A-Za-z0-9_-]{16,}",
            "",
        ),
        (("akia", "asia"), r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}", ""),
        (("aq",), r"\bAQ[A-Za-z0-9+/]{36}==", ""),
        (("bearer ",), r"(\bBearer )[\w.~+/-]{8,}=*", r"\1"),
        (("basic ",), r"(\bBasic )(?=[A-Za-z0-9+/]{0,200}[0-9=])[A-Za-z0-9+/]{8,}={0,2}", r"\1"),
        # name:password@host outside of a URL, and a line of ~/.pgpass.
        (
            ("@",),
            r"((?<![\w/.@-])[\w.-]{1,32}:)[^\s:@/'\"]{1,64}(?=@(?:\d{1,3}\.){3}\d"
            r"|@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}[:/])",
            r"\1",
        ),
        (
            (":5432:", ":3306:", ":*:"),
            r"^([^\s:]{1,255}:(?:\d{2,5}|\*):[^\s:]{1,64}:[^\s:]{1,64}:)\S+$",
            r"\1",
        ),
        # key = 'value', "key": "value", also as JSON inside JSON, u'' and b''.
        (
            _STEMS,
            rf"({_STEM}(?:{_QUOTE})?\]?[ \t]{{0,3}}(?:=>|[:=])[ \t]{{0,3}}[ub]?(\\{{0,3}})([\"']))"
            r"(?:(?!\2\3)[^\r\n])*",
            r"\1",
        ),
        # key=value anywhere, key: value where a line or a member begins, as in YAML; prose says
        # more before the key.
        (_STEMS, rf"({_STEM}[ \t]{{0,3}}=[ \t]{{0,3}}){_UNQUOTED}", r"\1"),
        (
            _STEMS,
            rf"((?:^|[{{,;])[ \t]{{0,80}}(?:- )?(?=[\w.-]{{0,40}}?{_STEM})[\w.-]{{1,80}}"
            rf"[ \t]{{0,3}}:[ \t]{{0,3}})(?![|>'\"]){_UNQUOTED}[ \t]*(?=$|[}},;])",
            r"\1",
        ),
        (
            _STEMS,
            rf"(^[ \t]{{0,80}}(?=[\w.-]{{0,40}}?{_STEM})[\w.-]{{1,80}}:[ \t]{{0,3}}[|>][+-]?\n"
            r"[ \t]{1,80})[^\s][^\n]*",
            r"\1",
        ),
        (_STEMS, rf"({_STEM}>)[^<>\s][^<>]*(?=</)", r"\1"),
        # Command lines: --password x, ['-p', 'x'], mysql -px, curl -u name:x, name:x | chpasswd
        (
            _STEMS,
            rf"((?<![\w-])--?(?=[\w-]{{0,40}}?{_STEM})[\w-]{{1,60}}(?:{_QUOTE},)?[ \t]{{1,3}}"
            rf"(?:{_QUOTE})?)(?!-){_UNQUOTED}",
            r"\1",
        ),
        (("-p'", '-p"', "-p\\"), rf"((?<![\w-])-p{_QUOTE},\s{{0,3}}{_QUOTE})[^'\"]+", r"\1"),
        (
            (" -p",),
            r"(\b(?:mysql|mariadb|sshpass)[\w-]{0,12}\b[^\n|;]{0,200}? -p ?)" + _UNQUOTED,
            r"\1",
        ),
        (
            ("curl",),
            r"(\bcurl\b[^\n|;]{0,200}? (?:-u|--user) ?[\"']?[^\s:'\"]{1,64}:)[^\s'\"]+",
            r"\1",
        ),
        (
            ("chpasswd",),
            r"(\b[\w-]{1,32}:)[^\s:'\"|]{1,128}(?=[\"']?\s{0,3}\|\s{0,3}(?:sudo\s{1,3})?chpasswd)",
            r"\1",
        ),
        # SQL.
        (
            ("identified", "password"),
            r"(\b(?:IDENTIFIED\s{1,3}(?:WITH\s{1,3}\S{1,40}\s{1,3})?(?:BY|AS)"
            r"(?:\s{1,3}PASSWORD)?|PASSWORD)\s{0,3}\(?\s{0,3}\\{0,3}['\"])"
            r"(?:(?!\\{0,3}['\"])[^\n])*",
            r"\1",
        ),
    )
]
# The part of a URL before the path, where names and passwords are, of several hosts perhaps.
_AUTHORITY = re.compile(r"(?<=://)[^\s/'\"<>]{1,512}@")
_PASSWORD = re.compile(r"([^:/@,]{0,64}:)[^@,]{1,256}@")


# Of what oslo.utils masks, every key has one of these in it.
_OSLO = (
    *("pass", "pswd", "secret", "token", "key", "cookie", "credential", "configdrive"),
    *("kek", "fsid", "hashsuffix"),
)


def mask(text: str) -> str:
    """Replace what looks like a secret with ``***``. Idempotent.

    What it does not find are secrets in free prose ("bind with X failed").
    """
    lower = text.lower()
    has_stem = _has(lower, _STEMS)
    if "://" in lower:
        text = _AUTHORITY.sub(lambda url: _PASSWORD.sub(rf"\1{_MASK}@", url[0]), text)
    for needles, pattern, replacement in _RULES:
        if has_stem if needles is _STEMS else _has(lower, needles):
            text = pattern.sub(replacement, text)
    if _has(lower, _OSLO):
        text = str(strutils.mask_password(text))
    return text


def _has(text: str, needles: tuple[str, ...]) -> bool:
    return any(needle in text for needle in needles)

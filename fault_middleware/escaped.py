# SPDX-License-Identifier: Apache-2.0
"""Texts that are escaped for JSON, HTML, JavaScript or a URL, masked as what they say.

In ``IDENTIFIED BY &#39;X&#39;`` and ``%22password%22%3A%22X%22``, and where a string of JSON holds
a command with quotes, the quotes and signs by which a secret is known are escaped. Here they are
read as what they stand for, masked, and escaped again as they were. Escapes of escapes
(``&amp;#39;``, ``%2522``, several backslashes) are read as well.
"""

import dataclasses
import html
import json
import re
from collections.abc import Callable, Mapping

#: What takes the place of a secret.
MASK = "***"
# How often JSON may be within a string of JSON to be read as JSON. Below that, a piece is masked
# with its quotes as they are: each level takes as long as the text.
_LEVELS = 4


@dataclasses.dataclass(frozen=True, slots=True)
class _Code:
    """A way to escape the characters by which secrets are known.

    :ivar sign: is found in every text in which an escape could hide a secret
    :ivar piece: what is read as one: no quote of the text around is in it, so that a secret cannot
        reach beyond the string that it is in
    :ivar escape: one character, escaped once or several times
    :ivar read: the character, in the text of an escape
    """

    sign: re.Pattern[str]
    piece: re.Pattern[str]
    escape: re.Pattern[str]
    read: Callable[[str], str]


def mask_within(text: str, mask: Callable[[str], str]) -> str:
    """Mask what is escaped in a text; linear where ``mask`` is.

    :param mask: replaces the secrets of a text that is not escaped
    """
    if '\\"' in text or "\\n" in text:
        text = _mask_strings(text, mask, _LEVELS)
    if "&" in text:
        text = _mask_code(_HTML, text, mask)
    if "\\u00" in text:
        text = _mask_code(_SCRIPT, text, mask)
    if "\\u" in text:
        text = _mask_code(_LETTERS, text, mask)
    if "%" in text:
        text = _mask_code(_URL, text, mask)
        text = _mask_code(_FORM, text, mask)
    return text


def _mask_strings(text: str, mask: Callable[[str], str], levels: int) -> str:
    """Mask what the strings of a JSON text hold, which may be JSON again.

    :param levels: so often
    """

    def mask_string(string: re.Match[str]) -> str:
        return _mask_string(string[0], mask, levels)

    return _JSON.piece.sub(mask_string, text)


def _mask_string(string: str, mask: Callable[[str], str], levels: int) -> str:
    """Mask a string of JSON, without the quotes around it, as what it says."""
    if _JSON.sign.search(string) is None:
        return string
    if levels == 0:
        return _mask_piece(_JSON, string, mask)
    try:
        plain = json.loads(f'"{string}"')
    except ValueError:
        return _mask_piece(_JSON, string, mask)
    # Other codes are looked for in the whole text, and not once more at each level.
    masked = mask(_mask_strings(plain, mask, levels - 1))
    if masked == plain:
        return string
    return json.dumps(masked, ensure_ascii=string.isascii())[1:-1]


def _mask_code(code: _Code, text: str, mask: Callable[[str], str]) -> str:
    """Mask the pieces of a text that have something escaped in them."""
    if code.sign.search(text) is None:
        return text

    def mask_piece(piece: re.Match[str]) -> str:
        return _mask_piece(code, piece[0], mask)

    return code.piece.sub(mask_piece, text)


def _mask_piece(code: _Code, piece: str, mask: Callable[[str], str]) -> str:
    if code.sign.search(piece) is None:
        return piece
    plain = code.escape.sub(lambda escape: code.read(escape[0]), piece)
    masked = mask(plain)
    if masked == plain:
        return piece
    return _escaped_again(code, piece, plain, masked)


def _escaped_again(code: _Code, piece: str, plain: str, masked: str) -> str:
    """What is left of a piece, with its escapes, and ``***`` where something was masked."""
    written = _characters(code, piece)
    restored = []
    begin = 0
    for kept in masked.split(MASK):
        begin = plain.find(kept, begin)
        if begin < 0:
            # An asterisk beside a mask: nothing tells the two apart.
            return MASK
        end = begin + len(kept)
        restored.append("".join(written[begin:end]))
        begin = end
    return MASK.join(restored)


def _characters(code: _Code, piece: str) -> list[str]:
    """The characters of a piece as they are written, those that are escaped as one each."""
    characters: list[str] = []
    end = 0
    for escape in code.escape.finditer(piece):
        characters += piece[end : escape.start()]
        characters.append(escape[0])
        end = escape.end()
    characters += piece[end:]
    return characters


def _read_quote(escape: str) -> str:
    return escape[-1]


def _read_entity(escape: str) -> str:
    return html.unescape("&" + _AMPS.sub("", escape[1:]))


def _read_hexadecimal(escape: str) -> str:
    return _SIGNS[escape[-2:].lower()]


def _read_letter(escape: str) -> str:
    return chr(int(escape[-4:], 16))


def _read_form(escape: str) -> str:
    return " " if escape == "+" else _read_hexadecimal(escape)


_AMPS = re.compile(r"(?i)(?:amp;)*")
_ENTITY = r"(?i)&(?:amp;)*(?:{}|#0*(?:{})|#x0*(?:{}));"
_PERCENT = r"(?i)%(?:25)*(?:{})"
# The signs that rules look for. A slash and an at sign would make a URL of what is in a path.
_SIGNS: Mapping[str, str] = {
    f"{ord(sign):02x}": sign for sign in " \n\"'=:,;&{}[]()<>|"
}
_ANY_SIGN = "|".join(_SIGNS)

# A backslash before a quote belongs to that quote.
_STRING = re.compile(r"""(?:[^"'<>\\]++|\\++(?!["']))++""")

_JSON = _Code(
    # A secret may be known by the line that it stands on, too.
    sign=re.compile(r'\\["n]'),
    # What stands between two quotes that are not escaped.
    piece=re.compile(r'(?:[^"\\]++|\\.)++', re.DOTALL),
    escape=re.compile(r'\\++["\']'),
    read=_read_quote,
)
_HTML = _Code(
    sign=re.compile(
        _ENTITY.format("quot|apos|equals|colon", "3[49]|58|61", "2[27]|3[ad]")
        + "|=&(?:amp;)*gt;|&(?:amp;)+lt;"
    ),
    piece=_STRING,
    escape=re.compile(
        _ENTITY.format(
            "quot|apos|lt|gt|equals|colon", "3[49]|58|6[0-2]", "2[27]|3[acde]"
        )
    ),
    read=_read_entity,
)
_SCRIPT = _Code(
    sign=re.compile(r"\\u002[27]"),
    piece=_STRING,
    escape=re.compile(r"(?i)\\{1,15}+u00(?:2[267]|3[ce])"),
    read=_read_hexadecimal,
)
# Letters that are not ASCII, as JSON has them. A name and its value are two strings: in one piece.
_LETTER = r"(?i)\\{1,15}+u(?!00[0-7]|d[89a-f])[0-9a-f]{4}"
_LETTERS = _Code(
    sign=re.compile(_LETTER),
    piece=re.compile(r".++", re.DOTALL),
    escape=re.compile(_LETTER),
    read=_read_letter,
)
_URL_SIGN = re.compile(_PERCENT.format("2[27]|3[ad]|5[bd]"))
_URL_PIECE = re.compile(r"""[^\s"'<>\\]++""")
_URL = _Code(
    sign=_URL_SIGN,
    piece=_URL_PIECE,
    escape=re.compile(_PERCENT.format(_ANY_SIGN)),
    read=_read_hexadecimal,
)
# In a form, a plus is a blank; in a path it is a plus.
_FORM = _Code(
    sign=_URL_SIGN,
    piece=_URL_PIECE,
    escape=re.compile(rf"{_PERCENT.format(_ANY_SIGN)}|\+"),
    read=_read_form,
)

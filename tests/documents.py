# SPDX-License-Identifier: Apache-2.0
"""The snippets in the README and in the manual, for the tests that run them."""

import re
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.rst"
MANUAL = ROOT / "doc/source"


def blocks(file: Path, language: str) -> list[str]:
    """The code blocks of a language in a document, without their indentation."""
    found = re.findall(
        rf"^( *)\.\. code-block:: {language}\n((?:\1 +:.*\n)*)\n((?:\1 +.*\n|\n)+)",
        file.read_text() + "\n",
        re.MULTILINE,
    )
    return [textwrap.dedent(text).strip() + "\n" for _, _, text in found]

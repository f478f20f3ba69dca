# SPDX-License-Identifier: Apache-2.0
"""A deployer's own file of masking rules and exceptions, whose mistakes are named."""

from pathlib import Path

from fault_middleware import masking, package_data
from fault_middleware.document import Document
from fault_middleware.masking_rules import RuleError
from fault_middleware.options import ConfigurationError


def use(path: str) -> None:
    """Mask by a file's rules too, in this process and those that it forks.

    :raises ConfigurationError: naming file, line and key; also where this process has another
        file, because what one part of it masks another one would store
    """
    if masking.chosen.source not in (None, path):
        other = masking.chosen.source
        raise ConfigurationError(
            f"masking_rules: {path}: this process has {other} already"
        )
    masking.chosen.choose(read(path), path)


def read(path: str) -> masking.Masker:
    """A masker with the rules of the package and those of a file.

    :raises ConfigurationError: naming file, line and key
    """
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigurationError(f"masking_rules: {path}: {exc}") from exc
    document = Document(path, text)
    document.validate(package_data.load("masking-schema.yaml"))
    document.close()
    try:
        return masking.build(document.data)
    except RuleError as exc:
        document.mistake(exc.place, str(exc))
        document.close()
        raise  # unreachable: close() raises what mistake() noted

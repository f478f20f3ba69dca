# SPDX-License-Identifier: Apache-2.0
"""The paste file and the filter's place in it."""

from fault_middleware.cmd.doctor import finding
from fault_middleware.cmd.doctor.finding import Words


@finding.skipped
def pipeline_not_given() -> Words:
    return Words(
        what="The pipeline of the API was not checked: no --paste was given.",
        remedy=(
            "Give the service's paste file with --paste. Nothing is missing if this is the "
            "configuration of a consumer alone."
        ),
    )


@finding.error
def paste_unreadable(file: str, error: str) -> Words:
    return Words(
        what=f"The paste file {file} cannot be read: {error}",
        remedy=(
            "Name with --paste the file that the service loads, and correct it if it is not an "
            "INI file."
        ),
    )


@finding.error
def paste_duplicate(file: str, error: str) -> Words:
    return Words(
        what=f"The API does not start with {file}: {error}",
        remedy="Remove the second of the two.",
    )


@finding.error
def paste_other(file: str, option: str, theirs: str) -> Words:
    return Words(
        what=(
            f"The service loads another paste file than {file}: its configuration says {option} "
            f"= {theirs}."
        ),
        remedy=f"Change that file, and look at it: --paste {theirs}.",
    )


@finding.error
def section_missing(file: str, name: str, pipeline: str) -> Words:
    return Words(
        what=f"The API does not start: {file} has no section for {name}, which is in {pipeline}.",
        remedy=f"Add the section, or take {name} out.",
    )


@finding.error
def section_broken(file: str, section: str, error: str) -> Words:
    return Words(
        what=f"The API does not start: [{section}] in {file} cannot be loaded: {error}",
        remedy=(
            "Correct it. The filter's section needs use = egg:fault_middleware, and the package "
            "in the Python that runs the service."
        ),
    )


@finding.skipped
def code_elsewhere(names: str) -> Words:
    return Words(
        what=(
            "The sections of the pipeline name code that is not installed in this Python: "
            f"{names}. Whether the service can load them was not checked."
        ),
        remedy="Run the doctor with the Python of the service, in which the filter runs.",
    )


@finding.error
def filter_missing(file: str) -> Words:
    return Words(
        what=f"{file} has no section of our filter.",
        remedy="Add [filter:fault] with use = egg:fault_middleware, and fault to the pipeline.",
    )


@finding.error
def filter_unused(file: str, name: str, roots: str) -> Words:
    return Words(
        what=(
            f"The filter {name} is in no pipeline of {file} that the API uses. What it uses was "
            f"followed from {roots}."
        ),
        remedy="Add it to the pipeline of the API, after authtoken and before the application.",
    )


@finding.error
def filter_last(pipeline: str) -> Words:
    return Words(
        what=f"The filter is the last in a pipeline, where the application belongs: {pipeline}",
        remedy="Place it before the application; until then the API does not start.",
    )


@finding.warning
def filter_twice(pipeline: str) -> Words:
    return Words(
        what=f"A request passes two filters of fault_middleware: {pipeline}",
        remedy="Leave one of them in: the second looks each fault up once more.",
    )


@finding.error
def filter_before_authtoken(pipeline: str) -> Words:
    return Words(
        what=f"The filter is before authtoken, so it does not know who asks: {pipeline}",
        remedy="Place it after authtoken. Details are shown to no one until then.",
    )


@finding.warning
def filter_without_authtoken(pipeline: str) -> Words:
    return Words(
        what=f"Nothing in this pipeline says who asks, so details are shown to no one: {pipeline}",
        remedy="Put keystonemiddleware's authtoken into the pipeline, before the filter.",
    )


@finding.error
def filter_outside_urlmap(pipeline: str) -> Words:
    return Words(
        what=(
            "The filter is outside the urlmap, where paths begin with a version and match no "
            f"route: {pipeline}"
        ),
        remedy=(
            "Place it in the pipeline that the urlmap leads to, directly before the application."
        ),
    )


@finding.error
def filter_bypassed(pipeline: str, before: str) -> Words:
    return Words(
        what=f"The filter comes after {before}, which answers some requests itself: {pipeline}",
        remedy=(
            "Place it before that one, and after authtoken. In Trove, extensions answers the "
            "requests of administrators; in Glance, a cache answers for what it has."
        ),
    )


@finding.error
def profile_other(served: str, services: str, pipeline: str) -> Words:
    return Words(
        what=f"The pipeline serves {served}, and the profiles in use describe {services}: "
        f"{pipeline}",
        remedy=(
            f"Set profiles = {served} in the section of the filter, or in [fault_middleware]."
        ),
    )


@finding.ok
def pipeline_well(file: str) -> Words:
    return Words(f"The filter is in its place in {file}.")

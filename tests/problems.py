# SPDX-License-Identifier: Apache-2.0
"""Problems of every kind, for tests of properties."""

from hypothesis import strategies as st

from fault_middleware.drivers import problem
from fault_middleware.drivers.problem import ProblemDetails

ANY_TEXT = st.text(st.characters(), max_size=30)  # lone surrogates and NUL too
NAMES = ANY_TEXT.filter(lambda name: name not in problem._MEMBERS)
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | ANY_TEXT,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(ANY_TEXT, inner, max_size=4)
    ),
    max_leaves=8,
)
PROBLEMS = st.builds(
    ProblemDetails,
    status=st.integers(100, 599),
    detail=ANY_TEXT,
    type=st.sampled_from(
        [
            "about:blank",
            "https://example.com/errors#disk",
            "/errors?a=%20b",
            "",
        ]
    ),
    title=ANY_TEXT,
    instance=st.none() | st.sampled_from(["urn:uuid:1", "//[::1]:80/x"]),
    additional=st.dictionaries(NAMES, JSON_VALUES, max_size=4),
)

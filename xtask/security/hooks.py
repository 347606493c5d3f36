"""Values of our scalars, for schemathesis."""

import schemathesis
from hypothesis import strategies as st
from schemathesis.graphql import nodes

TIMES = ["2026-01-31T23:59:59.999Z", "1970-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "yesterday", ""]
DURATIONS = ["30s", "PT5M", "1h30m", "-1s", "99999999999d", ""]
ADDRESSES = ["https://example.org/path", "http://127.0.0.1/", "file:///etc/passwd", "javascript:alert(1)", ""]

schemathesis.graphql.scalar("DateTime", st.sampled_from(TIMES).map(nodes.String))
schemathesis.graphql.scalar("Duration", st.sampled_from(DURATIONS).map(nodes.String))
schemathesis.graphql.scalar("URL", st.sampled_from(ADDRESSES).map(nodes.String))
schemathesis.graphql.scalar("Long", st.integers(min_value=-(2**53), max_value=2**53).map(nodes.Int))
schemathesis.graphql.scalar("JSON", st.sampled_from(["{}", "text", "[1,2]"]).map(nodes.String))

"""Strings that break what pastes them."""

from hypothesis import strategies as st

SENTINEL = "sentinel.rows"
NASTY = [
    "", " ", "\0", "a\0b", '"', '""', "'", "''", "`", "\\", "\n", "\r\n", "--", "/*", "*/", ";", "%s", "%", "?", "$1",
    ":x", "{x}", "{{ 1 }}", "*", "null", "select", "main", "x" * 300, "ü" * 150, "größe 表", "🦆", "\u202e", "\ud800",
    "a.b", ".", "..", "../../x", "a/b",
    *(f"{start}; drop table {SENTINEL}; --" for start in ("", '"', "'", "$$", "\\'", "x')")),
]  # fmt: skip

strings = st.one_of(
    st.sampled_from(NASTY),
    st.text(st.characters(exclude_categories=()), max_size=30),
    st.text("'\";-\\\0. %\n", min_size=1, max_size=12).map(lambda text: text + f"drop table {SENTINEL};--"),
)

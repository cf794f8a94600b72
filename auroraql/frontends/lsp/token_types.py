"""Token types of the protocol that the server uses. They are announced before the highlighter is loaded."""

TOKEN_TYPES = (
    "keyword",
    "property",
    "function",
    "variable",
    "string",
    "number",
    "operator",
    "comment",
    "type",
    "parameter",
)

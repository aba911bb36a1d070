"""What an MCP client calls Tandem's tools with, checked and told in Tandem's words.

The `mcp` package takes unknown arguments for none, and tells of wrong ones in pydantic's words,
with the values: these may be a request's text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from mcp.server.mcpserver.tools import Tool
from pydantic import ValidationError

from tandem.errors import InvalidRequest
from tandem.records import Document

_WORDS: Final[Mapping[str, str]] = {
    "missing": "is missing",
    "string_type": "must be a text",
    "string_too_short": "must not be empty",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "literal_error": "must be one of {expected}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must have at least {min_length} entries",
}
"""By pydantic's type of error; what is filled in comes from the tool's own schema."""
BY_CONTENT: Final = (
    "Documents come by content only: `name`, and `text`, or `data` (base64) with its `media_type`."
)
_OTHER: Final = "does not fit the tool's schema"


def strict_tool(function: Callable[..., Any], name: str) -> Tool:
    """`function` as a tool that tells clients that it takes no other arguments."""
    tool = Tool.from_function(function, name=name)
    tool.parameters["additionalProperties"] = False
    return tool


def check_arguments(tool: Tool, arguments: Mapping[str, Any]) -> None:
    """Nothing, where the tool can be called so.

    Raises
    ------
    InvalidRequest: names the arguments that are known, and no value.
    """
    known = list(tool.parameters["properties"])
    takes = f"It takes: {', '.join(known)}."
    # Not by name: what stands where a name should may be anything.
    if unknown := len(arguments.keys() - set(known)):
        each = "an argument that is" if unknown == 1 else f"{unknown} arguments that are"
        raise InvalidRequest(f"{tool.name} was called with {each} not known.", takes)
    _check_documents(tool.name, arguments.get("documents"))
    try:
        tool.fn_metadata.validate_arguments(dict(arguments))
    except ValidationError as error:
        raise InvalidRequest(f"{tool.name}: {_wrong(error)}.", takes) from None


def _check_documents(tool: str, documents: Any) -> None:
    """Said before anything is called missing: whoever gives a path takes it for the content."""
    known = Document.__annotations__.keys()
    for document in documents if isinstance(documents, list) else ():
        if isinstance(document, Mapping) and (unknown := document.keys() - known):
            which = "`path`, which" if "path" in unknown else "a field that"
            what = f"{tool}: a document has {which} is not known; no file was read."
            raise InvalidRequest(what, BY_CONTENT)


def _wrong(error: ValidationError) -> str:
    """What is wrong with the first argument that is."""
    found = error.errors(include_url=False, include_input=False)
    place = _place(found[0]["loc"])
    # Of an argument that may be of several kinds, one a kind.
    words = [_words(each) for each in found if _place(each["loc"]) == place]
    return f"{place} {' or '.join(dict.fromkeys(words))}"


def _place(loc: Sequence[int | str]) -> str:
    """The place of an argument, by names of the schema alone."""
    argument, *inside = loc
    known = Document.__annotations__
    named = [part for part in inside if isinstance(part, int) or part in known]
    return ".".join(str(part) for part in (argument, *named))


def _words(each: Mapping[str, Any]) -> str:
    return _WORDS.get(each["type"], _OTHER).format(**each.get("ctx", {}))

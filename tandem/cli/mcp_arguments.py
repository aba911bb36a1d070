"""What an MCP client calls Tandem's tools with, checked and told in Tandem's words.

The `mcp` package takes unknown arguments for none, and tells of wrong ones in pydantic's words,
with the values: these may be a request's text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
_OTHER: Final = "does not fit the tool's schema"


class StrictTool(Tool):
    """A tool that refuses arguments that it does not know."""

    def model_post_init(self, context: Any, /) -> None:
        """Tell clients that there are no other arguments."""
        super().model_post_init(context)
        self.parameters["additionalProperties"] = False

    def checked(self, arguments: Mapping[str, Any]) -> None:
        """Nothing, where the tool can be called so.

        Raises
        ------
        InvalidRequest: names the arguments that are known, and no value.
        """
        known = list(self.parameters["properties"])
        takes = f"It takes: {', '.join(known)}."
        # Not by name: what stands where a name should may be anything.
        if unknown := len(arguments.keys() - set(known)):
            each = "an argument that is" if unknown == 1 else f"{unknown} arguments that are"
            raise InvalidRequest(f"{self.name} was called with {each} not known.", takes)
        try:
            self.fn_metadata.validate_arguments(dict(arguments))
        except ValidationError as error:
            raise InvalidRequest(f"{self.name}: {_wrong(error)}.", takes) from None


def _wrong(error: ValidationError) -> str:
    """What is wrong with the first argument that is."""
    found = error.errors(include_url=False, include_input=False)
    place = _place(found[0]["loc"])
    # Of an argument that may be of several kinds, one a kind.
    words = [_words(each) for each in found if _place(each["loc"]) == place]
    return f"{place} {' or '.join(dict.fromkeys(words))}"


def _place(loc: Sequence[int | str]) -> str:
    """The place of an argument, by names of the schema alone."""
    known = Document.__annotations__
    return ".".join(str(part) for part in (loc[0], *(p for p in loc[1:] if _is_plain(p, known))))


def _is_plain(part: int | str, known: Mapping[str, Any]) -> bool:
    return isinstance(part, int) or part in known


def _words(each: Mapping[str, Any]) -> str:
    return _WORDS.get(each["type"], _OTHER).format(**each.get("ctx", {}))

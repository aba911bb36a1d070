"""An MCP server that says what a file tells it to: tools, descriptions, and one result."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    script = Path(sys.argv[1])
    for line in sys.stdin:
        message = json.loads(line)
        if "id" in message:
            reply = {"jsonrpc": "2.0", "id": message["id"], "result": _result(script, message)}
            sys.stdout.write(f"{json.dumps(reply)}\n")
            sys.stdout.flush()


def _result(script: Path, message: dict[str, Any]) -> dict[str, Any]:
    said = json.loads(script.read_text(encoding="utf-8"))
    match message["method"]:
        case "initialize":
            return {
                "protocolVersion": "2025-06-18",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "notes", "version": "1"},
            }
        case "tools/list":
            words = {"type": "object", "properties": {"what": {"type": "string"}}}
            offered = said["tools"].items()
            return {
                "tools": [
                    {"name": name, "description": description, "inputSchema": words}
                    for name, description in offered
                ]
            }
    with script.with_suffix(".calls").open("a", encoding="utf-8") as calls:
        calls.write(f"{json.dumps(message['params'])}\n")
    return {"content": [{"type": "text", "text": said["result"]}], "isError": said["fails"]}


if __name__ == "__main__":
    main()

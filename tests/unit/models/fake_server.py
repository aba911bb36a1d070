"""A stand-in for tandem.models.server, without a model: Orders on stdin, a record, a keyed port.

Nothing but the quickest of the standard library, because tests start dozens of it. The model
file's last bytes say how it behaves: `FAIL` ends while loading, `HANG` never gets ready, `LIES`
loads no adapter.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time

orders = json.loads(sys.stdin.read())
record = orders["record"]
with open(record["model_file"], "rb") as stream:  # noqa: PTH123
    body = stream.read()
if body.endswith(b"FAIL"):
    sys.stderr.write("0.1 W loading\n0.2 E load: the tensors are gone\n0.3 E srv: giving up\n")
    sys.exit(1)
if body.endswith(b"HANG"):
    time.sleep(30)

server = socket.create_server(("127.0.0.1", 0))
path = os.path.join(orders["folder"], orders["key"] + ".json")  # noqa: PTH118
while not os.path.exists(path):  # noqa: PTH110
    time.sleep(0.001)
with open(path) as stream_of_record:  # noqa: PTH123
    record = json.load(stream_of_record)
record["port"] = server.getsockname()[1]
with open(os.open(path + ".new", os.O_WRONLY | os.O_CREAT, 0o600), "w") as out:  # noqa: PTH123
    json.dump(record, out)
os.replace(path + ".new", path)  # noqa: PTH105
key = f"Authorization: Bearer {record['api_key']}".encode()
while True:
    client, _ = server.accept()
    with client:
        asked = client.recv(65536)
        status = b"200 OK" if key in asked else b"401 Unauthorized"
        held = [] if body.endswith(b"LIES") else record["adapters"]
        loaded = [{"id": at, "path": one[1], "scale": 0.0} for at, one in enumerate(held)]
        told = json.dumps(loaded).encode() if b"/lora-adapters" in asked else b""
        length = str(len(told)).encode()
        client.sendall(
            b"HTTP/1.1 " + status + b"\r\nContent-Length: " + length + b"\r\n\r\n" + told
        )

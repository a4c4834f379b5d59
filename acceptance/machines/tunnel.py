"""Opens a tunnel through an Instance Connect Endpoint, as `aws ec2-instance-connect open-tunnel` does, between a
connection to an instance and standard input and output.

    tunnel.py ENDPOINT-ID DNS-NAME ADDRESS PORT [HOST:PORT]

The last argument is where to call in place of the name, in the clear. Without it the library of the aws CLI calls."""

import os
import socket
import struct
import sys
import threading
from urllib.parse import urlencode

try:
    from awscli.botocore import session, signers
except ImportError:
    from botocore import session, signers


def presigned(endpoint, name, address, port):
    s = session.get_session()
    model = s.get_service_model("ec2-instance-connect")
    signer = signers.RequestSigner(model.service_id, s.get_config_variable("region"), model.signing_name, model.signature_version,
                                   s.get_credentials(), s.get_component("event_emitter"))
    query = urlencode({"instanceConnectEndpointId": endpoint, "remotePort": port, "privateIpAddress": address})
    request = {"url": f"wss://{name}/openTunnel?{query}", "body": {}, "headers": {"host": name}, "method": "GET", "query_string": "",
               "url_path": "/", "context": {}}
    return signer.generate_presigned_url(request_dict=request, operation_name="openTunnel", expires_in=60)


def with_library(url, name):
    """One message from the instance, by the library that the aws CLI has for it."""
    from awscrt import io, websocket

    heard, ended, held = threading.Event(), [], []

    def setup(data):
        held.append(data.websocket)  # what nobody holds is closed
        if data.exception:
            end(f"{data.exception} {data.handshake_response_status} {data.handshake_response_body}")

    def payload(data):
        os.write(1, bytes(data.data))
        heard.set()

    def end(why):
        ended.append(why)
        heard.set()

    options = io.ClientTlsContext(io.TlsContextOptions()).new_connection_options()
    options.set_server_name(name)
    request = websocket.create_handshake_request(host=name, path=url[len("wss://" + name):])
    websocket.connect(host=name, port=443, handshake_request=request, tls_connection_options=options,
                      on_connection_setup=setup, on_connection_shutdown=lambda data: end(f"shut down: {data.exception}"),
                      on_incoming_frame_payload=payload)
    if not heard.wait(15) or ended:
        sys.exit(f"no answer: {ended}")


def exactly(f, n):
    b = f.read(n)
    if len(b) < n:
        raise EOFError
    return b


def by_hand(url, name, at):
    """What both ends say, until the instance ends it."""
    host, port = at.rsplit(":", 1)
    c = socket.create_connection((host, int(port)))
    path = url[len("wss://" + name):]
    c.sendall(f"GET {path} HTTP/1.1\r\nHost: {name}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
    f = c.makefile("rb")
    status = f.readline()
    length = 0
    while (line := f.readline().strip()):
        key, _, value = line.partition(b":")
        if key.lower() == b"content-length":
            length = int(value)
    if b" 101 " not in status:
        sys.exit((status + f.read(length)).decode())

    def said():
        while b := os.read(0, 60000):
            size = struct.pack("!B", 0x80 | len(b)) if len(b) < 126 else struct.pack("!BH", 0x80 | 126, len(b))
            c.sendall(b"\x82" + size + b"\0\0\0\0" + b)

    threading.Thread(target=said, daemon=True).start()
    while True:
        first, size = exactly(f, 2)
        if size == 126:
            size = struct.unpack("!H", exactly(f, 2))[0]
        elif size == 127:
            size = struct.unpack("!Q", exactly(f, 8))[0]
        b = exactly(f, size)
        if first & 15 == 8:
            sys.exit(b[2:].decode() or None)
        os.write(1, b)


def main():
    endpoint, name, address, port, *at = sys.argv[1:]
    url = presigned(endpoint, name, address, port)
    if at:
        by_hand(url, name, at[0])
    else:
        with_library(url, name)


main()

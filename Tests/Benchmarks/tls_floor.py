"""tls_floor.py FILE PORT CERTIFICATE KEY: answers every request on 127.0.0.1:PORT over TLS with FILE, held in memory. It is what serving these
bytes costs when there is nothing but serving: the floor of `scripts/bench usage`. (The work is OpenSSL's and the kernel's.)
"""
import socket
import ssl
import sys

path, port, certificate, key = sys.argv[1:]
with open(path, "rb") as file:
    body = file.read()
answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
with socket.create_server(("127.0.0.1", int(port))) as server:
    while True:
        plain, _ = server.accept()
        try:
            with context.wrap_socket(plain, server_side=True) as client:
                request = b""
                while received := client.recv(65536):
                    request += received
                    if request.endswith(b"\r\n\r\n"):
                        client.sendall(answer)
                        request = b""
        except (OSError, ssl.SSLError):
            pass

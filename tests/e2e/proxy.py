"""A proxy that leads every name to this machine; it takes one user and password.

Usage: proxy.py PORT-FILE LOG-FILE. Listens on a free port of loopback, writes its number, and then a line for each request.
"""

import base64
import socket
import socketserver
import sys
import threading
from urllib.parse import urlsplit

PORT_FILE, LOG_FILE = sys.argv[1:]
LOGIN = "Basic " + base64.b64encode(b"company:s3cret-of-the-proxy").decode()

SENT_ON = ("host", "authorization", "accept-encoding", "range")


def pump(source, target):
    while data := source.recv(65536):
        target.sendall(data)
    target.shutdown(socket.SHUT_WR)


class Request(socketserver.StreamRequestHandler):
    rbufsize = 0

    def handle(self):
        line = self.rfile.readline().decode().split()
        headers = {}
        while (header := self.rfile.readline().decode().strip()):
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        known = headers.get("proxy-authorization") == LOGIN
        with open(LOG_FILE, "a") as log:
            log.write(f"{' '.join(line[:2])} {'known' if known else 'unknown'}\n")
        if not known:
            self.wfile.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        elif line[0] == "CONNECT":
            self.lead(int(line[1].rpartition(":")[2]), b"", b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            url = urlsplit(line[1])
            shown = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if name in SENT_ON)
            request = f"{line[0]} {url.path} HTTP/1.1\r\nConnection: close\r\n{shown}\r\n"
            self.lead(url.port, request.encode(), b"")

    def lead(self, port, request, answer):
        with socket.create_connection(("127.0.0.1", port)) as server:
            server.sendall(request)
            self.wfile.write(answer)
            back = threading.Thread(target=pump, args=(server, self.connection))
            back.start()
            pump(self.connection, server)
            back.join()


class Proxy(socketserver.ThreadingTCPServer):
    daemon_threads = True


with Proxy(("127.0.0.1", 0), Request) as proxy:
    open(LOG_FILE, "w").close()
    with open(PORT_FILE, "w") as file:
        file.write(str(proxy.server_address[1]))
    proxy.serve_forever()

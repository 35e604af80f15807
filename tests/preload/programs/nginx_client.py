# SPDX-License-Identifier: MIT
#
# Owns an HTTP client for nginx.sh: it asks for each file of a directory over a unix socket, plain,
# compressed and in ranges, on kept-alive and on short connections, and compares with the file.
# Arguments: the socket, the directory.
import gzip
import http.client
import os
import socket
import sys


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=600)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(600)
        self.sock.connect(self.path)


def fetch(connection, name, headers, status=200):
    connection.request("GET", "/" + name, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == status, (name, answer.status)
    return answer, body


path, root = sys.argv[1:]
names = sorted(os.listdir(root))
asked = 0
kept = UnixConnection(path)
for number, name in enumerate(names):
    with open(os.path.join(root, name), "rb") as file:
        content = file.read()
    asked += 4
    assert fetch(kept, name, {})[1] == content, name
    answer, body = fetch(kept, name, {"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip" and gzip.decompress(body) == content, name
    middle = len(content) // 2
    body = fetch(kept, name, {"Range": "bytes=%d-" % middle}, 206)[1]
    assert body == content[middle:], name
    short = UnixConnection(path)
    assert fetch(short, name, {"Connection": "close", "X-Long": "h" * (number * 20)})[1] == content
    short.close()
fetch(kept, "no-such-file", {}, 404)
print("%d files, %d requests" % (len(names), asked + 1))

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Clients that do harm to `hakmem serve`: serve_clients.py PORT PID, of a process with a profile.

After each of them the server still answers others. Nothing here depends on how fast it does.
"""
import http.client
import random
import socket
import sys
import threading

PORT, PID = int(sys.argv[1]), sys.argv[2]
HANG = 600


def connect():
    return socket.create_connection(("127.0.0.1", PORT), timeout=HANG)


def get(path):
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=HANG)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read()


def all_of(client):
    """What the server sends until it closes the connection."""
    parts = []
    try:
        while part := client.recv(65536):
            parts.append(part)
    except ConnectionError:
        pass
    return b"".join(parts)


def expect_alive(after):
    status, body = get("/processes")
    assert status == 200 and body.endswith(b"}\n"), f"after {after}: {status}"
    print("after", after, "it answers")


def parallel():
    """100 at the same time: all are answered, and share the looks."""
    paths = ["/metrics", "/processes", f"/debug/pprof/heap?pid={PID}", f"/processes/{PID}", "/"]
    results = []
    threads = [threading.Thread(target=lambda path=paths[i % 5]: results.append(get(path)[0]))
               for i in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [200] * 100, results
    expect_alive("100 in parallel")


def garbage():
    head = b" HTTP/1.1\r\nHost: localhost\r\n"
    endless = b"".join(b"X-%d: " % i + b"x" * 1000 + b"\r\n" for i in range(1000))
    bad = {
        b"\0" * 100 + b"\r\n\r\n": None,
        b"GARBAGE\r\n\r\n": None,
        b"GET / HTTP/1.1\r\n\r\n": (400, 403),
        b"GET /" + b"a" * 100000 + head + b"\r\n": (414, 431),
        b"GET /" + head + endless: (431,),
        b"GET /" + b"%00" * 50 + head + b"\r\n": (200, 404),
        b"GET /%ff%fe" + head + b"\r\n": (404,),
        b"GET /processes/" + b"9" * 5000 + head + b"\r\n": (404,),
        b"GET /?" + b"pid=1&" * 3000 + head + b"\r\n": None,
        b"GET /metrics" + head + b"Content-Length: 5\r\n\r\nhello": None,
        b"POST /pprof/symbol" + head + b"Content-Length: 99999999999\r\n\r\n": (413,),
        b"POST /pprof/symbol" + head + b"Content-Length: -1\r\n\r\n": None,
        b"POST /metrics" + head + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffff\r\n": None,
        b"POST /%s/pprof/symbol" % PID.encode() + head + b"Content-Length: 6\r\n\r\n+,;\n%%": None,
    }
    for request, statuses in bad.items():
        client = connect()
        try:
            client.sendall(request)
            client.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        line = all_of(client).split(b"\r\n")[0]
        if statuses:
            assert line and int(line.split()[1]) in statuses, (request[:60], line)
    randomly = random.Random(1)
    for _ in range(200):
        client = connect()
        try:
            client.sendall(randomly.randbytes(randomly.randrange(2000)))
        except OSError:
            pass
        client.close()
    expect_alive("garbage")


def symbols():
    """More addresses than there are names for, and none of a function."""
    body = b"+".join(b"0x%x" % (address * 4096) for address in range(50000))
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=HANG)
    connection.request("POST", f"/{PID}/pprof/symbol", body)
    answer = connection.getresponse()
    lines = answer.read().splitlines()
    assert answer.status == 200 and len(lines) == 50000, (answer.status, len(lines))
    expect_alive("50,000 addresses")


def leave_early():
    """Those who do not wait for their answer."""
    for path in ("/metrics", f"/debug/pprof/heap?pid={PID}", f"/debug/pprof/heap?pid={PID}&seconds=1") * 20:
        client = connect()
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        client.close()
    expect_alive("60 that leave")


def slow():
    """More connections than there may be, which never come to the end of their request; and some
    that do not read: others are answered, and they are cut off."""
    unread = [connect() for _ in range(5)]
    for client in unread:
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    clients = []
    for _ in range(400):
        client = connect()
        try:
            client.sendall(b"GET / HTTP/1.1\r\nHost: local")
        except ConnectionError:
            pass
        clients.append(client)
    expect_alive("400 slow ones")
    for client in clients:
        all_of(client)  # ends when the server closes it
    expect_alive("the end of the slow ones")
    for client in unread:
        client.close()


for attack in (parallel, garbage, symbols, leave_early, slow):
    attack()

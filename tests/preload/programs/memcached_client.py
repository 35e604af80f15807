# SPDX-License-Identifier: MIT
#
# Owns a memcached client for memcached.sh: it sets, replaces, appends, deletes and gets values over
# a unix socket from four connections, and checks each value that comes back. Argument: the socket.
import socket
import sys
import threading

KEYS = 6000
CONNECTIONS = 4


def value_of(key, generation):
    size = (key * 7919 + generation * 104729) % 1500 + 1
    if key % 200 == 0:
        size = 100000 + key
    unit = b"%d.%d;" % (key, generation)
    return (unit * (size // len(unit) + 1))[:size]


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(600)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def ask(self, text, expected):
        self.socket.sendall(text)
        line = self.file.readline()
        assert line == expected, (text[:40], line)

    def store(self, verb, key, value):
        head = b"%s key%d 0 0 %d\r\n" % (verb, key, len(value))
        self.ask(head + value + b"\r\n", b"STORED\r\n")

    def get(self, keys):
        self.socket.sendall(b"get " + b" ".join(b"key%d" % k for k in keys) + b"\r\n")
        found = {}
        while (line := self.file.readline()) != b"END\r\n":
            _, name, _, size = line.split()
            found[int(name[3:])] = self.file.read(int(size))
            assert self.file.read(2) == b"\r\n"
        return found

    def stats(self):
        self.socket.sendall(b"stats\r\n")
        result = {}
        while (line := self.file.readline()) != b"END\r\n":
            _, name, value = line.split(None, 2)
            result[name.decode()] = value.decode().strip()
        return result


def exercise(path, first):
    client = Client(path)
    keys = range(first, KEYS, CONNECTIONS)
    for key in keys:
        client.store(b"set", key, value_of(key, 0))
    for key in keys:
        if key % 3 == 0:
            client.store(b"replace", key, value_of(key, 1))
        elif key % 3 == 1:
            client.store(b"append", key, b"tail")
        else:
            client.ask(b"delete key%d\r\n" % key, b"DELETED\r\n")
    expected = {}
    for key in keys:
        if key % 3 == 0:
            expected[key] = value_of(key, 1)
        elif key % 3 == 1:
            expected[key] = value_of(key, 0) + b"tail"
    keys = list(keys)
    for start in range(0, len(keys), 50):
        batch = keys[start:start + 50]
        assert client.get(batch) == {k: expected[k] for k in batch if k in expected}, start


failures = []


def guarded(*arguments):
    try:
        exercise(*arguments)
    except BaseException as error:
        failures.append(repr(error)[:200])


threads = [threading.Thread(target=guarded, args=(sys.argv[1], i)) for i in range(CONNECTIONS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
if failures:
    sys.exit("memcached_client.py: " + failures[0])
client = Client(sys.argv[1])
stats = client.stats()
assert int(stats["curr_items"]) == sum(1 for k in range(KEYS) if k % 3 != 2), stats["curr_items"]
# Many short connections: the server makes and drops a connection's buffers each time.
for i in range(400):
    short = Client(sys.argv[1])
    assert short.get([i * 3]) == {i * 3: value_of(i * 3, 1)}
    short.file.close()
    short.socket.close()
client.ask(b"flush_all\r\n", b"OK\r\n")
assert client.get(range(100)) == {}
print("%s items, %s sets, %s hits, %s threads" % (
    stats["curr_items"], stats["cmd_set"], stats["get_hits"], stats["threads"]))

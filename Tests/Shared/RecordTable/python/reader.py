#!/usr/bin/env python3
"""A reader of the record table, written from docs/record-table.md alone.

reader.py PATH                 prints every record, one a line, sorted, as `table-probe dump` does
reader.py PATH --look-ups N    looks N services up by name, as a query would, and says how many records it checked

Python has no atomic loads of its own: a copy out of a mapping is many loads, which the sequence number before and after covers, and
processors that keep the order of loads (x86) need no more.
"""
import ipaddress
import mmap
import os
import random
import struct
import sys

MASK = (1 << 64) - 1
ORDER = 0x01020304
NAMESPACE, SERVICE, SERVICE_ADDRESS, SLICE, SLICE_NAME, ENDPOINT_ADDRESS, POD, POD_ADDRESS = range(1, 9)


def fold(a, b):
    product = a * b
    return (product & MASK) ^ (product >> 64)


def h(seed, data):
    s = seed ^ 0x9E3779B97F4A7C15
    whole = len(data) & ~7
    for place in range(0, whole, 8):
        s = fold(s ^ int.from_bytes(data[place:place + 8], "little"), 0xD6E8FEB86659FD93)
    s = fold(s ^ int.from_bytes(data[whole:], "little"), 0xA0761D6478BD642F ^ len(data))
    return s ^ (s >> 29)


class Changed(Exception):
    """The writer changed what was being read: start over."""


class Mapping:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.bytes = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)

    def u64(self, offset):
        return struct.unpack_from("=Q", self.bytes, offset)[0]

    def u32(self, offset):
        return struct.unpack_from("=I", self.bytes, offset)[0]


class Record:
    def __init__(self, kind, first, second, suffix, payload):
        self.kind, self.first, self.second, self.suffix, self.payload = kind, first, second, suffix, payload

    def u8(self, offset):
        return self.payload[offset]

    def u16(self, offset):
        return struct.unpack_from("=H", self.payload, offset)[0]

    def pair(self, offset):
        return struct.unpack_from("=II", self.payload, offset)

    def string(self, offset):
        start, length = self.pair(offset)
        return self.payload[start:start + length].decode()

    def labels(self, offset):
        start, count = self.pair(offset)
        return ",".join(sorted(f"{self.string(start + 16 * i)}={self.string(start + 16 * i + 8)}" for i in range(count)))

    def ports(self, offset):
        start, count = self.pair(offset)
        places = range(start, start + 16 * count, 16)
        return ",".join(f"{self.string(place + 8)}/{self.u8(place + 2)}/{self.u16(place)}" for place in places)

    def addresses(self, start, count):
        return ",".join(address(self.payload[start + 16 * i:start + 16 * i + 16]) for i in range(count))

    def endpoint(self, place):
        flags = self.u8(place)
        hints_start, hints = self.pair(place + 40)
        return "/".join([
            self.addresses(struct.unpack_from("=I", self.payload, place + 4)[0], self.u16(place + 2)), self.string(place + 8),
            self.string(place + 16), self.string(place + 24), self.string(place + 32),
            "+".join(self.string(hints_start + 8 * i) for i in range(hints)), f"{flags & 1}{flags >> 1 & 1}{flags >> 2 & 1}"])

    def line(self):
        if self.kind not in (NAMESPACE, SERVICE, SLICE, POD):
            return None  # derived from those; keys are addresses
        first, second = self.first.decode(), self.second.decode()
        if self.kind == NAMESPACE:
            return f"namespace {first} {self.labels(0)}"
        if self.kind == SERVICE:
            addresses = self.addresses(struct.unpack_from("=I", self.payload, 4)[0], self.u16(2))
            external = self.addresses(struct.unpack_from("=I", self.payload, 36)[0], self.u16(32))
            names_start, names = self.pair(40)
            ingress = "+".join(self.string(names_start + 8 * i) for i in range(names))
            return (f"service {first} {second} {self.u8(0)} {self.u8(1) & 1} {addresses} {self.string(24)} {external} {ingress} "
                    f"{self.ports(8)} {self.labels(16)}")
        if self.kind == SLICE:
            start, count = self.pair(16)
            endpoints = ";".join(self.endpoint(start + 48 * i) for i in range(count))
            return f"slice {first} {second} {self.suffix.decode()} {self.u8(0)} {self.ports(8)} {endpoints} {self.labels(24)}"
        if self.kind == POD:
            start, count = self.pair(16)
            return (f"pod {first} {second} {self.string(0)} {self.string(8)} {self.addresses(start, count)} {self.u8(32) & 1} {self.u8(32) >> 1 & 1} {self.labels(24)}")



def address(raw):
    found = ipaddress.IPv6Address(raw)
    return str(found.ipv4_mapped) if found.ipv4_mapped else str(found)


class Reader:
    def __init__(self, path):
        self.path = path
        self.control = Mapping(path)
        if self.control.bytes[:8] != b"MIZZENTB" or self.control.u32(12) != ORDER or self.control.u32(8) != 2:
            raise SystemExit(f"{path}: not a record table of layout 2 and this machine's byte order")
        self.seed = self.control.u64(48)
        self.data = None
        self.retries = 0

    def attach(self):
        while self.data is None or self.data.u64(24) != self.control.u64(24):
            generation = self.control.u64(24)
            if generation == 0:
                raise SystemExit(f"{self.path}: no data yet")
            try:
                data = Mapping(f"{self.path}.{generation}")
            except FileNotFoundError:
                continue  # the writer has moved on
            if data.bytes[:8] != b"MIZZENDT" or data.u32(12) != ORDER or data.u32(8) != 2 or data.u64(72) != self.seed:
                raise SystemExit(f"{self.path}.{generation}: not a data file of this table")
            self.data, self.size = data, data.u64(16)
            self.bucket_count, self.buckets = data.u64(32), data.u64(40)

    def hash(self, kind, first, second=b""):
        return h(h((self.seed + kind * 0x9E3779B97F4A7C15) & MASK, first), second)

    def walk(self, bucket, kind=None, upper=None):
        """The records of a chain (of one kind and hash), all as they stood at one time each; raises Changed."""
        data, found = self.data, []
        reference = data.u64(self.buckets + 8 * bucket)
        steps = 0
        while reference:
            block, sequence = (reference >> 32) * 32, reference & 0xFFFFFFFF
            if block + 32 > self.size or steps > 1 << 20:
                raise SystemExit("damaged")
            if data.u32(block) != sequence:
                raise Changed
            following = data.u64(block + 8)
            hash_, length = data.u32(block + 16), data.u32(block + 20)
            block_kind, one, two, suffix = struct.unpack_from("=BBBxH", data.bytes, block + 24)
            wanted = (kind is None or block_kind == kind) and (upper is None or hash_ == upper)
            content = data.bytes[block + 32:block + 32 + length] if wanted else b""
            if data.u32(block) != sequence:
                raise Changed
            if wanted:
                start = (one + two + suffix + 7) & ~7
                found.append(Record(
                    block_kind, content[:one], content[one:one + two], content[one + two:one + two + suffix], content[start:]))
            reference = following
            steps += 1
        return found

    def chain(self, bucket, kind=None, upper=None):
        while True:
            try:
                return self.walk(bucket, kind, upper)
            except Changed:
                self.retries += 1

    def find(self, kind, first, second=b""):
        self.attach()
        key = self.hash(kind, first, second)
        return [r for r in self.chain(key & (self.bucket_count - 1), kind, key >> 32) if (r.first, r.second) == (first, second)]

    def everything(self):
        self.attach()
        for bucket in range(self.bucket_count):
            yield from self.chain(bucket)


def look_ups(reader, count):
    """Self-checking records of table-probe: all parts carry the version that the first address states."""
    checked = 0
    for _ in range(count):
        name = f"s{random.randrange(200)}".encode()
        services = reader.find(SERVICE, b"probe", name)
        slices = reader.find(SLICE, b"probe", name)
        if len(services) != 1 or len(slices) != 3:
            raise SystemExit(f"{name}: {len(services)} services and {len(slices)} slices")
        start = struct.unpack_from("=I", services[0].payload, 4)[0]
        version = int.from_bytes(services[0].payload[start + 12:start + 16], "big")
        text = services[0].line()
        if f"version={version}" not in text or text.count(f"p{version}-") != version % 7 + 1:
            raise SystemExit(f"torn: {text}")
        owner = reader.find(SERVICE_ADDRESS, services[0].payload[start:start + 16])
        if not any(r.suffix == b"probe\0" + name for r in owner) and reader.find(SERVICE, b"probe", name)[0].payload == services[0].payload:
            raise SystemExit(f"{name} is not found by its address")
        for piece in slices:
            first, number = piece.pair(16)
            address_start = struct.unpack_from("=I", piece.payload, first + 4)[0]
            version = int.from_bytes(piece.payload[address_start + 12:address_start + 16], "big")
            text = piece.line()
            if number != version % 40 + 1 or text.count(f"pod-{version}-") != number or text.count(f"/h{version}/") != number:
                raise SystemExit(f"torn: {text}")
        checked += 4
    print(f"checked {checked} records, {reader.retries} retried, generation {reader.data.u64(24)}")


def main():
    reader = Reader(sys.argv[1])
    if len(sys.argv) == 4 and sys.argv[2] == "--look-ups":
        look_ups(reader, int(sys.argv[3]))
    else:
        print("\n".join(sorted(filter(None, (record.line() for record in reader.everything())))))


if __name__ == "__main__":
    main()

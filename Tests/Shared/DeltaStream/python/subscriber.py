#!/usr/bin/env python3
"""A subscriber of Mizzen's delta stream, written from docs/delta-stream.md alone (pyzmq and protobuf).

Holds one resource, whole or one namespace or some buckets of it, until an object of the given name appears. Then it prints
what it holds, a line of JSON an object, and exits 0.
"""
import argparse
import hashlib
import json
import random
import sys
import time

import zmq
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

VERSION = 1
ADDED, MODIFIED, DELETED = 1, 2, 3
OK = 0

# The tables of the page: number, name, type. "*" in front is `repeated`.
TABLES = {
    "Delta": """1 version uint32|2 stream_id fixed64|3 sequence uint64|4 previous uint64|5 change int32|6 group string
        7 api_version string|8 resource string|9 kind string|10 namespaced bool|11 namespace string|12 name string|13 uid string
        14 resource_version string|15 commit_time sfixed64|16 encoding int32|17 object bytes""",
    "Heartbeat": """1 version uint32|2 stream_id fixed64|3 group string|4 api_version string|5 resource string|6 kind string
        7 namespaced bool|8 synced bool|9 resource_version string|10 time sfixed64|11 interval_milliseconds uint32
        12 sequences *uint64""",
    "NamespaceTail": """1 version uint32|2 stream_id fixed64|3 group string|4 api_version string|5 resource string
        6 namespace string|7 buckets *uint32|8 sequences *uint64""",
    "SnapshotRequest": """1 version uint32|2 request_id fixed64|3 kind int32|4 group string|5 api_version string
        6 resource string|7 buckets *uint32|8 namespaces *string""",
    "SnapshotBucket": "1 bucket uint32|2 sequence uint64|3 objects uint32",
    "SnapshotAnswer": """1 version uint32|2 request_id fixed64|3 status int32|4 message string|5 stream_id fixed64|6 synced bool
        7 buckets *SnapshotBucket""",
}


def make_messages():
    """Message classes without protoc."""
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="delta.proto", package="mizzen.stream", syntax="proto3")
    for name, table in TABLES.items():
        message = file.message_type.add(name=name)
        for row in table.replace("\n", "|").split("|"):
            number, field, kind = row.split()
            added = message.field.add(name=field, number=int(number))
            added.label = kinds.LABEL_REPEATED if kind.startswith("*") else kinds.LABEL_OPTIONAL
            kind = kind.lstrip("*")
            if kind in TABLES:
                added.type, added.type_name = kinds.TYPE_MESSAGE, f".mizzen.stream.{kind}"
            else:
                added.type = getattr(kinds, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"mizzen.stream.{name}")) for name in TABLES
    }


MESSAGES = make_messages()


def parse(kind, data):
    message = MESSAGES[kind]()
    message.ParseFromString(data)
    if message.version != VERSION:
        raise ValueError(f"unknown version {message.version}")
    return message


def bucket_of(uid):
    value = 0x811C9DC5
    for byte in uid.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return (value ^ (value >> 8) ^ (value >> 16) ^ (value >> 24)) & 0xFF


def key_file(directory, name):
    with open(f"{directory}/{name}", encoding="ascii") as file:
        lines = [line.split() for line in file if not line.startswith("#")]
    return {kind: key.encode() for kind, key in lines}


class Subscriber:
    def __init__(self, options):
        self.options = options
        self.wanted = set(options.buckets)
        self.namespace = options.namespace
        self.context = zmq.Context()
        self.objects = {}  # bucket → UID → Delta
        self.stream = None  # the stream whose heartbeat was heard
        self.held = {}  # bucket → sequence
        self.tails = {}  # bucket → sequence of the one namespace, on top of the snapshot
        self.request = None  # (id, buckets, deadline, kept deltas)
        self.retry_at = 0.0
        self.failures = 0
        self.deltas = self.subscribe()
        self.snapshots = self.connect_snapshots()

    def subscribe(self):
        socket = self.context.socket(zmq.SUB)
        name = self.options.resource
        if self.namespace is not None:
            topics = [f"{name}/{bucket:02x}/{self.namespace}" for bucket in sorted(self.wanted)]
            topics.append(f"tail/{name}/{self.namespace}")
        elif len(self.wanted) == 256:
            topics = [f"{name}/"]
        else:
            topics = [f"{name}/{bucket:02x}/" for bucket in sorted(self.wanted)]
        for topic in topics + [f"heartbeat/{name}"]:
            socket.subscribe(topic)
        self.use_keys(socket)
        socket.connect(self.options.deltas)
        return socket

    def connect_snapshots(self):
        socket = self.context.socket(zmq.DEALER)
        socket.linger = 0
        self.use_keys(socket)
        socket.connect(self.options.snapshots)
        return socket

    def use_keys(self, socket):
        if self.options.stream_keys is None:
            return
        own = key_file(self.options.stream_keys, "client.key")
        socket.curve_serverkey = key_file(self.options.stream_keys, "server.pub")["public"]
        socket.curve_publickey = own["public"]
        socket.curve_secretkey = own["secret"]

    # What arrives

    def on_delta(self, delta):
        bucket = bucket_of(delta.uid)
        if bucket not in self.wanted or (self.namespace is not None and delta.namespace != self.namespace):
            return
        if self.stream is None:
            return
        if delta.stream_id != self.stream:
            self.forget_stream()
        elif self.request and bucket in self.request[1]:
            self.request[3].append(delta)
        elif bucket in self.held:
            self.apply(bucket, delta)

    def apply(self, bucket, delta):
        last = self.tails.get(bucket, self.held[bucket])
        if delta.sequence <= last:
            return
        is_next = delta.previous <= last if self.namespace is not None else delta.sequence == last + 1
        if not is_next:
            self.lose(bucket)
            return
        self.tails[bucket] = delta.sequence
        if delta.change == DELETED:
            self.objects[bucket].pop(delta.uid, None)
        else:
            self.objects[bucket][delta.uid] = delta

    def lose(self, bucket):
        self.held.pop(bucket, None)
        self.tails.pop(bucket, None)

    def forget_stream(self):
        self.stream, self.request = None, None
        self.held.clear()
        self.tails.clear()

    def on_heartbeat(self, heartbeat):
        if self.stream is not None and heartbeat.stream_id != self.stream:
            self.forget_stream()
        self.stream = heartbeat.stream_id
        if self.namespace is None:
            for bucket in list(self.held):
                if heartbeat.sequences[bucket] > self.tails.get(bucket, self.held[bucket]):
                    self.lose(bucket)

    def on_tail(self, tail):
        if tail.stream_id != self.stream or tail.namespace != self.namespace:
            return
        for bucket, sequence in zip(tail.buckets, tail.sequences):
            if bucket in self.held and sequence > self.tails.get(bucket, self.held[bucket]):
                self.lose(bucket)

    def on_answer(self, frames):
        answer = parse("SnapshotAnswer", frames[0])
        if not self.request or answer.request_id != self.request[0]:
            return
        _, buckets, _, kept = self.request
        self.request = None
        if answer.status != OK or answer.stream_id != self.stream or not answer.buckets:
            self.fail()
            return
        self.failures = 0
        at = 1
        for part in answer.buckets:
            deltas = [parse("Delta", frame) for frame in frames[at : at + part.objects]]
            at += part.objects
            self.objects[part.bucket] = {delta.uid: delta for delta in deltas}
            self.held[part.bucket] = part.sequence
            self.tails.pop(part.bucket, None)
        for delta in kept:
            bucket = bucket_of(delta.uid)
            if bucket in self.held:
                self.apply(bucket, delta)

    # What is sent

    def fail(self):
        self.failures += 1
        self.retry_at = time.monotonic() + min(10, 0.1 * 2**self.failures) * random.uniform(0.5, 1)

    def ask(self):
        now = time.monotonic()
        if self.request and now > self.request[2]:
            self.request = None
            self.snapshots.close()
            self.snapshots = self.connect_snapshots()
            self.fail()
        missing = self.wanted - self.held.keys()
        if self.request or self.stream is None or not missing or now < self.retry_at:
            return
        request = MESSAGES["SnapshotRequest"](
            version=VERSION, request_id=random.getrandbits(64), group=self.options.group,
            api_version=self.options.version, resource=self.options.plural, buckets=sorted(missing))
        if self.namespace is not None:
            request.namespaces.append(self.namespace)
        self.request = (request.request_id, missing, now + 5, [])
        self.snapshots.send(request.SerializeToString())

    def is_complete(self):
        return self.stream is not None and not self.wanted - self.held.keys()

    def run(self):
        deadline = time.monotonic() + self.options.timeout
        while time.monotonic() < deadline:
            self.ask()
            if zmq.select([self.snapshots], [], [], 0)[0]:
                self.on_answer(self.snapshots.recv_multipart())
                continue
            if not zmq.select([self.deltas, self.snapshots], [], [], 0.1)[0]:
                continue
            while True:
                try:
                    topic, data = self.deltas.recv_multipart(zmq.NOBLOCK)
                except zmq.Again:
                    break
                if topic.startswith(b"heartbeat/"):
                    self.on_heartbeat(parse("Heartbeat", data))
                elif topic.startswith(b"tail/"):
                    self.on_tail(parse("NamespaceTail", data))
                else:
                    self.on_delta(parse("Delta", data))
                self.ask()
            if self.is_complete() and self.holds_last():
                return True
        return False

    def holds_last(self):
        return any(
            delta.name == self.options.until for objects in self.objects.values() for delta in objects.values())

    def lines(self):
        for objects in self.objects.values():
            for delta in objects.values():
                yield {
                    "namespace": delta.namespace, "name": delta.name, "uid": delta.uid,
                    "resourceVersion": delta.resource_version, "sequence": delta.sequence,
                    "sha256": hashlib.sha256(delta.object).hexdigest(), "bytes": len(delta.object),
                }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deltas", required=True)
    parser.add_argument("--snapshots", required=True)
    parser.add_argument("--group", default="")
    parser.add_argument("--version", default="v1")
    parser.add_argument("--plural", default="pods")
    parser.add_argument("--resource", help="name in topics, if it is not the plural")
    parser.add_argument("--namespace")
    parser.add_argument("--buckets", default="0-255", help="FIRST-LAST")
    parser.add_argument("--until", required=True, help="name of the object to wait for")
    parser.add_argument("--stream-keys", help="directory with client.key and server.pub")
    parser.add_argument("--timeout", type=float, default=60)
    options = parser.parse_args()
    options.resource = options.resource or options.plural
    first, last = options.buckets.split("-")
    options.buckets = range(int(first), int(last) + 1)
    subscriber = Subscriber(options)
    if not subscriber.run():
        sys.exit("not complete within the time")
    for line in subscriber.lines():
        print(json.dumps(line))


if __name__ == "__main__":
    main()

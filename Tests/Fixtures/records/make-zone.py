#!/usr/bin/env python3
"""Writes zone.tsv: the records that dnspython (Debian's python3-dnspython) reads from zone.db, as owner, TTL, type and data in wire form.

    cd Tests/Fixtures/records && python3 make-zone.py > zone.tsv
"""
import dns.rdatatype, dns.zone

zone = dns.zone.from_file('zone.db', 'example.org.', relativize=False, allow_include=True, check_origin=False)
lines = [f'{name.canonicalize().to_wire().hex()}\t{ttl}\t{int(data.rdtype)}\t{data.to_wire().hex()}' for name, ttl, data in zone.iterate_rdatas()]
print('\n'.join(sorted(lines)))

#!/usr/bin/env python3
"""Writes wire.tsv: for every record of texts.txt what dnspython (Debian's python3-dnspython) makes of it.

    cd Tests/Fixtures/records && python3 make.py texts.txt > wire.tsv

Columns: the record's text with line ends as \\n; its owner in wire form; TTL; class; type; data; all in hexadecimal but TTL, class and type. Or `refused`.
Names without a final dot are below example.org., records without TTL have 3600.
"""
import sys
import dns.name, dns.rdata, dns.rdataclass, dns.rdatatype, dns.ttl, dns.tokenizer

ORIGIN = dns.name.from_text('example.org.')

def entries(lines):
    held = ''
    for line in lines:
        held += line
        bare = held.split(';')[0] if '"' not in held else held
        if bare.count('(') > bare.count(')') and '"semi' not in held: continue
        yield held.rstrip('\n')
        held = ''

def wire(text):
    tokens = dns.tokenizer.Tokenizer(text)
    owner = dns.name.from_text(tokens.get(want_leading=True).value, ORIGIN)
    ttl, rdclass = 3600, dns.rdataclass.IN
    while True:
        word = tokens.get()
        try:
            rdclass = dns.rdataclass.from_text(word.value); continue
        except dns.rdataclass.UnknownRdataclass: pass
        if word.value[:1].isdigit(): ttl = dns.ttl.from_text(word.value); continue
        rdtype = dns.rdatatype.from_text(word.value); break
    data = dns.rdata.from_text(rdclass, rdtype, tokens, ORIGIN, relativize=False)
    return f'{owner.to_wire().hex()}\t{ttl}\t{int(rdclass)}\t{int(rdtype)}\t{data.to_wire().hex()}'

for text in entries(open(sys.argv[1])):
    try: out = wire(text)
    except Exception as error: out = 'refused'; print(text, type(error), error, file=sys.stderr)
    print(text.replace('\n', '\\n') + '\t' + out)

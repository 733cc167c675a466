# SPDX-License-Identifier: Apache-2.0
"""Documents for tests/differential: random ones that look like the mini shape of src/json/test-mini.h
with everything wrong that a client could do to it, mutations of the corpus, and hand-picked ones."""

BIND = {"Propagation": "str", "Sizes": ["int32"], "Labels": {"": "str"}}
MOUNT = {"Type": "str", "Source": "str", "Target": "str", "ReadOnly": "bool", "Bind": BIND, "BindOptions": BIND}
HOST = {
    "Binds": ["str"], "Mounts": [MOUNT], "Privileged": "bool", "NetworkMode": "str", "Memory": "int64",
    "PidsLimit": "int64", "Init": "bool", "KernelMemory": "uint64", "Swappiness": "int8", "BlkioWeight": "uint16",
    "CpuPercent": "float", "Ratio": "float", "Annotations": {"": "str"}, "PortBindings": {"": [MOUNT]},
    "Devices": [MOUNT], "ByName": {"": MOUNT}, "ByNamePtr": {"": MOUNT}, "Dns_Search-1": ["str"], "Extra": "any",
    "Extras": ["any"], "Flags": ["bool"], "Counts": {"": "int64"}, "Matrix": [["str"]],
}
CREATE = {"Image": "str", "Cmd": "strslice", "Env": ["str"], "Labels": {"": "str"}, "Tty": "bool", "ask": "str",
          "HostConfig": HOST, "Opaque": {"": "any"}}

EDGES = [0, 1, -1, 127, 128, -128, -129, 65535, 65536, 2**31 - 1, 2**31, -2**31, -2**31 - 1, 2**32, 2**53 + 1,
         2**63 - 1, 2**63, -2**63, -2**63 - 1, 2**64 - 1, 2**64, 10**30]
NUMBERS = [b"-0", b"0.0", b"1.0", b"1e3", b"1E+2", b"-1.5e-7", b"1e308", b"1e309", b"-1e309", b"1e-400", b"3.4e38",
           b"3.5e38", b"340282356779733661637539395458142568447", b"340282356779733661637539395458142568448",
           b"5e-324", b"0.1", b"123456789.123456789", b"1e999", b"2.2250738585072011e-308"]
BAD_NUMBERS = [b"01", b"-", b"+1", b".5", b"1.", b"1e", b"1e+", b"0x10", b"NaN", b"Infinity", b"--1", b"1_000", b"00"]
PIECES = [b"a", b"Z", b" ", b"/", b"\\\"", b"\\\\", b"\\/", b"\\b", b"\\f", b"\\n", b"\\r", b"\\t", b"\\u0000",
          b"\\u001F", b"\\u00e9", b"\\u20ac", b"\\ud83d\\ude00", b"\\ud800", b"\\udc00", b"\\uDBFF\\uDFFF",
          b"\\ufffd", b"\\u2028", b"<", b">", b"&", b"\x7f", "é€😀ſK\u2029".encode(), b"\\u017f", b"\\u212a"]
BAD_PIECES = [b"\xff", b"\xc0\xaf", b"\xe2\x82", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf0\x9f\x98", b"\x80",
              b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xef\xbf\xbe"]
BROKEN_PIECES = [b"\\u12", b"\\u12G4", b"\\x41", b"\\'", b"\\U0041", b"\n", b"\x00", b"\x1f", b"\\", b"\\ud83d\\u"]
TOKENS = [b"{", b"}", b"[", b"]", b",", b":", b'"', b"null", b"true", b"false", b"0", b"-", b"\\", b" ", b"\n",
          b'""', b"{}", b"[]", b"[null]", b'"HostConfig":', b'"Mounts":[', b"\\u017f", b"\xff", b"\xef\xbb\xbf", b"1e9"]


def nested(depth, opening, closing):
    return opening * depth + b"0" + closing * depth


def picked():
    """Documents where being off by one matters, or that are too long to have in the corpus."""
    for depth in (1, 63, 64, 65, 1000, 9999, 10000, 10001, 20000):
        yield nested(depth, b"[", b"]")
        yield nested(depth, b'{"a":', b"}")
        yield b"[" * depth
    for key in (b"HostConfig", b"hostconfig", b"HOSTCONFIG", b"Ho\\u017ftConfig", "Ho\u017ftConfig".encode(),
                b"HostConfi\xc4\x9f", b"Host_Config", b"HostConfig\\u0000", b"\\u0048ostConfig", b" HostConfig"):
        for inner in (b"NetworkMode", b"networ\\u212amode", "NETWOR\u212aMODE".encode(), b"networ\\u212bmode",
                      "ｎetworkMode".encode(), b"NetworkMode\xff"):
            yield b'{"%s":{"%s":"host"}}' % (key, inner)
    for number in BAD_NUMBERS + NUMBERS + [b"%d" % n for n in EDGES]:
        for field in (b"Memory", b"KernelMemory", b"Swappiness", b"BlkioWeight", b"CpuPercent", b"Ratio", b"Extra"):
            yield b'{"HostConfig":{"%s":%s}}' % (field, number)
    for piece in PIECES + BAD_PIECES + BROKEN_PIECES:
        yield b'"%s"' % piece
        yield b'"x%sy"' % piece
        yield b'{"%s":1,"%s":2}' % (piece, piece)
    # Old elements of lists: longer and shorter duplicates, ends by null and by the empty list.
    lists = [b"[]", b"null", b'["a"]', b'["b","c"]', b"[null]", b"[null,null,null]", b'["d","e","f","g","h","i"]',
             b"[null,null,null,null,null,null,null,null]"]
    for one in lists:
        for two in lists:
            for three in lists:
                yield b'{"HostConfig":{"Binds":%s,"binds":%s,"BINDS":%s}}' % (one, two, three)
                yield b'{"Cmd":%s,"cmd":%s,"HostConfig":{"Dns_Search-1":%s,"Dns_Search-1":%s}}' % (one, two, two, three)
    yield b"{}}"
    yield b"{}{}"
    yield b" \t\r\n{} \t\r\n"
    yield b"\v{}"
    yield b""


class Generator:
    def __init__(self, random):
        self.random = random
        self.chance = 0.0  # of something odd at each step; set per document

    def odd(self, weight=1.0):
        return self.random.random() < self.chance * weight

    def space(self):
        return self.random.choice([b" ", b"\n", b"\t", b"\r\n  "]) if self.random.random() < 0.05 else b""

    def string(self):
        out = b""
        for _ in range(self.random.randrange(5)):
            out += self.random.choice(PIECES)
            if self.odd(0.1):
                out += self.random.choice(BAD_PIECES)
            if self.odd(0.01):
                out += self.random.choice(BROKEN_PIECES)
        return b'"' + out + b'"'

    def number(self, kind=None):
        if self.odd(0.02):
            return self.random.choice(BAD_NUMBERS)
        if kind == "float" or self.odd(0.2):
            return self.random.choice(NUMBERS)
        if self.odd(0.5):
            return b"%d" % self.random.choice(EDGES)
        return b"%d" % self.random.randrange(100)

    def key(self, name):
        """One of the spellings that Go folds to the name, or nearly."""
        out = b""
        for c in name:
            r = self.random.random() if self.odd() else 1.0
            if r < 0.2:
                out += c.swapcase().encode()
            elif r < 0.4 and c in "sSkK":
                out += self.random.choice([b"\\u017f", "\u017f".encode()] if c in "sS" else [b"\\u212A", "\u212a".encode()])
            elif r < 0.45:
                out += b"\\u%04x" % ord(c)
            elif r < 0.47 and not c.isalpha():
                out += b"\\u%04x" % (ord(c) ^ 0x20)  # what folding by one bit would take for the same
            elif r < 0.46:
                out += self.random.choice([b"\\u0131", b"\xff", b"_", b"\\u212b"])
            else:
                out += c.encode()
        return b'"' + out + b'"'

    def members(self, pairs):
        out = b",".join(self.space() + k + self.space() + b":" + v for k, v in pairs)
        return b"{" + out + self.space() + b"}"

    def struct(self, fields, depth):
        names = [n for n in fields if self.random.random() < 3.0 / len(fields) + 0.1]
        while names and self.odd():
            names.append(self.random.choice(names))  # a duplicate
        pairs = [(self.key(n), self.value(fields[n], depth + 1)) for n in names]
        if self.odd(0.3):
            pairs.append((self.string(), self.value("any", depth + 1)))
        return self.members(pairs)

    def map(self, element, depth):
        keys = [b'"%s"' % self.random.choice([b"a", b"A", b"b", b"k", b"80/tcp"]) for _ in range(self.random.randrange(4))]
        if not self.odd():
            keys = list(dict.fromkeys(keys))
        return self.members([(k, self.value(element, depth + 1)) for k in keys])

    def value(self, kind, depth=0):
        if self.odd(0.15):
            return b"null"
        if depth > 7:
            return b"0" if kind == "any" else b"null"
        if self.odd(0.03) or kind == "any":
            kind = self.random.choice(["str", "bool", "int64", "float", [kind], {"": "any"}, {"Any": "any", "x": "str"}])
        if kind == "strslice":
            kind = self.random.choice(["str", ["str"]])
        if kind == "str":
            return self.string()
        if kind == "bool":
            return self.random.choice([b"true", b"false"])
        if isinstance(kind, list):
            items = [self.space() + self.value(kind[0], depth + 1) for _ in range(self.random.randrange(4))]
            return b"[" + b",".join(items) + self.space() + b"]"
        if isinstance(kind, dict):
            return self.map(kind[""], depth) if "" in kind else self.struct(kind, depth)
        return self.number(kind)

    def document(self):
        self.chance = self.random.choice([0.0, 0.02, 0.1, 0.3])
        return self.space() + self.value(CREATE) + self.space()

    def mutate(self, text, others):
        text = bytearray(text)
        for _ in range(self.random.randrange(1, 4)):
            at = self.random.randrange(len(text) + 1)
            end = min(len(text), at + self.random.randrange(1, 12))
            what = self.random.randrange(6)
            if what == 0:
                text[at:at] = self.random.choice(TOKENS)
            elif what == 1:
                del text[at:end]
            elif what == 2:
                text[at:at] = text[at:end]
            elif what == 3 and at < len(text):
                text[at] ^= 1 << self.random.randrange(8)
            elif what == 4:
                other = self.random.choice(others)
                start = self.random.randrange(len(other) + 1)
                text[at:end] = other[start:start + self.random.randrange(20)]
            elif at < len(text):
                text[at] = self.random.randrange(256)
        return bytes(text)

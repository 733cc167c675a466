#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A client of the Kubernetes Container Runtime Interface (runtime.v1), as far as the tests need it: Debian has no
crictl. Runs in the node; needs python3-grpcio only.

    cri.py ADDRESS METHOD MESSAGE.json

A message is a list of [field number, value]: a value is a string, a number, or again such a list. The answer is
printed in the same form, everything of wire type 2 that is no text being tried as a message.
"""

import json
import sys

SERVICE = "/runtime.v1.RuntimeService/"


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def encode(message):
    out = b""
    for field, value in message:
        if isinstance(value, int):
            out += varint(field << 3) + varint(value)
            continue
        data = encode(value) if isinstance(value, list) else value.encode()
        out += varint(field << 3 | 2) + varint(len(data)) + data
    return out


def read_varint(data, at):
    n = shift = 0
    while True:
        byte = data[at]
        n |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return n, at


def decode(data):
    out, at = [], 0
    while at < len(data):
        key, at = read_varint(data, at)
        n, at = read_varint(data, at)
        if key & 7 == 0:
            out.append([key >> 3, n])
        elif key & 7 == 2 and at + n <= len(data):
            out.append([key >> 3, value_of(data[at:at + n])])
            at += n
        else:
            raise ValueError("neither a number nor bytes")
    return out


def value_of(data):
    text = data.decode("utf-8", "replace")
    if text.isprintable() or text.replace("\n", "").isprintable():
        return text
    try:
        return decode(data)
    except (ValueError, IndexError):
        return text


def main():
    import grpc  # the encoder is used without it, too
    address, method, message = sys.argv[1:]
    with grpc.insecure_channel(f"unix://{address}") as channel:
        call = channel.unary_unary(SERVICE + method, request_serializer=encode, response_deserializer=decode)
        try:
            json.dump(call(json.loads(message), timeout=60), sys.stdout)
        except grpc.RpcError as e:
            sys.exit(f"{method}: {e.code()}: {e.details()}")


if __name__ == "__main__":
    main()

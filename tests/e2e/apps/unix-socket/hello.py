# SPDX-License-Identifier: Apache-2.0
import os


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"hello from uid {os.getuid()}\n".encode()]

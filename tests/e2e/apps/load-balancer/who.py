# SPDX-License-Identifier: Apache-2.0
import http.server
import socket


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(socket.gethostname().encode() + b"\n")


http.server.HTTPServer(("", 8000), Handler).serve_forever()

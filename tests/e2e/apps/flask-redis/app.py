# SPDX-License-Identifier: Apache-2.0
import os

import flask
import redis

app = flask.Flask(__name__)
cache = redis.Redis(host="redis")


@app.route("/")
def hello():
    with open("visits.log", "a", encoding="ascii") as f:
        f.write("visit\n")
    return f"seen {cache.incr('hits')} times, uid {os.getuid()}\n"

# SPDX-License-Identifier: Apache-2.0
import sqlite3

import flask

app = flask.Flask(__name__)


def store():
    db = sqlite3.connect("/data/notes.db")
    db.execute("create table if not exists note (text text)")
    return db


@app.route("/add/<text>")
def add(text):
    with store() as db:
        db.execute("insert into note values (?)", (text,))
    return "added\n"


@app.route("/")
def index():
    return "version 1: " + " ".join(r[0] for r in store().execute("select text from note")) + "\n"

#!/usr/bin/python3
"""A basket for Apache's mod_session: the session comes in HTTP_SESSION, and what changes goes out in X-Replace-Session.

Whether mod_session keeps it or something else that speaks the same, it cannot tell.
"""
import hashlib
import json
import os
import sys
from urllib.parse import parse_qsl, urlencode


def entry(item):
    # mod_session cannot take away a name that has to be escaped.
    return "item." + hashlib.sha1(item.encode()).hexdigest()[:12]


session = dict(parse_qsl(os.environ["HTTP_SESSION"]))
form = dict(parse_qsl(sys.stdin.read(int(os.environ.get("CONTENT_LENGTH") or 0)), keep_blank_values=True))
action = os.environ["REQUEST_METHOD"] + " " + os.environ["SCRIPT_NAME"]

if action == "POST /login":
    changes = {"user": form["user"]}
elif action == "POST /basket":
    changes = {entry(form["item"]): form["item"]}
elif action == "POST /remove":
    changes = {entry(form["item"]): ""}
elif action == "POST /logout":
    changes = dict.fromkeys(session, "")
else:
    changes = {}

if changes:
    # mod_session merges these into what is there; one without a value goes.
    print("X-Replace-Session: " + urlencode(changes))
    session = {name: value for name, value in {**session, **changes}.items() if value}
print("Content-Type: application/json\n")
print(json.dumps({
    "user": session.get("user"),
    "items": sorted(value for name, value in session.items() if name.startswith("item.")),
    "seen": os.environ["HTTP_SESSION"],
}))

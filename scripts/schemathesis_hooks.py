"""What schemathesis cannot know of docs/openapi.json: rooms that exist, who owns them, and one client's limits.

Every request comes from an address of its own, which the server believes because it is started with this machine
among its trusted proxies: otherwise one address would soon be answered 429 and nothing else. Valid requests go to
rooms that exist, so that more than "no such room" is answered; invalid ones stay as they were made.
"""

import itertools
import json
import os
import re
import urllib.request

import schemathesis

SERVER = os.environ["T4M_TESTED_SERVER"]
ROOM_ID = re.compile(r"[A-Za-z0-9_-]{16}")
# 29 bytes, the fewest that are a sealed manifest.
SEALED = "A" * 39
PASSWORD = "right"

requests = itertools.count(1)


def address():
    """An address that no earlier request came from."""
    number = next(requests)
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def call(method, path, body=None, token=None):
    """One request of our own."""
    request = urllib.request.Request(SERVER + path, method=method)
    request.add_header("X-Forwarded-For", address())
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    if body is not None:
        request.add_header("Content-Type", "application/json")
        request.data = json.dumps(body).encode()
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.headers, answer.read()


def make_room(**fields):
    """A new room's id, and what proves to be its owner."""
    room = {
        "sealed_manifest": SEALED,
        "total_bytes": 1,
        "file_count": 1,
        "media_kind": "other",
        "join_verifier": "A" * 43,
    }
    made = json.loads(call("POST", "/api/rooms", room | fields)[1])
    return made["room_id"], made["owner_token"]


open_room, _ = make_room()
locked_room, _ = make_room(password={"kind": "text", "text": PASSWORD})
unlocked_room, _ = make_room(password={"kind": "text", "text": PASSWORD})
over_room, over_token = make_room()
call("DELETE", f"/api/rooms/{over_room}", token=over_token)
headers, _ = call("POST", f"/api/rooms/{unlocked_room}/password", {"password": PASSWORD})
ticket = headers["Set-Cookie"].split(";")[0]
# What each was shown besides its id. One of five is left as it was made.
shown = itertools.cycle(
    [
        (open_room, None),
        (locked_room, None),
        (unlocked_room, ticket),
        (over_room, None),
        None,
    ]
)


def is_valid(case):
    """Whether the request keeps to the description."""
    return case.meta is not None and case.meta.generation.mode.value == "positive"


@schemathesis.hook
def before_call(context, case, kwargs):
    case.headers["X-Forwarded-For"] = address()
    if case.path.endswith("/socket"):
        case.headers["Origin"] = SERVER
    if not is_valid(case) or not ROOM_ID.fullmatch(str(case.path_parameters.get("room_id", ""))):
        return
    if case.method.upper() == "DELETE":
        # A room that goes has to be a new one; half are closed by somebody else.
        room, token = make_room()
        case.path_parameters["room_id"] = room
        if next(requests) % 2:
            case.headers["Authorization"] = f"Bearer {token}"
        return
    known = next(shown)
    if known is None:
        return
    case.path_parameters["room_id"], cookie = known
    if cookie:
        case.headers["Cookie"] = cookie
    if case.path.endswith("/password") and next(requests) % 2:
        case.body["password"] = PASSWORD

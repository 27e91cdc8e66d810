"""What the Python programs share: the environment, the list of cases, and the way to ask something of the harness."""

import os
import sys

HOST = os.environ.get("PREGON_HOST", "127.0.0.1")
PORT = int(os.environ.get("PREGON_PORT", "6379"))
# Where to subscribe: at the same server, or at another node of its deployment.
SUBSCRIBER_PORT = int(os.environ.get("PREGON_SUBSCRIBER_PORT", PORT))
RESP = int(os.environ.get("PREGON_RESP", "3"))
# What a connection over TLS needs, as redis-py takes it; nothing for a plain one.
TLS = {
    "ssl": True,
    "ssl_ca_certs": os.environ["PREGON_CA"],
    "ssl_certfile": os.environ.get("PREGON_CERT"),
    "ssl_keyfile": os.environ.get("PREGON_KEY"),
} if "PREGON_CA" in os.environ else {}
# The authority that vouches for the certificate that a renewal brings, and what the library is to say of one that it refuses.
NEXT_CA = os.environ.get("PREGON_NEXT_CA")
REFUSAL = os.environ.get("PREGON_REFUSAL", "")
PASSWORD = os.environ.get("PREGON_PASSWORD", "")

# Seconds after which a case gives up waiting.
DEADLINE = 20

# A name and a message with every byte value, CR LF and NUL included.
EVERY_BYTE = bytes(range(256))

# Two messages of a megabyte and a bit.
MEGABYTES = [filler + EVERY_BYTE * 4096 + filler for filler in (b"a", b"z")]

THOUSAND_CHANNELS = [f"channel:{n}".encode() for n in range(1000)]

# What the server answers, as redis-py shows it: without the code.
WRONG_PASSWORD = "invalid username-password pair or user is disabled."
REFUSED_HELLO = "HELLO must be called with the client already authenticated"
MISSING_PASSWORD = REFUSED_HELLO if RESP == 3 else "Authentication required."
UNKNOWN_PROCLAIM = "unknown command 'PROCLAIM', with args beginning with: 'news' 'hello' "

# So many messages the harness publishes when it is asked for a flood, and one that says that it is over.
FLOOD = 1500
# As many go to these, and are lost with them.
SIDES = [f"side:{n}" for n in range(10)]

_cases = {}


def case(function):
    """Registers a function as a case that the test harness can ask for by name."""
    _cases[function.__name__] = function
    return function


def counted(receivers):
    """What PUBLISH answers when so many hear it: those at its own node."""
    return receivers if SUBSCRIBER_PORT == PORT else 0


def ask(order):
    """Returns when the harness has done this: "restart" starts the server where subscribers are again, on the same port."""
    print("@" + order, flush=True)
    assert sys.stdin.readline() == "ok\n"


def check_flood(events, last):
    """What was heard of a flood: rising numbers from 0 on, and what was lost, which is told in RESP3 alone."""
    messages = [event for event in events if event["type"] == "message"]
    numbers = [int(event["data"].split(b":")[0]) for event in messages if event["channel"] == b"news"]
    assert numbers == sorted(set(numbers)) and numbers[0] == 0, numbers
    missing = 2 * FLOOD - len(messages)
    # redis-py shows what it does not know in the place of a message.
    gaps = [event for event in events if event["type"] == "gap"]
    told = sum(event["data"] for event in gaps)
    assert missing > 0 and told == (missing if RESP == 3 else 0), (missing, told)
    # More channels than are told apart.
    assert RESP == 2 or any(event["channel"] is None for event in gaps), gaps
    assert last["type"] == "message", last


def check_signs_of_life(count):
    """How many there were in a silence; they are sent in RESP3 alone, and redis-py shows them in the place of a message."""
    assert (count > 0) == (RESP == 3), count


def main(run=lambda function: function()):
    """Runs the case that the first argument names, or lists all of them."""
    if sys.argv[1] == "--list":
        print("\n".join(_cases))
    else:
        run(_cases[sys.argv[1]])

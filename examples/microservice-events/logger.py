"""Writes down every event, of whatever kind."""

from events import consume


def log(kind, content):
    print(f"log: {kind} {content}", flush=True)


if __name__ == "__main__":
    consume("logger", "*", log)

"""A dashboard and a ledger hear the same events. Both are away for two of them; the ledger catches up."""

import sys
from subprocess import PIPE, Popen

from events import connect, publish


class Listener:
    def __init__(self, program):
        self._process = Popen([sys.executable, program], stdout=PIPE, text=True)

    def says(self):
        """Shows the next line of the program as soon as it is there."""
        line = self._process.stdout.readline()
        if not line:
            sys.exit("a listener has ended")
        print(line, end="")

    def end(self):
        self._process.terminate()
        said, _ = self._process.communicate()
        print(said, end="")


def say(client, event):
    print(f"publisher: {event}; {publish(client, event)} listened")


def main():
    with connect() as client:
        print("== both listen")
        dashboard, ledger = begin()
        say(client, "order 1 paid")
        dashboard.says()
        ledger.says()
        dashboard.end()
        ledger.end()
        print("== both are away")
        say(client, "order 1 sent")
        say(client, "order 2 paid")
        print("== both are back")
        dashboard, ledger = begin(missed=2)
        say(client, "order 2 sent")
        dashboard.says()
        ledger.says()
        dashboard.end()
        ledger.end()


def begin(missed=0):
    dashboard, ledger = Listener("dashboard.py"), Listener("ledger.py")
    dashboard.says()
    for _ in range(missed):
        ledger.says()
    ledger.says()
    return dashboard, ledger


if __name__ == "__main__":
    main()

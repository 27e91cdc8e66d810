"""Ana writes while Bea is away, and goes on when she is there."""

import sys
from subprocess import PIPE, Popen

from chat import connect
from sender import send

BEFORE = ["¡Hola, Bea! ¿Qué tal?", "Mañana hay corrida de pregones 📯"]
AFTER = ["Ça va? Grüße, 你好, привет 👋🏽", "👩‍👩‍👧‍👦 wait for you"]


def write(client, text):
    waiting = send(client, "ana", "bea", text)
    print(f"ana to bea: {text}")
    return waiting


def main():
    with connect() as client:
        waiting = [write(client, text) for text in BEFORE][-1]
        print(f"{waiting} messages wait for bea")
        bea = Popen([sys.executable, "receiver.py", "bea"], stdout=PIPE, text=True)
        # "ready", and then what waited for her.
        show(bea, 1 + waiting)
        for text in AFTER:
            write(client, text)
            show(bea, 1)
    bea.terminate()
    said, _ = bea.communicate()
    print(said, end="")
    sys.exit(bea.returncode)


def show(receiver, lines):
    for _ in range(lines):
        print(receiver.stdout.readline(), end="", flush=True)


if __name__ == "__main__":
    main()

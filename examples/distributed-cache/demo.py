"""Two instances share a price: it is changed in Madrid, and Bilbao stops believing its memory."""

import sys
from subprocess import PIPE, Popen

from caches import expect_server


class Instance:
    def __init__(self, name, kind):
        self._process = Popen([sys.executable, "instance.py", name, kind], stdin=PIPE, stdout=PIPE, text=True)
        self.says()

    def does(self, line):
        print(line, file=self._process.stdin, flush=True)
        self.says()

    def says(self):
        """Shows the next line of the instance as soon as it is there."""
        line = self._process.stdout.readline()
        if not line:
            sys.exit("an instance has ended")
        print(line, end="")

    def end(self):
        self._process.communicate()


def change_price(madrid, bilbao):
    bilbao.does("get price")
    bilbao.does("get price")
    madrid.does("set price 12")
    bilbao.says()
    bilbao.does("get price")


def let_price_expire(madrid, bilbao):
    madrid.does("set price 9 2")
    bilbao.says()
    bilbao.does("get price")
    bilbao.says()
    bilbao.does("get price")


def main():
    expect_server()
    for kind, scenes in {"announced": [change_price], "tracked": [change_price, let_price_expire]}.items():
        print(f"== {kind}")
        madrid = Instance("madrid", kind)
        madrid.does("set price 10")
        bilbao = Instance("bilbao", kind)
        for scene in scenes:
            scene(madrid, bilbao)
        madrid.end()
        bilbao.end()


if __name__ == "__main__":
    main()

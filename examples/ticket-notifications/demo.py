"""Two departments hear both purchases; audit comes late and hears only the second."""

import sys
from subprocess import PIPE, Popen

from box_office import BoxOffice
from tickets import connect


def start(name):
    """A department in a process of its own, once it listens."""
    department = Popen([sys.executable, "department.py", name], stdout=PIPE, text=True)
    print(department.stdout.readline(), end="")
    return department


def sell(office, *order):
    purchase, listeners = office.sell(*order)
    print(f"box office: sold #{purchase.number}, {purchase.seats} x {purchase.show}; {listeners} listened")


def main():
    with connect() as client:
        office = BoxOffice(client)
        departments = [start("email"), start("sms")]
        sell(office, "ana@example.com", "+34600111222", 2, "Carmen")
        departments.append(start("audit"))
        sell(office, "zoë@example.com", "+34600333444", 1, "La vida breve")
        office.close()
    for department in departments:
        said, _ = department.communicate()
        print(said, end="")
        if department.returncode != 0:
            sys.exit(f"a department ended with exit code {department.returncode}")


if __name__ == "__main__":
    main()

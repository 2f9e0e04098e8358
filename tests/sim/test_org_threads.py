"""Several threads at once, as the HTTP server's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING

from salesforce_simulator.custom import custom_field

if TYPE_CHECKING:
    from salesforce_simulator.org import Org


def test_writers_lose_nothing_and_readers_see_whole_changes(frozen_org: Org) -> None:
    org = frozen_org
    done = Event()

    def write(writer: int) -> None:
        for number in range(40):
            account = org.create("Account", {"Name": f"{writer}/{number}"})
            with org.atomic():
                org.create("Contact", {"LastName": "a", "AccountId": account})
                org.create("Contact", {"LastName": "b", "AccountId": account})
            if number % 10 == 0:
                org.delete(account)
            if number == 20:
                org.add_field("Account", custom_field(f"Field{writer}__c", "string"))

    def read() -> int:
        looks = 0
        while not done.is_set():
            rows = (
                org.connection().execute('SELECT "AccountId", count(*) FROM "Contact" GROUP BY 1').fetchall()
            )
            assert {count for _, count in rows} <= {2}
            looks += 1
        return looks

    with ThreadPoolExecutor(5) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        writers = [pool.submit(write, number) for number in range(3)]
        try:
            for writer in writers:
                writer.result()
        finally:
            done.set()
        assert all(reader.result() for reader in readers)
    accounts = org.rows("Account")
    assert sorted(row["Name"] for row in accounts) == sorted(f"{w}/{n}" for w in range(3) for n in range(40))
    assert len({row["Id"] for row in accounts}) == 120
    assert (
        sum(row["IsDeleted"] for row in org.rows("Contact"))
        == 2 * sum(row["IsDeleted"] for row in accounts)
        == 24
    )
    assert {"Field0__c", "Field1__c", "Field2__c"} <= set(org.object("Account").fields)


def test_a_reader_in_mid_query_is_not_disturbed(frozen_org: Org) -> None:
    org = frozen_org
    org.load("Account", ((f"n{number}",) for number in range(2000)), ("Name",))
    cursor = org.connection().execute('SELECT "Name" FROM "Account"')
    first = cursor.fetchmany(10)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(org.load, "Account", [("new",)], ("Name",)).result()
        pool.submit(org.add_field, "Account", custom_field("New__c", "string")).result()
    assert len(first) + len(cursor.fetchall()) == 2000
    assert org.count("Account") == 2001

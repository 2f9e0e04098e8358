"""The example company's rows, object by object, parents first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from salesforce_simulator.clock import to_ms
from salesforce_simulator.derived import STAGES, auto_number, derive
from salesforce_simulator.filler import Filler
from salesforce_simulator.texts import (
    CITIES,
    COMPANIES,
    FIRST_NAMES,
    FORMS,
    HURTFUL,
    LAST_NAMES,
    TRADES,
    WORDS,
)

if TYPE_CHECKING:
    from datetime import datetime
    from random import Random

    from salesforce_simulator.org import Org
    from salesforce_simulator.schema import SObject
    from salesforce_simulator.store import Row

_DAY_MS = 86_400_000
_BATCH = 2_000
OPEN_LEAD = ("Open - Not Contacted", "Working - Contacted")
Make = Callable[[int], "Row"]


class Records:
    """Fills an org; everything comes from the random generator, so one seed makes one company.

    `scale` multiplies what grows with business. Every row is a day old at least by `now`.
    """

    def __init__(self, org: Org, random: Random, scale: float, now: datetime) -> None:
        self._org = org
        self._random = random
        self._scale = scale
        self._now_ms = to_ms(now) // 1000 * 1000
        self._today = now.date()
        self.ids: dict[str, list[str]] = {}
        for name in ("User", "Profile", "UserLicense"):
            self.ids[name] = [row["Id"] for row in org.rows(name)]
        self._filler = Filler(random, self.ids, self._now_ms)

    def everything(self) -> None:
        """Every object, parents before children."""
        self._people()
        self._setup()
        self._products()
        self._marketing_and_sales()
        self._service()
        self._activities()
        self._tags()

    # helpers

    def _many(self, count: int) -> int:
        return max(3, round(count * self._scale))

    def _pick(self, name: str) -> str:
        return self._random.choice(self.ids[name])

    def _maybe(self, name: str, chance: float = 0.8) -> str | None:
        return self._pick(name) if self._random.random() < chance else None

    def _add(self, name: str, count: int, make: Make | None = None) -> None:
        """Add rows to an object, if the org has it: filled, then with what `make` says of the n-th."""
        sobject = self._org.schema.get(name)
        if sobject is None:
            return
        fill = self._filler.row_maker(sobject)
        ids = self._org.reserve_ids(name, count)
        own = self.ids.setdefault(name, [])

        def made() -> Iterator[Row]:
            for number, record_id in enumerate(ids):
                given = make(number) if make is not None else {}
                yield self._finished(sobject, number, {"Id": record_id, **fill(), **given}, given)
                own.append(record_id)

        rows = made()
        while batch := list(islice(rows, _BATCH)):
            columns = list(batch[0])
            self._org.load(name, ([row[column] for column in columns] for row in batch), columns)

    def _finished(self, sobject: SObject, number: int, row: Row, given: Row) -> Row:
        """The row with its stamps and what Salesforce works out."""
        random = self._random
        created = self._now_ms - random.randrange(2 * _DAY_MS, 900 * _DAY_MS) // 1000 * 1000
        modified = created + random.randrange(self._now_ms - _DAY_MS - created) // 1000 * 1000
        stamps: Row = {
            "CreatedDate": created,
            "LastModifiedDate": modified,
            # A background job moved the stamp of some rows alone.
            "SystemModstamp": modified
            if random.random() < 0.9
            else min(modified + 3_600_000, self._now_ms - _DAY_MS),
            "CreatedById": self._pick("User"),
            "LastModifiedById": self._pick("User"),
        }
        row |= {name: value for name, value in stamps.items() if name in sobject.fields and name not in given}
        for f in sobject.fields.values():
            if f.auto_number:
                row[f.name] = auto_number(sobject, f.name, number + 1)
        if "MasterRecordId" in sobject.fields:
            row["MasterRecordId"] = None
        row |= derive(sobject, row, {"StageName": row.get("StageName"), **given}, modified)
        return row

    # people and set-up

    def _people(self) -> None:
        roles = ("CEO", "VP Sales", "Sales DACH", "Sales Nordics", "VP Service", "Support")
        self._add(
            "UserRole",
            len(roles),
            lambda n: (
                {"Name": roles[n], "DeveloperName": roles[n].replace(" ", "_")}
                | {
                    "ParentRoleId": None,
                    "ForecastUserId": None,
                    "PortalType": "None",
                }
            ),
        )
        names = ("Standard User", "Marketing User", "Contract Manager", "Read Only", "Solution Manager")
        self._add("Profile", len(names), lambda n: {"Name": names[n], "UserType": "Standard"})
        self._add("User", 11, self._user)
        taken = len(self._org.rows("UserLogin"))
        users = self.ids["User"][taken:]
        self._add(
            "UserLogin", len(users), lambda n: {"UserId": users[n], "IsFrozen": 0, "IsPasswordLocked": 0}
        )
        groups = ("All Sales", "Tier 1 Support", "Tier 2 Support", "Lead Desk", "Partners", "Europe")
        self._add("Group", len(groups), lambda n: {
            "Name": groups[n], "DeveloperName": groups[n].replace(" ", "_"), "RelatedId": None,
            "Type": "Queue" if "Support" in groups[n] or "Desk" in groups[n] else "Regular",
        })  # fmt: skip

    def _user(self, number: int) -> Row:
        first, last = self._person(number)
        return {
            "Username": f"user{number}@acme.example",
            "FirstName": first,
            "LastName": last,
            "Alias": f"user{number}",
            "CommunityNickname": f"user{number}",
            "Email": f"user{number}@acme.example",
            "IsActive": int(number != 3),
            "ProfileId": self._pick("Profile"),
            "UserRoleId": self._pick("UserRole"),
            "UserType": "Standard",
            "ManagerId": self.ids["User"][0],
            "ContactId": None,
            "AccountId": None,
        }

    def _person(self, number: int) -> tuple[str, str]:
        return FIRST_NAMES[number % len(FIRST_NAMES)], LAST_NAMES[number * 7 % len(LAST_NAMES)]

    def _setup(self) -> None:
        kinds = ("Document", "Dashboard", "Report", "Email")
        self._add("Folder", len(kinds), lambda n: {
            "Name": f"Shared {kinds[n]}s", "DeveloperName": f"Shared_{kinds[n]}s", "Type": kinds[n], "ParentId": None,
        })  # fmt: skip
        self._add("OpportunityStage", len(STAGES), lambda n: {
            "MasterLabel": STAGES[n][0], "ApiName": STAGES[n][0], "IsActive": 1, "SortOrder": n + 1,
            "IsClosed": STAGES[n][1], "IsWon": STAGES[n][2], "DefaultProbability": STAGES[n][3],
            "ForecastCategory": STAGES[n][4], "ForecastCategoryName": STAGES[n][5],
        })  # fmt: skip
        for name, values in (
            ("CaseStatus", "New Working Escalated Closed"),
            ("TaskStatus", "Open Completed"),
        ):
            labels = values.split()
            self._add(name, len(labels), lambda n, labels=labels: {  # type: ignore[misc]
                "MasterLabel": labels[n], "ApiName": labels[n], "SortOrder": n + 1, "IsDefault": int(n == 0),
                "IsClosed": int(n == len(labels) - 1),
            })  # fmt: skip
        self._add("Period", 24, self._period)
        dashboards = ("Pipeline", "Support load", "Campaign return", "Forecast")
        self._add("Dashboard", len(dashboards), lambda n: {
            "Title": dashboards[n], "DeveloperName": dashboards[n].replace(" ", "_"), "FolderId": self.ids["Folder"][1],
            "LeftSize": "Medium", "RightSize": "Medium", "Type": "SpecifiedUser", "NamespacePrefix": None,
        })  # fmt: skip
        self._add("Document", 12, lambda n: {
            "Name": f"Brochure {n + 1}", "DeveloperName": f"Brochure_{n + 1}", "FolderId": self.ids["Folder"][0],
            "ContentType": "application/pdf", "Type": "pdf", "NamespacePrefix": None,
            "Body": self._random.randbytes(40 * n + 1),
        })  # fmt: skip

    def _period(self, number: int) -> Row:
        year, month = self._today.year - 1 + number // 12, number % 12 + 1
        start = date(year, month, 1)
        end = (start + timedelta(days=32)).replace(day=1) - timedelta(days=1)
        return {
            "Type": "Month", "StartDate": start.isoformat(), "EndDate": end.isoformat(), "Number": month,
            "PeriodLabel": None, "QuarterLabel": None, "IsForecastPeriod": 1, "FiscalYearSettingsId": None,
            "FullyQualifiedLabel": f"Month {month} FY {year}",
        }  # fmt: skip

    def _products(self) -> None:
        self._add("Product2", 40, lambda n: {
            "Name": f"{TRADES[n % len(TRADES)]} kit {n + 1}", "ProductCode": f"P-{n + 1:04d}", "IsActive": 1, "IsArchived": 0,
            "ProductClass": "Simple",
        })  # fmt: skip
        self._add("Pricebook2", 3, lambda n: {
            "Name": ("Standard Price Book", "Partners", "Retired")[n], "IsActive": int(n < 2), "IsStandard": int(n == 0),
            "IsArchived": int(n == 2),
        })  # fmt: skip
        products, books = self.ids["Product2"], self.ids["Pricebook2"]
        self._add("PricebookEntry", 2 * len(products), lambda n: {
            "Product2Id": products[n % len(products)], "Pricebook2Id": books[n // len(products)], "IsActive": 1,
            "Name": f"{TRADES[n % len(products) % len(TRADES)]} kit {n % len(products) + 1}", "IsArchived": 0,
            "ProductCode": f"P-{n % len(products) + 1:04d}",
        })  # fmt: skip

    # business

    def _marketing_and_sales(self) -> None:
        self._add("Campaign", self._many(15), lambda n: {
            "Name": f"{WORDS[n % len(WORDS)].capitalize()} {2024 + n % 3}", "ParentId": None,
        })  # fmt: skip
        self._add(
            "CampaignShare",
            self._many(30),
            lambda _: {"CampaignId": self._pick("Campaign"), "RowCause": "Manual"},
        )
        self._add("Account", self._many(250), self._account)
        self._add("Contact", self._many(500), self._contact)
        self._add("Lead", self._many(250), self._lead)
        self._add("CampaignMember", self._many(250), self._campaign_member)
        self._add("Contract", self._many(60), lambda _: {"AccountId": self._pick("Account")})
        self._add("Opportunity", self._many(300), self._opportunity)
        self._add("OpportunityContactRole", self._many(200), lambda _: {
            "OpportunityId": self._pick("Opportunity"), "ContactId": self._pick("Contact"),
        })  # fmt: skip
        self._add("OpportunityCompetitor", self._many(60), lambda n: {
            "OpportunityId": self._pick("Opportunity"), "CompetitorName": COMPANIES[-1 - n % 5],
        })  # fmt: skip
        self._add("OpportunityFieldHistory", self._many(300), self._history)
        self._add("OpportunityLineItem", self._many(400), self._line_item)
        self._add("OpportunityLineItemSchedule", self._many(200), lambda _: {
            "OpportunityLineItemId": self._pick("OpportunityLineItem"),
        })  # fmt: skip
        self._add("AccountContactRole", self._many(120), lambda _: {
            "AccountId": self._pick("Account"), "ContactId": self._pick("Contact"),
        })  # fmt: skip
        self._add("Invoice__c", self._many(200), lambda _: {"Account__c": self._pick("Account")})
        self._add("Invoice_Line__c", self._many(500), lambda n: {
            "Name": f"Line {n + 1}", "Invoice__c": self._pick("Invoice__c"),
        })  # fmt: skip

    def _account(self, number: int) -> Row:
        name = (
            f"{COMPANIES[number % len(COMPANIES)]} {self._random.choice(TRADES)} {self._random.choice(FORMS)}"
        )
        hurtful = HURTFUL[number] if number < len(HURTFUL) else None
        city = self._random.choice(CITIES)
        above = self.ids.get("Account")
        return {
            "Name": name,
            "ParentId": self._random.choice(above) if above and number % 3 == 0 else None,
            "BillingCity": city[0], "BillingState": city[1], "BillingPostalCode": city[2], "BillingCountry": city[3],
            "Customer_Code__c": f"C-{number + 1:06d}",
            "Notes__c": hurtful,
            "MyField__c": None if hurtful is None else hurtful[:80],
        }  # fmt: skip

    def _contact(self, number: int) -> Row:
        first, last = self._person(number)
        return {
            "FirstName": first,
            "LastName": last,
            "AccountId": self._maybe("Account", 0.95),
            "ReportsToId": None,
        }

    def _lead(self, number: int) -> Row:
        first, last = self._person(number + 3)
        converted = number % 9 == 0
        return {
            "FirstName": first,
            "LastName": last,
            "Company": f"{COMPANIES[number % len(COMPANIES)]} {TRADES[number % len(TRADES)]}",
            "Status": "Closed - Converted" if converted else OPEN_LEAD[number % 2],
            "IsConverted": int(converted),
            "ConvertedDate": self._today.isoformat() if converted else None,
            "ConvertedAccountId": self._pick("Account") if converted else None,
            "ConvertedContactId": self._pick("Contact") if converted else None,
        }  # fmt: skip

    def _campaign_member(self, number: int) -> Row:
        contact = self._pick("Contact") if number % 2 else None
        lead = None if contact else self._pick("Lead")
        return {
            "CampaignId": self._pick("Campaign"), "ContactId": contact, "LeadId": lead,
            "LeadOrContactId": contact or lead,
        }  # fmt: skip

    def _opportunity(self, number: int) -> Row:
        stage = self._random.choice(STAGES)
        close = self._today + timedelta(days=self._random.randint(-400, 200))
        return {
            "Name": f"{COMPANIES[number % len(COMPANIES)]} {self._random.choice(WORDS)}",
            "AccountId": self._maybe("Account", 0.97),
            "StageName": stage[0],
            "CloseDate": close.isoformat(),
            "ContactId": None,
        }

    def _history(self, _number: int) -> Row:
        name, kind, old, new = self._random.choice(
            (
                ("StageName", "DynamicEnum", "Prospecting", "Qualification"),
                ("Amount", "Currency", "1000.0", "1250.5"),
                ("CloseDate", "DateOnly", "2026-01-31", "2026-02-28"),
                ("created", "Text", None, None),
                ("NextStep", "Text", "007", "NA"),
            )
        )
        return {
            "OpportunityId": self._pick("Opportunity"), "Field": name, "DataType": kind, "OldValue": old, "NewValue": new,
        }  # fmt: skip

    def _line_item(self, number: int) -> Row:
        entry = self._random.randrange(len(self.ids["PricebookEntry"]))
        product = self.ids["Product2"][entry % len(self.ids["Product2"])]
        return {
            "OpportunityId": self._pick("Opportunity"), "PricebookEntryId": self.ids["PricebookEntry"][entry],
            "Product2Id": product, "Name": f"Line item {number + 1}", "ProductCode": None,
        }  # fmt: skip

    def _service(self) -> None:
        self._add("Case", self._many(250), lambda n: {
            "AccountId": self._maybe("Account"), "ContactId": self._maybe("Contact"), "ParentId": None,
            "Subject": f"{WORDS[n % len(WORDS)].capitalize()} does not work",
        })  # fmt: skip
        self._add("CaseComment", self._many(200), lambda _: {"ParentId": self._pick("Case")})
        self._add("CaseContactRole", self._many(60), lambda _: {
            "CasesId": self._pick("Case"), "ContactId": self._pick("Contact"),
        })  # fmt: skip
        self._add("Solution", 30, lambda n: {"SolutionName": f"How to mend {WORDS[n % len(WORDS)]}"})
        self._add("CaseSolution", self._many(60), lambda _: {
            "CaseId": self._pick("Case"), "SolutionId": self._pick("Solution"),
        })  # fmt: skip

    def _activities(self) -> None:
        self._add("Task", self._many(400), lambda n: {
            "WhoId": self._pick("Contact") if n % 3 else self._pick("Lead"),
            "WhatId": self._pick(("Account", "Opportunity", "Case", "Campaign")[n % 4]) if n % 3 else None,
            "RecurrenceType": None,
        })  # fmt: skip
        self._add("Event", self._many(150), lambda n: {
            "WhoId": self._pick("Contact") if n % 4 else None, "WhatId": self._pick(("Account", "Opportunity")[n % 2]),
        })  # fmt: skip
        self._add(
            "Note",
            self._many(60),
            lambda n: {"ParentId": self._pick(("Account", "Contact", "Opportunity")[n % 3])},
        )
        self._add("ContentDocument", 5, lambda n: {"Title": f"Slides {n + 1}", "IsArchived": 0})
        self._add("ContentDocumentLink", 5, lambda n: {
            "ContentDocumentId": self.ids["ContentDocument"][n], "LinkedEntityId": self._pick("Account"),
        })  # fmt: skip

    def _tags(self) -> None:
        words = [word for word in WORDS if word.isalpha()][:12]
        self._add("TagDefinition", len(words), lambda n: {"Name": words[n], "Type": "Public"})
        for sobject in list(self._org.schema):
            if sobject.feature == "tags" and sobject.name.endswith("Tag"):
                tagged = self.ids[sobject.name.removesuffix("Tag")]
                self._add(sobject.name, 12, lambda n, tagged=tagged: {  # type: ignore[misc]
                    "ItemId": self._random.choice(tagged), "TagDefinitionId": self.ids["TagDefinition"][n % 12],
                    "Name": words[n % 12], "Type": "Public",
                })  # fmt: skip

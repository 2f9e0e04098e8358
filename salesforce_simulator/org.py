"""The simulated org: its objects, its records, its users, its clock."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from salesforce_simulator import rollups
from salesforce_simulator.apps import ConnectedApp, LoginPolicy
from salesforce_simulator.clock import Clock
from salesforce_simulator.formulas import Formulas
from salesforce_simulator.ids import custom_prefixes
from salesforce_simulator.limits import Limits
from salesforce_simulator.metadata_log import MetadataLog
from salesforce_simulator.records import Records
from salesforce_simulator.schema import Schema, SObject
from salesforce_simulator.standard import standard_objects
from salesforce_simulator.transactions import Transaction
from salesforce_simulator.users import Permissions, User
from salesforce_simulator.validate import Validator

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from salesforce_simulator.schema import Field

ALL_FEATURES = frozenset({"tags", "schedules", "multicurrency"})
# How long the delete log goes back in a fresh org: an org is older than its first client.
AGE = timedelta(days=730)
ADMIN = "admin@acme.example"


class Org(Records):
    """A whole org. Safe to use from several threads.

    Attributes:
        schema: what exists, as an administrator sees it; replaced as a whole when it changes.
        clock: what every moment comes from.
        id: 18-character id of the org.
        limits, login: its limits, and what its login allows.
        users: logins by user name; `admin` is the first.
        apps: connected apps by client id; `app` is the first.
        replication: the delete log and its limits.

    Args:
        seed: what its id, secrets and example data depend on; from 1.
        features: of `tags`, `schedules`, `multicurrency`.
        clock: none means real time.
        directory: where the data goes; none means a temporary directory that `close` removes.
    """

    def __init__(
        self,
        seed: int = 1,
        features: Iterable[str] = (),
        clock: Clock | None = None,
        directory: Path | str | None = None,
    ) -> None:
        self.seed = seed
        self.features = frozenset(features)
        if unknown := self.features - ALL_FEATURES:
            raise ValueError(
                f"unknown features: {', '.join(sorted(unknown))}; there are {sorted(ALL_FEATURES)}"
            )
        clock = clock or Clock()
        self.born = clock.now().replace(microsecond=0)
        super().__init__(Schema(standard_objects(self.features)), clock, directory, self.born - AGE)
        self.limits = Limits(clock)
        self.login = LoginPolicy()
        self.users = {}
        self.apps: dict[str, ConnectedApp] = {}
        self._views: dict[str, tuple[Schema, Permissions, Schema]] = {}
        self._metadata = MetadataLog(clock)
        self._prefixes_of_removed: set[str | None] = set()
        self._settle()

    def _settle(self) -> None:
        """The records that even an empty org has, an administrator and a connected app."""
        self._changes.counters.start("00D", self.seed - 1)
        self.id = self._next_id("Organization")
        admin_id = self._next_id("User")
        self._insert(
            "Organization", self.id, {"Name": "Acme", "OrganizationType": "Developer Edition"}, admin_id
        )
        licence = {"Name": "Salesforce", "LicenseDefinitionKey": "SFDC", "MasterLabel": "Salesforce"}
        licence_id = self._insert("UserLicense", self._next_id("UserLicense"), licence, admin_id)
        profile = {"Name": "System Administrator", "UserLicenseId": licence_id, "UserType": "Standard"}
        self._first_profile = self._insert("Profile", self._next_id("Profile"), profile, admin_id)
        self.admin = self._new_user(admin_id, ADMIN, "", "", Permissions(set_audit_fields=True))
        self.app = ConnectedApp(
            name="Integration",
            client_id=f"3MVG9{self.secret('client id')}",
            client_secret=self.secret("client secret"),
            run_as=ADMIN,
        )
        self.add_app(self.app)

    def secret(self, purpose: str) -> str:
        """A secret that depends on the seed and its purpose alone: 40 characters."""
        return hashlib.sha256(f"{self.seed}/{purpose}".encode()).hexdigest()[:40]

    def transaction(self) -> Transaction:
        """Open a transaction: what it writes is stamped now and seen at its commit."""
        return Transaction(self)

    # metadata

    def add_field(self, sobject: str, field: Field) -> None:
        """Add a field to an object; existing rows get null, the column of a formula or roll-up summary its values."""
        with self._store.lock:
            target = self.object(sobject)
            if target.field(field.name) is not None:
                raise ValueError(f"{sobject} has a field {field.name} already")
            schema = self._schema_with(target.with_fields((*target.fields.values(), field)))
            formulas = Formulas(schema)
            # The column comes first: whoever sees the new schema can query it.
            with self._store.writing():
                if not field.compound:
                    self._store.add_column(target.name, field)
                if field.cascade_delete:
                    self._store.index(target.name, field.name)
                if field.formula is not None:
                    formulas.refresh_all(self._store, target.name)
                if field.summary is not None:
                    rollups.install(self._store, schema, schema.objects[target.name], field)
            self._adopt(schema, target.name, *field.reference_to)

    def change_field(self, sobject: str, name: str, **changes: Any) -> None:
        """Change attributes of a field (label, length, picklist...) that leave its column as it is.

        Another formula gives other values to all rows, and no row's stamp moves.
        """
        with self._store.lock:
            target = self.object(sobject)
            fields = (replace(f, **changes) if f.name == name else f for f in target.fields.values())
            self._adopt(self._schema_with(target.with_fields(fields)), target.name)
            if "formula" in changes:
                with self._store.writing():
                    self._changes.formulas.refresh_all(self._store, target.name)

    def remove_field(self, sobject: str, name: str) -> None:
        """Remove a field with its values."""
        with self._store.lock:
            target = self.object(sobject)
            f = target.field(name)
            if f is None:
                raise ValueError(f"{sobject} has no field {name}")
            if readers := rollups.readers(self._schema, target.name, f.name):
                raise ValueError(f"{name} is read by {', '.join(readers)}")
            kept = (other for other in target.fields.values() if other is not f)
            self._adopt(self._schema_with(target.with_fields(kept)), target.name, *f.reference_to)
            if not f.compound:
                with self._store.writing():
                    rollups.remove(self._store, target, f)
                    self._store.drop_column(target.name, f)

    def rename_field(self, sobject: str, name: str, new_name: str) -> None:
        """Give a custom field another API name; its values stay, and no row's stamp moves."""
        with self._store.lock:
            target = self.object(sobject)
            f = target.field(name)
            if f is None or target.field(new_name) is not None:
                raise ValueError(f"{sobject} has no field {name}, or has a {new_name} already")
            if f.calculated or f.compound or rollups.readers(self._schema, target.name, f.name):
                raise ValueError(f"{name} cannot be renamed here")
            fields = (replace(o, name=new_name) if o is f else o for o in target.fields.values())
            with self._store.writing():
                self._store.rename_column(target.name, f.name, new_name)
            self._adopt(self._schema_with(target.with_fields(fields)), target.name, *f.reference_to)

    def add_object(self, sobject: SObject) -> None:
        """Add an object; without a key prefix it gets the next of the custom ones, which no object has had before."""
        self.add_objects([sobject])

    def add_objects(self, sobjects: Iterable[SObject]) -> None:
        """Add many objects at once, which is much quicker than one by one."""
        with self._store.lock:
            new = list(sobjects)
            taken = {o.key_prefix for o in (*self._schema, *new)} | self._prefixes_of_removed
            prefixes = (prefix for prefix in custom_prefixes() if prefix not in taken)
            touched = {sobject.name for sobject in new}
            for sobject in new:
                if self._schema.get(sobject.name) is not None:
                    raise ValueError(f"there is an object {sobject.name} already")
                if any(f.summary is not None for f in sobject.fields.values()):
                    raise ValueError("a roll-up summary field is added once there are details to sum up")
                if sobject.key_prefix is None and sobject.queryable:
                    sobject.key_prefix = next(prefixes)
                touched |= {target for f in sobject.fields.values() for target in f.reference_to}
            with self._store.writing():
                for sobject in new:
                    if sobject.queryable:
                        self._store.create_table(sobject)
            self._adopt(Schema((*self._schema, *new)), *touched)

    def remove_object(self, name: str) -> None:
        """Remove an object with its rows."""
        with self._store.lock:
            target = self.object(name)
            if readers := rollups.readers(self._schema, target.name):
                raise ValueError(f"{name} is read by {', '.join(readers)}")
            parents = {parent for f in target.fields.values() for parent in f.reference_to}
            self._adopt(Schema(o for o in self._schema if o is not target), target.name, *parents)
            self._prefixes_of_removed.add(target.key_prefix)
            if target.queryable:
                with self._store.writing():
                    for f in target.fields.values():
                        rollups.remove(self._store, target, f)
                    self._store.drop_table(target.name)

    def _schema_with(self, sobject: SObject) -> Schema:
        return Schema((*(o for o in self._schema if o.name != sobject.name), sobject))

    def _adopt(self, schema: Schema, *touched: str) -> None:
        """Make a schema the org's; the describes of the touched objects get a new stamp."""
        formulas = Formulas(schema)
        self._schema = self._changes.schema = schema
        self._changes.formulas = formulas
        self._validator = Validator(schema, self._store)
        self._metadata.note(*touched)

    def described_at(self, sobject: str | None, user: User | None = None) -> datetime:
        """When the describe of an object, or (none) describe global, last changed for a user; whole seconds."""
        return self._metadata.changed_at(sobject, user.username if user is not None else None)

    # people and clients

    def add_user(
        self,
        username: str,
        *,
        password: str = "",
        security_token: str = "",
        permissions: Permissions | None = None,
    ) -> User:
        """Add a login with its User and UserLogin records; what is not given is made up."""
        return self._new_user(
            self._next_id("User"), username, password, security_token, permissions or Permissions()
        )

    def _new_user(
        self, user_id: str, username: str, password: str, token: str, permissions: Permissions
    ) -> User:
        user = User(
            id=user_id,
            username=username,
            password=password or self.secret(f"password {username}")[:12],
            security_token=token or self.secret(f"token {username}")[:24],
            permissions=permissions,
        )
        person = username.partition("@")[0]
        row = {
            "Username": username,
            "LastName": person.capitalize(),
            "Email": username,
            "Alias": person[:8],
            "CommunityNickname": person[:40],
            "TimeZoneSidKey": "Europe/Berlin",
            "LocaleSidKey": "en_US",
            "EmailEncodingKey": "UTF-8",
            "LanguageLocaleKey": "en_US",
            "ProfileId": self._first_profile,
            "IsActive": 1,
        }
        actor = self.admin.id if self.users else user_id
        self._insert("User", user_id, row, actor)
        self._insert("UserLogin", self._next_id("UserLogin"), {"UserId": user_id}, actor)
        self.users[username] = user
        return user

    def set_permissions(self, username: str, permissions: Permissions) -> None:
        """Replace what a user may see and do; moves the stamps of the user's describes."""
        self.users[username].permissions = permissions
        self._metadata.note_user(username)

    def add_app(self, app: ConnectedApp) -> None:
        """Add a connected app."""
        self.apps[app.client_id] = app

    def schema_for(self, user: User | None) -> Schema:
        """What a user sees; none is the administrator's view."""
        if user is None:
            return self._schema
        known = self._views.get(user.username)
        if known is None or known[0] is not self._schema or known[1] is not user.permissions:
            known = (self._schema, user.permissions, self._schema.restricted_to(user.permissions))
            self._views[user.username] = known
        return known[2]

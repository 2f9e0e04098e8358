"""Users of the org and what they may see and do."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class ObjectPermission:
    """What a user may do with the records of one object; as in a permission set."""

    read: bool = True
    create: bool = True
    edit: bool = True
    delete: bool = True
    view_all: bool = True


NO_ACCESS = ObjectPermission(read=False, create=False, edit=False, delete=False, view_all=False)
READ_ONLY = ObjectPermission(create=False, edit=False, delete=False)


@dataclass(frozen=True, slots=True)
class Permissions:
    """Object permissions and field-level security; immutable, replaced as a whole by `Org.set_permissions`.

    Attributes:
        default: what holds for objects that `objects` does not name.
        objects: by API name.
        hidden_fields: `Object.Field` names that field-level security hides.
        read_only_fields: `Object.Field` names that the user may read but not write.
        api_enabled: whether the user may use the API at all.
        set_audit_fields: the permission of this name.
    """

    default: ObjectPermission = ObjectPermission()
    objects: dict[str, ObjectPermission] = field(default_factory=dict)
    hidden_fields: frozenset[str] = frozenset()
    read_only_fields: frozenset[str] = frozenset()
    api_enabled: bool = True
    set_audit_fields: bool = False

    @property
    def unlimited(self) -> bool:
        """Whether nothing is hidden from the user."""
        return self.default.read and not self.hidden_fields and all(p.read for p in self.objects.values())

    def on(self, sobject: str) -> ObjectPermission:
        """What holds for an object."""
        return self.objects.get(sobject, self.default)

    def may_read(self, sobject: str) -> bool:
        """Whether the object exists for the user."""
        return self.on(sobject).read

    def may_see(self, sobject: str, field_name: str) -> bool:
        """Whether the field exists for the user; Id always does."""
        return field_name == "Id" or f"{sobject}.{field_name}" not in self.hidden_fields

    def without_object(self, *sobjects: str) -> Permissions:
        """The same without access to these objects."""
        return replace(self, objects={**self.objects, **dict.fromkeys(sobjects, NO_ACCESS)})

    def without_field(self, *names: str) -> Permissions:
        """The same with these `Object.Field` names hidden."""
        return replace(self, hidden_fields=self.hidden_fields | set(names))


@dataclass(slots=True)
class User:
    """A login. Its record in the User object has the same id.

    Attributes:
        id: 18-character id.
        password, security_token: what SOAP `login()` and the password grant ask for, one after the other.
        locked: logins are refused.
    """

    id: str
    username: str
    password: str
    security_token: str
    permissions: Permissions = field(default_factory=Permissions)
    locked: bool = False

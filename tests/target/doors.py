"""Ways into a Postgres for tests: through TLS, and through an SSH bastion host. Real protocols, real keys."""

from __future__ import annotations

import datetime as dt
import io
import select
import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import paramiko
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SSL_REQUEST = 8
"""Bytes of the message by which a client asks for TLS."""


def _copy(left: Any, right: Any) -> None:
    """Pass bytes both ways until one side closes."""
    with suppress(OSError, ValueError):
        while True:
            pending = [s for s in (left, right) if getattr(s, "pending", lambda: 0)()]
            ready = pending or select.select([left, right], [], [], 30)[0]
            for source in ready:
                data = source.recv(65536)
                if not data:
                    return
                (right if source is left else left).sendall(data)
            if not ready:
                return


@contextmanager
def _listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Serve each connection to a port of this machine on a thread of its own."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield listener.getsockname()[1]
    listener.close()


@dataclass(frozen=True)
class Authority:
    """A certificate authority and what it has signed, as PEM text."""

    certificate: str
    server_certificate: str
    server_key: str


def make_authority(name: str) -> Authority:
    """Make an authority and a certificate of `localhost`."""
    now = dt.datetime.now(dt.UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])

    def signed(builder: x509.CertificateBuilder) -> str:
        dated = builder.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(
            now + dt.timedelta(days=1)
        )
        certificate = dated.serial_number(x509.random_serial_number()).sign(ca_key, hashes.SHA256())
        return certificate.public_bytes(serialization.Encoding.PEM).decode()

    ca = x509.CertificateBuilder().subject_name(issuer).issuer_name(issuer).public_key(ca_key.public_key())
    ca = ca.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    server = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    server = server.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Authority(signed(ca), signed(server), pem.decode())


@contextmanager
def tls_door(directory: Path, authority: Authority, port: int) -> Iterator[int]:
    """A port that asks for TLS, as Postgres does, and passes what comes through it to a plain Postgres."""
    chain = directory / "server.pem"
    chain.write_text(authority.server_certificate + authority.server_key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)

    def serve(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.recv(SSL_REQUEST)
            connection.sendall(b"S")
            with (
                context.wrap_socket(connection, server_side=True) as secure,
                socket.create_connection(("127.0.0.1", port)) as plain,
            ):
                _copy(secure, plain)

    with _listening(serve) as door:
        yield door


class _Bastion(paramiko.ServerInterface):  # type: ignore[misc]
    """Lets one key in and opens connections for it."""

    def __init__(self, key: paramiko.PKey) -> None:
        self.key = key
        self.destinations: dict[int, tuple[str, int]] = {}

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        known = username == "loader" and key.get_base64() == self.key.get_base64()
        return int(paramiko.AUTH_SUCCESSFUL if known else paramiko.AUTH_FAILED)

    def check_channel_direct_tcpip_request(
        self,
        chanid: int,
        origin: Any,  # noqa: ARG002
        destination: tuple[str, int],
    ) -> int:
        self.destinations[chanid] = destination
        return int(paramiko.OPEN_SUCCEEDED)


@contextmanager
def ssh_door(client_key: paramiko.PKey) -> Iterator[int]:
    """A bastion host on a port of this machine."""
    host_key = paramiko.ECDSAKey.generate()

    def serve(connection: socket.socket) -> None:
        transport = paramiko.Transport(connection)
        transport.add_server_key(host_key)
        bastion = _Bastion(client_key)
        with suppress(paramiko.SSHException, EOFError, OSError):
            transport.start_server(server=bastion)
            while transport.is_active():
                channel = transport.accept(1)
                if channel is not None:
                    destination = socket.create_connection(bastion.destinations[channel.chanid])
                    threading.Thread(target=_copy, args=(channel, destination), daemon=True).start()

    with _listening(serve) as door:
        yield door


def key_pair() -> tuple[paramiko.PKey, str]:
    """A client's key, and its private half as text."""
    key = paramiko.ECDSAKey.generate()
    text = io.StringIO()
    key.write_private_key(text)
    return key, text.getvalue()

"""Keys and certificates of the tests' terminal and centre. All are made up; none is used anywhere else."""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.x509.oid import NameOID

from onecard.enrolment import Identity
from onecard.identity import TerminalNumber
from onecard.keys import KeyRing, Role, sign

TERMINAL = TerminalNumber(17)


def _secret(name: str, size: int = 32) -> bytes:
    return hashlib.sha256(name.encode()).digest()[:size]


SIGN_PRIVATE = _secret("server sign")
SEAL_PRIVATE = _secret("server seal")
CHAIN_KEY = _secret("chain of terminal 17")
TERMINAL_SIGN = _secret("terminal sign")
TERMINAL_SEAL = _secret("terminal seal")


def ed25519_public(private: bytes) -> bytes:
    """The 32-byte public half."""
    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def x25519_public(private: bytes) -> bytes:
    """The 32-byte public half."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def server_sign(message: bytes) -> bytes:
    """As the centre signs."""
    return sign(SIGN_PRIVATE, b"", message)


def terminal_identity() -> Identity:
    """What the centre gives terminal 17 at its enrolment."""
    held = {
        (Role.DEBIT_MAC, 1): _secret("debit", 16),
        (Role.CLASSIC_READ_WRITE, 1): _secret("classic", 16),
        (Role.DESFIRE_DEBIT, 1): _secret("desfire", 16),
        (Role.ISSUER, 1): ed25519_public(_secret("issuer")),
        (Role.SERVER_SIGN, 1): ed25519_public(SIGN_PRIVATE),
        (Role.SERVER_SEAL, 1): x25519_public(SEAL_PRIVATE),
        (Role.CHAIN, 1): CHAIN_KEY,
    }
    return Identity(TERMINAL, "XDA", "新东安", KeyRing(held))


def write_authority(folder: Path) -> tuple[Path, Path]:
    """ca.pem, and server.pem for 127.0.0.1 with its key, vouched for by it."""
    authority_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    ca = _certificate(authority, authority, authority_key, authority_key, x509.BasicConstraints(True, 0))
    server = _certificate(own, authority, server_key, authority_key, address)
    ca_file, server_file = folder / "ca.pem", folder / "server.pem"
    ca_file.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    key = server_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    server_file.write_bytes(key + server.public_bytes(serialization.Encoding.PEM))
    return ca_file, server_file


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(days=1))
    builder = builder.not_valid_after(now + datetime.timedelta(days=1))
    return builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints)).sign(
        issuer_key, hashes.SHA256()
    )

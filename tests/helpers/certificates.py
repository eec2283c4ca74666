"""Certificates for servers on loopback: one that holds, and ones that do not."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from answerable.sandbox.server import Handle

DAY = timedelta(days=1)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass(frozen=True, slots=True)
class Authority:
    """Somebody whom a client may trust, and what they sign."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def new(cls, folder: Path) -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        made = _builder("an authority of tests", "an authority of tests", key.public_key(), 1)
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        made = made.add_extension(SIGNS_OTHERS, critical=True)
        named_by = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        made = made.add_extension(named_by, critical=False)
        authority = cls(folder, key, made.sign(key, hashes.SHA256()))
        authority.trusted.write_bytes(authority.certificate.public_bytes(PEM))
        return authority

    @property
    def trusted(self) -> Path:
        """What a client that trusts this authority is pointed at."""
        return self.folder / "trusted.pem"

    def context(self, kind: str) -> ssl.SSLContext:
        """For a server that shows a certificate: good, expired, another host's, self-signed."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = "127.0.0.1" if kind == "self-signed" else "an authority of tests"
        age = 400 if kind == "expired" else 1
        made = _builder("127.0.0.1", issuer, key.public_key(), age)
        name: x509.GeneralName = x509.IPAddress(ip_address("127.0.0.1"))
        if kind == "another host's":
            name = x509.DNSName("other.example")
        made = made.add_extension(x509.SubjectAlternativeName([name]), critical=False)
        signed_with = key if kind == "self-signed" else self.key
        named_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(signed_with.public_key())
        made = made.add_extension(named_by, critical=False)
        signed = made.sign(signed_with, hashes.SHA256())
        file = self.folder / f"{kind}.pem"
        private = key.private_bytes(PEM, FORMAT, serialization.NoEncryption())
        file.write_bytes(private + signed.public_bytes(PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


PEM = serialization.Encoding.PEM
FORMAT = serialization.PrivateFormat.PKCS8
# Python 3.13 holds certificates to RFC 5280: authorities say that they sign others, and whose key
# has signed is said
SIGNS_OTHERS = x509.KeyUsage(
    key_cert_sign=True,
    crl_sign=True,
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


def _builder(
    subject: str, issuer: str, key: ec.EllipticCurvePublicKey, age: int
) -> x509.CertificateBuilder:
    since = datetime.now(UTC) - age * DAY
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(since + 365 * DAY)
    )


def over_tls(handle: Handle, context: ssl.SSLContext) -> None:
    """Have a running sandbox speak TLS from now on, and nothing else."""
    handle.server.socket = context.wrap_socket(
        handle.server.socket, server_side=True, do_handshake_on_connect=False
    )


def trusting(file: str) -> None:
    """In a night's process: trust this authority, as a system does that knows it."""
    import requests.adapters
    import requests.utils

    requests.adapters.DEFAULT_CA_BUNDLE_PATH = file
    requests.utils.DEFAULT_CA_BUNDLE_PATH = file

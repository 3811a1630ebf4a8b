"""TLS contexts trust what httpx's trust."""

from __future__ import annotations

from pathlib import Path

import certifi
import httpx
import pytest

from kilo_gateway.transport.route import route_of, tls_context


@pytest.mark.parametrize("named", ["nothing", "SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_contexts_are_those_of_httpx(named: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The certificates and the checks are httpx's, with and without those that the environment names."""
    first = Path(certifi.where()).read_text().partition("-----END CERTIFICATE-----")
    (tmp_path / "ca.pem").write_text("".join(first[:2]))
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    if named != "nothing":
        monkeypatch.setenv(named, str(tmp_path / "ca.pem" if named == "SSL_CERT_FILE" else tmp_path))
    tls_context.cache_clear()
    ours, theirs = tls_context(route_of("https://gateway.example/", {})), httpx.create_ssl_context()
    tls_context.cache_clear()
    assert sorted(ours.get_ca_certs(binary_form=True)) == sorted(theirs.get_ca_certs(binary_form=True))
    for fact in ("verify_mode", "check_hostname", "options", "minimum_version", "verify_flags"):
        assert getattr(ours, fact) == getattr(theirs, fact), fact

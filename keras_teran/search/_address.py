"""Where a Qdrant server is, and whether a key may be sent there.

An index names its server in `index.json`, which anyone may have written. A key goes only
to an address that the user gave in the same call.
"""

import ipaddress
import os
import re

from keras_teran._io import shown

EMBEDDED = "embedded"
KEY_VARIABLE = "QDRANT_API_KEY"
# A user name, a query or a backslash in it is read otherwise by some readers.
_ADDRESS = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])"
    r"(:(?P<port>[0-9]{1,5}))?(/[A-Za-z0-9._~/-]*)?"
)


def check_engine(name):
    """Raises ValueError unless the name means an engine: "embedded", or a URL."""
    if name == EMBEDDED:
        return
    found = _ADDRESS.fullmatch(name) if isinstance(name, str) else None
    if not found or int(found["port"] or 1) not in range(1, 65536):
        raise ValueError(
            f"engine={shown(name)} is unknown; give {EMBEDDED!r} or the URL of a Qdrant "
            "server, such as http://localhost:6333."
        )


def server_key(url, api_key=None, given=True, told_by=None):
    """The key to send to a server.

    Args:
        url: str, of the server, see `check_engine`.
        api_key: str; None for that in QDRANT_API_KEY, if any.
        given: bool, the user gave `url` in this call.
        told_by: what names the server where the user did not.

    Returns:
        str, or None where there is no key.

    Raises:
        ValueError: if there is a key and the user did not give the address, or it
            would travel unencrypted to another machine, or no header can hold it.
    """
    key = os.environ.get(KEY_VARIABLE) if api_key is None else api_key
    if not key:
        return None
    if not given:
        raise ValueError(
            f"{told_by} names the server {url}, and a key goes only to an address given "
            f"in this call: give --engine {url} if it is yours, or unset {KEY_VARIABLE}."
        )
    if not isinstance(key, str) or not re.fullmatch("[!-~]+", key):
        raise ValueError(
            f"The key of the server must be printable ASCII without spaces: see "
            f"--api-key and {KEY_VARIABLE}."
        )
    if url.startswith("http://") and not _is_loopback(_ADDRESS.fullmatch(url)["host"]):
        raise ValueError(
            f"The key would travel unencrypted to {url}: give an https:// address, or "
            f"unset {KEY_VARIABLE} if the server needs none."
        )
    return key


def _is_loopback(host):
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"

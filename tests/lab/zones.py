"""Write the lab's zone files and named.conf: `zones.py HOSTS OUTCOMES DIRECTORY`.

The lab has a root of its own, so a name that is not here does not exist. One domain for each way a delivery can go.
"""

import sys
from pathlib import Path

NET = "10.77.0."
NET6 = "fd77::"
HEAD = ["$TTL 300", "@ SOA ns.lab.test. hostmaster.lab.test. 1 3600 600 86400 30", "@ NS ns.lab.test."]


def table(path: Path) -> list[list[str]]:
    """The rows of a table file, without comments, split into fields."""
    return [line.split() for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]


def mail_domain(octet: str) -> list[str]:
    """What a domain needs whose mail goes to one address."""
    return ["@ MX 10 mx", f"mx A {NET}{octet}", f'@ TXT "v=spf1 ip4:{NET}0/24 -all"']


def zones(hosts: list[list[str]], outcomes: list[list[str]]) -> dict[str, list[str]]:
    """All zones: name to records."""
    names = [(name, octet) for name, octet, *_ in hosts]
    lab = [f"ns A {NET}2", "@ MX 10 sm1"]
    reverse = ["254 PTR console.lab.test.", "9 PTR listed.lab.test."]
    for name, octet in names:
        lab += [f"{name} A {NET}{octet}", f"{name} AAAA {NET6}{octet}", f"{name} MX 10 {name}"]
        reverse.append(f"{octet} PTR {name}.lab.test.")
    result = {
        ".": ["test. NS ns.lab.test.", "arpa. NS ns.lab.test.", f"ns.lab.test. A {NET}2"],
        "test": [f"ns.lab A {NET}2"],
        "lab.test": lab,
        "0.77.10.in-addr.arpa": reverse,
        "v6only.test": ["@ MX 10 mx", f"mx AAAA {NET6}50"],
        "twomx.test": ["@ MX 10 mx1", "@ MX 20 mx2", f"mx1 A {NET}62", f"mx2 A {NET}50"],  # refuses, accepts
        "nullmx.test": ["@ MX 0 ."],
        "badmx.test": ["@ MX 10 nohost"],  # an MX without an address
        "loop.test": [f"@ MX 10 {name}.lab.test." for name, _ in names if name.startswith("sm")],
        "dnsbl.test": [f"{octet}.0.77.10 A 127.0.0.2" for octet in ("9",)],
    }
    for octet, _behaviour, *domains in outcomes:
        result |= {domain: mail_domain(octet) for domain in domains}
    return result


def main() -> None:
    """Write everything into DIRECTORY."""
    hosts, outcomes, directory = map(Path, sys.argv[1:4])
    directory.mkdir(exist_ok=True)
    conf = [
        f'options {{ directory "/var/cache/bind"; listen-on {{ {NET}2; }}; listen-on-v6 {{ none; }}; '
        "recursion no; dnssec-validation no; notify no; };",
        'zone "bogus.test" { type master; file "/etc/lab-zones/missing"; };',  # answers SERVFAIL
    ]
    for name, records in zones(table(hosts), table(outcomes)).items():
        file = "db." + (name if name != "." else "root")
        (directory / file).write_text("\n".join([*HEAD, *records]) + "\n")
        conf.append(f'zone "{name}" {{ type master; file "/etc/lab-zones/{file}"; }};')
    (directory / "named.conf").write_text("\n".join(conf) + "\n")


if __name__ == "__main__":
    main()

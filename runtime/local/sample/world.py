"""Who and what the sample is about: made-up accounts, their Regions and buckets, people and addresses.

Addresses are the documentation ranges: 203.0.113.0/24 is the company, 198.51.100.0/24 its people at home,
192.0.2.0/24 the attacker.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

GLOBAL_REGION = "us-east-1"  # IAM, STS's global endpoint and console sign-ins report here
OFFICE = "203.0.113.10"
NOBODY = "192.0.2.66"  # uses the leaked key
SPRAYER = "192.0.2.150"

BROWSER = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/141.0.0.0 Safari/537.36"
)
CLI = "aws-cli/2.31.9 md/awscrt#0.27.6 ua/2.1 os/macos#24.6.0 md/arch#arm64 lang/python#3.13.7 md/command#{}"
BOTO = "Boto3/1.40.49 md/Botocore#1.40.49 ua/2.1 os/linux#6.12.40 md/arch#x86_64 lang/python#3.13.7 Botocore/1.40.49"
JAVA = "aws-sdk-java/2.34.3 md/io#sync md/http#Apache ua/2.1 os/Linux#6.12.40 lang/java#21.0.8 vendor/Eclipse_Adoptium"
OLD_JAVA = "aws-sdk-java/1.11.106 Linux/4.9.27-14.31.amzn1.x86_64 Java_HotSpot(TM)_64-Bit_Server_VM/25.60-b23"
TERRAFORM = "APN/1.0 HashiCorp/1.0 Terraform/1.13.3 aws-sdk-go-v2/1.39.2 ua/2.1 os/linux lang/go#1.25.1"

_NAMES = ("production", "staging", "data", "security", "network", "shared", "sandbox", "archive")
_UNITS = ("workloads", "workloads", "workloads", "security", "infrastructure", "infrastructure", "sandbox", "security")
_HOMES = ("eu-central-1", "us-west-2", "eu-west-1")
_PEOPLE = (
    *("amara.osei", "bjorn.lindqvist", "chiara.rossi", "daniel.kowalski", "elif.yilmaz", "farah.haddad"),
    *("grace.mwangi", "hiro.tanaka", "ines.carvalho", "jonas.weber", "kavya.nair", "liam.murphy"),
    *("mei.chen", "noor.aziz", "olivia.martin", "pavel.novak", "quinn.taylor", "rosa.jimenez"),
)


@dataclass(frozen=True, slots=True)
class Account:
    """An account, as `accounts.csv` describes it, with its Regions (the first is home), buckets' stem and people."""

    id: str
    name: str
    ou: str
    regions: tuple[str, ...]
    people: tuple[str, ...]

    @property
    def home(self) -> str:
        """The Region most of its work is in."""
        return self.regions[0]

    def bucket(self, what: str) -> str:
        """Name of its bucket for `what`."""
        return f"acme-{self.name}-{what}"


MOST_ACCOUNTS = 504


def accounts(count: int) -> tuple[Account, ...]:
    """The first `count` accounts: always the same ones, with ids like 111122223333 that are plainly made up."""
    return tuple(account for _, account in zip(range(count), _all(), strict=False))


def _all() -> Iterator[Account]:
    first = ("147", "258", "369")  # so that the first three read 1111 2222 3333, 4444 5555 6666, 7777 8888 9999
    known = list(zip(*first, strict=True))
    triples = [*known, *(three for three in permutations("123456789", 3) if three not in known)]
    for at, digits in enumerate(triples):
        home = _HOMES[at % len(_HOMES)]
        second = () if at % 3 else ("eu-west-1",)
        yield Account(
            id="".join(digit * 4 for digit in digits),
            name=_NAMES[at] if at < len(_NAMES) else f"team-{at:02d}",
            ou=_UNITS[at] if at < len(_UNITS) else "workloads",
            regions=(home, GLOBAL_REGION, *second),
            people=tuple(_PEOPLE[(at * 5 + n) % len(_PEOPLE)] for n in range(5)),
        )


def address(person: str) -> str:
    """Where a person works from at home."""
    return f"198.51.100.{20 + _PEOPLE.index(person)}"


def egress(account: Account) -> str:
    """The NAT gateway of an account's workloads."""
    return f"203.0.113.{100 + int(account.id) % 100}"

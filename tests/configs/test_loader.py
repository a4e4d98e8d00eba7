"""A stack's files: what YAML would turn into something else stays what was written, and every mistake has its line."""

import copy
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components import settings as s
from configs.loader import ConfigError, load
from configs.references import Reference

ACCOUNT = 'account: {id: "111122223333", region: eu-central-1}\n'
FULL = yaml.load((Path(__file__).parents[2] / "configs/examples/full.yaml").read_text(), yaml.BaseLoader)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "configs").mkdir()
    monkeypatch.chdir(tmp_path)
    return Path("configs")


def report(folder: Path, text: str | bytes, environ: dict[str, str] | None = None) -> list[str]:
    """The report's lines about a stack's file, without the file's name; empty if it loads."""
    (folder / "acme.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    try:
        load("acme", folder, environ or {})
    except ConfigError as error:
        return [line.removeprefix("configs/acme.yaml:").lstrip() for line in str(error).splitlines()]
    return []


def loaded(folder: Path, text: str, environ: dict[str, str] | None = None):
    (folder / "acme.yaml").write_text(text)
    return load("acme", folder, environ or {})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lak: {}", "lak: is not a key; did you mean lake?"),
        ("lake: {flatfiles_days: 3}", "lake.flatfiles_days: is not a key; did you mean flatfilesDays?"),
        ("iam: {colour: red}", "iam.colour: is not a key; there are permissionsBoundary, path, namePrefix"),
        ("lake: {job: {workers: two}}", "lake.job.workers: must be a whole number, got 'two'"),
        ('lake: {job: {workers: "4"}}', "lake.job.workers: must be a whole number, got '4'; take the quotes away"),
        ("lake: {job: {workers: 010}}", "lake.job.workers: must be a whole number, got '010'; without a 0 in front"),
        ("lake: {job: {workers: 1_0}}", "lake.job.workers: must be a whole number, got '1_0'"),
        ("lake: {job: {workers: 0x10}}", "lake.job.workers: must be a whole number, got '0x10'"),
        ("lake: {job: {workers: 4.0}}", "lake.job.workers: must be a whole number, got '4.0'"),
        ("lake: {job: {workers: 1}}", "lake.job.workers: must be from 2 to 299, got 1"),
        ("lake: {enabled: no}", "lake.enabled: must be true or false, got 'no'"),
        ('lake: {enabled: "true"}', "lake.enabled: must be true or false, got 'true'"),
        ("trail: {mode: organisation}", "trail.mode: must be one of account, none, got 'organisation'"),
        ("trail: {mode: [none]}", "trail.mode: must be one of account, none, got a list"),
        ("lake: yes", "lake: must be a section with keys, got 'yes'"),
        ("alarms: {emails: a@b.example}", "alarms.emails: must be a list, got 'a@b.example'"),
        ("alarms: {emails: [nobody]}", "alarms.emails[0]: must be an e-mail address, got 'nobody'"),
        ("tags: [a]", "tags: must be keys with texts, got a list"),
        ("tags: {a: {b: c}}", "tags.a: must be text, got keys"),
        ("tags: {aws_x: '*'}", "tags.aws_x: must be up to 256 letters, digits, spaces and . : / = + - @ _, got '*'"),
        (
            "tags: {'aws:x': y}",
            "tags.aws:x: the key must be 1 to 128 letters, digits, spaces and . : / = + - @ _, and not begin with aws:, got 'aws:x'",
        ),
        ("lake:", "lake: has no value; write {} for all its defaults, or take the key out"),
        ("lake: {bucketName: }", "lake.bucketName: has no value; give one, or take the key out"),
        ("logs: {bucketName: Acme}", None),
        (
            "lake: {bucketName: acme.lake}",
            (
                "lake.bucketName: must be a bucket's name without dots, which Spark cannot reach by TLS: 3 to 63 lower-case"
                " letters, digits and hyphens, no beginning that AWS keeps for itself, got 'acme.lake'"
            ),
        ),
        ("trail: {dataEvents: [{readWrite: all}]}", "trail.dataEvents[0].type: is missing; give it"),
        (
            "logs: {encryption: {kms: given, keyArn: alias/logs}}",
            (
                "logs.encryption.keyArn: must be the ARN of a KMS key (arn:PARTITION:kms:REGION:ACCOUNT:key/ID),"
                " not its id and no alias, got 'alias/logs'"
            ),
        ),
        (
            "lake: {catalog: {firstDate: 2026-02-30}}",
            "lake.catalog.firstDate: must be a day that exists, as YYYY-MM-DD, got '2026-02-30'",
        ),
        ("quicksight: {fullRefresh: 3:00}", "quicksight.fullRefresh: must be a time of day, as HH:MM, got '3:00'"),
        (
            "iam: {path: trailsight}",
            "iam.path: must be a path with / at both ends, such as /trailsight/, got 'trailsight'",
        ),
        (
            "lake: {job: {schedule: rate(1 hour)}}",
            (
                "lake.job.schedule: must be a Glue cron expression in UTC, as cron(5 * * * ? *), with ? as day of month or day"
                " of week, got 'rate(1 hour)'"
            ),
        ),
        (
            "lake: {flattener: {logRetentionDays: 31}}",
            (
                "lake.flattener.logRetentionDays: must be one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731,"
                " 1096, 1827, 2192, 2557, 2922, 3288, 3653, got 31"
            ),
        ),
        ("lake: {flattener: {concurrency: 1}}", "lake.flattener.concurrency: must be from 2 to 1000, got 1"),
        ("lake: {flattener: {batchSize: 11}}", "lake.flattener.batchSize: must be from 1 to 10, got 11"),
        ("lake: {flattener: {maxReceives: 3}}", "lake.flattener.maxReceives: must be from 5 to 1000, got 3"),
        (
            "deploy: {role: 'arn:aws:iam::1:user/x'}",
            "deploy.role: must be a role's name, path included, or its ARN, got 'arn:aws:iam::1:user/x'",
        ),
    ],
)
def test_a_mistake_is_one_sentence_with_its_line(folder: Path, text: str, said: str | None) -> None:
    """File, line, key, what it must be, and what stands there."""
    if said is None:
        said = (
            "logs.bucketName: must be a bucket's name: 3 to 63 lower-case letters, digits, hyphens and dots,"
            " no beginning that AWS keeps for itself, got 'Acme'"
        )
    assert report(folder, ACCOUNT + text) == [f"2: {said}"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "account: {id: 1, region: x}",
            [
                "1: account.id: must be the 12 digits of an account, got '1'",
                "1: account.region: must be a Region, such as eu-central-1, got 'x'",
            ],
        ),
        ("", ["1: account: is missing; give it"]),
        ("# nothing yet\n", ["1: account: is missing; give it"]),
        ("account: {region: eu-central-1}", ["1: account.id: is missing; give it"]),
        ("- a", ["1: must hold keys, as `account:`, got a list"]),
        ("hello", ["1: must hold keys, as `account:`, got 'hello'"]),
        (ACCOUNT + "lake:\n\tenabled: true", ["3: has a tab where YAML wants spaces; indent with spaces"]),
        (
            ACCOUNT + "lake: {}\nlogs: {}\nlake: {enabled: false}",
            ["4: lake: is given twice, first in line 2; keep one"],
        ),
        (
            ACCOUNT + "lake:\n  job: {days: 3}\n  job: {days: 4}",
            ["4: lake.job: is given twice, first in line 3; keep one"],
        ),
        (ACCOUNT + "---\n" + ACCOUNT, ["2: a second document begins; one file is one stack"]),
        (
            ACCOUNT + "logs: &x {adopt: true}\nlake: *x",
            [
                "2: anchors (&x) are not read; take it out",
                "3: aliases (*x) are not read; write the value out",
            ],
        ),
        (
            ACCOUNT + "lake: !!python/object:os.system {}",
            ["2: tags (tag:yaml.org,2002:python/object:os.system) are not read; take it out"],
        ),
        (ACCOUNT.encode() + b"tags: {a: \xff}", ["2: is not UTF-8; save the file as UTF-8"]),
        (ACCOUNT.encode("utf-16"), ["1: is not UTF-8; save the file as UTF-8"]),
        (ACCOUNT + "? [a, b]\n: c", ["2: the file: a key must be text"]),
        (
            ACCOUNT + "lake: {job: {schedule: cron(5 * * * ? *)}}",
            [
                "2: is not valid YAML: expected ',' or '}', but got '?' while parsing a flow mapping; put text with ? : , { or [ in it in quotes"
            ],
        ),
        (ACCOUNT + "tags: {a: \x07}", ["is not valid YAML: special characters are not allowed"]),
    ],
)
def test_a_file_that_cannot_be_read_says_where(folder: Path, text: str | bytes, said: list[str]) -> None:
    """Whatever is wrong with it as a whole."""
    assert report(folder, text) == said


def test_what_yaml_takes_for_numbers_and_days_stays_text(folder: Path) -> None:
    """Octal, sexagesimal, underscores, booleans and days are what stands in the file."""
    config = loaded(
        folder,
        "account: {id: 012345670123, region: eu-central-1}\n"
        "lake: {catalog: {firstDate: 2024-01-01, database: 1_0}}\n"
        "quicksight: {fullRefresh: 03:00, groups: {owners: [no, 007, null_, 1e3]}}\n"
        "tags: {no: yes, a: 1.10, 0042: 0042}\n",
    )
    assert config["account"]["id"] == "012345670123"
    assert config["lake"]["catalog"] == {"first_date": "2024-01-01", "database": "1_0"}
    assert config["quicksight"] == {"full_refresh": "03:00", "groups": {"owners": ["no", "007", "null_", "1e3"]}}
    assert config["tags"] == {"no": "yes", "a": "1.10", "0042": "0042"}


def test_keys_and_choices_become_the_component_s(folder: Path) -> None:
    """snake_case keys, Enum members, ints and bools; nothing that was not given."""
    config = loaded(
        folder,
        ACCOUNT
        + "trail: {multiRegion: false, managementEvents: write}\nlogs: {encryption: {kms: create}, noncurrentDays: 7}",
    )
    assert config == {
        "account": {"id": "111122223333", "region": "eu-central-1"},
        "trail": {"multi_region": False, "management_events": s.ReadWrite.WRITE},
        "logs": {"encryption": {"kms": s.KmsMode.CREATE}, "noncurrent_days": 7},
    }


def test_policy_statements_stay_as_they_are_written(folder: Path) -> None:
    """Keys are not renamed, and what looks like a number stays text, which IAM reads."""
    config = loaded(
        folder,
        ACCOUNT + "logs:\n  additionalPolicyStatements:\n    - Effect: Allow\n      Principal: {AWS: 012345670123}\n"
        "      Condition: {Bool: {aws:SecureTransport: true}}\n      Resource: ['${aws:username}']",
    )
    assert config["logs"]["additional_policy_statements"] == [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "012345670123"},
            "Condition": {"Bool": {"aws:SecureTransport": "true"}},
            "Resource": ["${aws:username}"],
        }
    ]


def test_a_stack_is_laid_upon_what_all_share(folder: Path) -> None:
    """Sections by key, lists and values replaced, null takes away."""
    (folder / "defaults.yaml").write_text(
        "tags: {app: trailsight, owner: x}\nalarms: {emails: [a@b.example], staleHours: 9}\nlogs: {expireAfterDays: 400}"
    )
    config = loaded(folder, ACCOUNT + "tags: {owner: y}\nalarms: {emails: [c@d.example]}\nlogs: null")
    assert config["tags"] == {"app": "trailsight", "owner": "y"}
    assert config["alarms"] == {"emails": ["c@d.example"], "stale_hours": 9}
    assert "logs" not in config


def test_a_mistake_names_the_file_that_it_is_in(folder: Path) -> None:
    """Of the shared file too, together with those of the stack's."""
    (folder / "defaults.yaml").write_text("\ntags: {app: x}\nlogs: {expireAfterDays: 30, prefx: a}\n")
    said = report(folder, ACCOUNT + "quicksight: {}\nlogs: {objectLock: {mode: governance, days: 40}}")
    assert said == [
        (
            "2: quicksight.windowDays: 90 days are more than logs.expireAfterDays: 30 keeps log files, so that no rebuild could"
            " bring them back; show fewer, or keep log files longer"
        ),
        (
            "configs/defaults.yaml:3: logs.expireAfterDays: log files cannot be deleted after 30 days while logs.objectLock.days"
            " holds them for 40; make it at least as many, or 0"
        ),
        "configs/defaults.yaml:3: logs.prefx: is not a key; did you mean prefix?",
    ]


def test_all_mistakes_come_at_once_in_the_order_of_lines(folder: Path) -> None:
    """One of each sort; a combination with a value that is wrong itself is not mentioned."""
    said = report(
        folder,
        'account: {id: "1", region: eu-central-1}\n'
        "lak: {}\n"
        "lake:\n"
        "  enabled: false\n"
        "  job: {workers: x}\n"
        "logs:\n"
        "  encryption: {kms: given, keyArn: [x]}\n"
        "quicksight: {windowDays: 0}\n",
    )
    assert said == [
        "1: account.id: must be the 12 digits of an account, got '1'",
        "2: lak: is not a key; did you mean lake?",
        "5: lake.job.workers: must be a whole number, got 'x'",
        "7: logs.encryption.keyArn: must be text, got a list",
        "8: quicksight.windowDays: must be from 1 to 36500, got 0",
        "8: quicksight: there is nothing to show with lake.enabled: false; take quicksight out, or switch the lake on",
    ]


def test_a_mistake_in_a_list_has_its_own_line(folder: Path) -> None:
    """And the others keep their places."""
    said = report(folder, ACCOUNT + "alarms:\n  emails:\n    - a@b.example\n    - {x: y}\n    - nobody\n")
    assert said == [
        "5: alarms.emails[1]: must be text, got keys",
        "6: alarms.emails[2]: must be an e-mail address, got 'nobody'",
    ]


@pytest.mark.parametrize(
    ("stack", "said"),
    [
        ("acme", "configs/acme.yaml: does not exist (there are other); copy one of configs/examples and fill it in"),
        (
            "defaults",
            "configs/defaults.yaml: the stack's name cannot be defaults, since defaults.yaml is what all stacks share",
        ),
        (
            "../acme",
            (
                "configs/../acme.yaml: the stack's name must be 3 to 40 letters, digits and single hyphens between them, a letter"
                " first, got '../acme'"
            ),
        ),
        (
            "a" * 41,
            (
                f"configs/{'a' * 41}.yaml: the stack's name must be 3 to 40 letters, digits and single hyphens between them, a"
                f" letter first, got '{'a' * 41}'"
            ),
        ),
    ],
)
def test_a_stack_s_name_is_that_of_its_file(folder: Path, stack: str, said: str) -> None:
    """It names the pipeline, so it must fit the names of its parts."""
    (folder / "other.yaml").write_text(ACCOUNT)
    (folder / "defaults.yaml").write_text("tags: {}")
    with pytest.raises(ConfigError) as caught:
        load(stack, folder)
    assert str(caught.value) == said
    assert load("other", folder)["account"]["id"] == "111122223333"


def test_the_environment_stands_in(folder: Path) -> None:
    """Also within a text."""
    config = loaded(
        folder,
        ACCOUNT + "deploy: {externalId: '${env:ID}'}\nalarms: {webhooks: ['https://x.example/${env:TOKEN}']}",
        {"ID": "abc", "TOKEN": "t0p"},
    )
    assert config["deploy"]["external_id"] == "abc"
    assert config["alarms"]["webhooks"] == ["https://x.example/t0p"]


def test_ssm_is_asked_later(folder: Path) -> None:
    """A Reference stands there, where an output may stand."""
    config = loaded(folder, ACCOUNT + "alarms: {webhooks: ['${ssm:/trailsight/hook}'], topicArn: '${ssm:/topic}'}")
    assert config["alarms"] == {"webhooks": [Reference("/trailsight/hook")], "topic_arn": Reference("/topic")}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("deploy: {externalId: '${env:NONE}'}", "deploy.externalId: the environment variable NONE is not set; set it"),
        (
            "deploy: {externalId: '${ssm:/x}'}",
            "deploy.externalId: ${ssm:/x} is known too late for this key; use ${env:NAME}",
        ),
        ("alarms: {webhooks: ['https://${ssm:/x}']}", "alarms.webhooks[0]: ${ssm:/x} must be the whole value"),
        (
            "alarms: {webhooks: ['${ssm:x y}']}",
            "alarms.webhooks[0]: ${ssm:x y} names no parameter; give its path, as ${ssm:/trailsight/webhook}",
        ),
        (
            "alarms: {webhooks: ['${vault:/x}']}",
            "alarms.webhooks[0]: ${vault:/x} is not a reference; there are ${env:NAME} and ${ssm:/path}",
        ),
        (
            "alarms: {topicArn: '${env:SECRET}'}",
            "alarms.topicArn: must be the ARN of an SNS topic; its value comes from ${env:SECRET}",
        ),
        (
            "alarms: {webhooks: ['${env:SECRET}']}",
            "alarms.webhooks[0]: must be an https:// address; its value comes from ${env:SECRET}",
        ),
        ("alarms: {webhooks: ['http://s3cret']}", "alarms.webhooks[0]: must be an https:// address"),
        ("alarms: {webhooks: https://s3cret}", "alarms.webhooks: must be a list, got something else"),
        (
            "lake: {job: {schedule: 'cron(0 0 ${env:SECRET} * ? *)'}}",
            (
                "lake.job.schedule: must be a Glue cron expression in UTC, as cron(5 * * * ? *), with ? as day of month or day"
                " of week; its value comes from ${env:SECRET}"
            ),
        ),
        (
            "trail: {dataEvents: [{type: 'AWS::S3::Object', arns: ['arn:aws:s3:::acme-lake-${env:HOME_ID}/']}]}",
            (
                "trail.dataEvents[0].arns[0]: arn:aws:s3:::acme-lake-${env:HOME_ID}/ is the pipeline's own, whose every log file"
                " would cause the next; take it out"
            ),
        ),
        (
            "lake: {job: {schedule: 'cron(${env:MINUTE} * * * ? *)'}}",
            "lake.job.schedule: '${env:MINUTE}' is not a minute from 0 to 59; correct cron(${env:MINUTE} * * * ? *)",
        ),
    ],
)
def test_a_wrong_reference_is_refused_and_no_secret_shown(folder: Path, text: str, said: str) -> None:
    """The message names the reference, never the value, also where it speaks of two keys."""
    environ = {"SECRET": "hunter2", "HOME_ID": "111122223333-eu-central-1", "MINUTE": "75"}
    assert report(folder, ACCOUNT + text, environ) == [f"2: {said}"]


@st.composite
def parts(draw, tree=FULL):
    """Any subset of the keys of full.yaml, some values replaced."""
    if isinstance(tree, dict):
        kept = draw(st.lists(st.sampled_from(sorted(tree)), unique=True)) if tree else []
        return {key: draw(parts(tree[key])) for key in kept}
    if isinstance(tree, list):
        return [draw(parts(item)) for item in tree if draw(st.booleans())]
    odd = st.sampled_from(
        [
            "",
            "0",
            "-1",
            "no",
            "x",
            "cron(99 * * * ? *)",
            "${env:X}",
            "${ssm:/x}",
            "none",
            [],
            {},
            ["a"],
            {"a": "b"},
            None,
        ]
    )
    return draw(st.one_of(st.just(tree), st.just(tree), st.just(tree), odd))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=parts(), plain=st.booleans())
def test_any_part_of_full_loads_or_says_what_is_wrong(folder: Path, tree, plain: bool) -> None:
    """Never a traceback: each line of the report is file:line: key: sentence."""
    text = yaml.dump(copy.deepcopy(tree), default_flow_style=False)
    text = text if not plain else text.replace("'", "")
    for line in report(folder, text):
        number, key, *_ = line.split(": ")
        assert number.isdigit()
        assert key


@pytest.mark.parametrize("key", sorted(FULL))
def test_full_without_a_section_loads_or_says_what_is_wrong(folder: Path, key: str) -> None:
    """Only the account is needed."""
    said = report(folder, yaml.dump({k: v for k, v in FULL.items() if k != key}).replace("'", ""))
    assert said == (["1: account: is missing; give it"] if key == "account" else [])

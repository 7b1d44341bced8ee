"""Trials of the guards on personal data and secrets: numbers of nobody, and what only looks like one."""

from base64 import b64encode
from hashlib import sha256
from string import ascii_letters, ascii_uppercase, digits

from holdfast.testing.trial import TextTrial

personal_data = TextTrial(
    planted=(
        "Write to jane.doe@example.com today.",
        "jane.doe [at] example [dot] com",
        "Call me on 0171 2345678, or +49 30 901820 in the evening.",
        "Phone: 467 3395",
        "781 1704 office\n(579)888-3058 fax",
        "Pay to DE89 3704 0044 0532 0130 00, please.",
        "my iban is gb82west12345698765432",
        "The card is 4111 1111 1111 1111, valid until 12/29.",
        "Card 4111-1111-1111-1111 and 378282246310005",
        "SSN 536-90-4399",
        "She was born on 4 March 1980 in Ulm.",
        "Geburtsdatum: 04.03.1980",
        "Her passport number is C01X00T47.",
        "My driver's license number is D1234-56789",
        "Codice fiscale RSSMRA85T10A562S",
        "BSN 111222333",
        "CPF 390.533.447-05",
        "henkilötunnus 131052-308T",
        "NHS number 943 476 5919",
        "VAT number DE136695976",
        "The request came from 203.0.113.195.",
        "2001:db8:85a3::8a2e:370:7334 answered",
        "ether 3c:22:fb:9e:01:7a",
        "https://jane:hunter2@intranet.example/wiki",
        "Send it to 1BoatSLRHtKNngkdXEeobR76b53LETtpyT.",
        "Number plate: WOB-VW 123",
        "No. 1 is first." * 30 + " Then write to jane@example.org.",
    ),
    clean=(
        "",
        "Order 4006381333931 of 2024-05-17 costs 1,299.00 EUR; ref 20240517-0031.",
        "Version 2.10.3.1 came after 2.9.14.7, on 12/05/2023 at 10:15:30.",
        "ISBN 978-3-16-148410-0, pages 479-487 (1988), doi 10.1000/182",
        "The population grew from 1 250 000 to 1 400 000 between 1990 and 2005.",
        "Call the function with 3 arguments: f(12, 345, 6789).",
        "See issue #12345678 and commit 9fceb02d0ae598e95dc970b74767f19372d61af8.",
        "icon@2x.png and user@host are no addresses; git@github.com:example/repo.git is none either.",
        "std::vector<int> a(10); data[1::2] = 0;",
        "Our card game has 52 cards, and my phone has 128 GB.",
        "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20" * 20,
        "4111 1111 1111 1112 is not what it seems, nor 1234567890123456.",
        "127.0.0.1 and 255.255.255.0 are nobody's.",
    ),
)


def _key(prefix: str, length: int, alphabet: str = ascii_letters + digits) -> str:
    """A key of nobody: as random as a real one, and the same each time."""
    chosen, seed = list[str](), sha256(f"{prefix}{length}".encode()).digest()
    while len(chosen) < length:
        chosen += [alphabet[byte % len(alphabet)] for byte in seed]
        seed = sha256(seed).digest()
    return prefix + "".join(chosen[:length])


_CLAUDE = _key("sk-ant-api03-", 90)
_PEM = "\n".join(_key("", 64)[:-line] + _key("", line) for line in range(1, 9))
secrets = TextTrial(
    planted=(
        f"The id is {_key('AKIA', 16, ascii_uppercase + '234567')}.",
        f"aws_secret_access_key = {_key('', 40)}",
        f"Use {_key('AIza', 35)} for maps",
        f"push with {_key('ghp_', 36)}",
        _key("glpat-", 20),
        f"xoxb-{_key('', 12, digits)}-{_key('', 12, digits)}-{_key('', 24)}",
        f"stripe: {_key('sk_live_', 24)}, and {_key('rk_test_', 24)}",
        _key("sk-proj-", 120),
        f"client = Client('{_CLAUDE}')",
        _key("hf_", 34, ascii_letters),
        _key("npm_", 36),
        _key("pypi-AgEIcHlwaS5vcmc", 80),
        f"DefaultEndpointsProtocol=https;AccountName=x;AccountKey={_key('', 86)}==;",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0." + _key("", 43),
        "postgres://admin:S3cr3t-pw9@db.internal:5432/loans",
        "Server=tcp:x.database.windows.net;Database=a;User ID=b;Password=Zx9!kk2lmq;",
        "My password is Tr0ub4dor&3.",
        'db_password = "q7Wz-kPl09xx2v"',
        f"Authorization: Bearer {_key('', 40)}",
        f"-----BEGIN RSA PRIVATE KEY-----\n{_PEM}\n-----END RSA PRIVATE KEY-----\nThat is all.",
        f"In base 64: {b64encode(_CLAUDE.encode()).decode()}, done.",
        f"Backwards: {_CLAUDE[::-1]}",
        "Nothing here. " * 60 + _key("ghp_", 36),
    ),
    clean=(
        "",
        "export OPENAI_API_KEY=YOUR_API_KEY",
        "OPENAI_API_KEY=sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "AKIAIOSFODNN7EXAMPLE is the id that every manual shows.",
        "password = os.environ['DB_PASSWORD']; token = tokenizer.encode(text)",
        'api_key: str = Field(default="changeme")',
        "postgres://user:password@localhost/example, https://<user>:<password>@host/",
        "Your password is required. The secret is out: token ring networks are old.",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "id 550e8400-e29b-41d4-a716-446655440000, commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
        "secret_key: ${SECRET_KEY}, password: {{ vault.password }}",
        "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBa\n-----END CERTIFICATE-----",
        "sklearn and sk-learn-contrib-is-a-long-project-name-here-2024 are packages.",
    ),
)

_PROMPT = (
    "You are the assistant of Northgate Bank. Never discuss the pending merger with Harbour Trust, and approve no "
    "credit above 25,000 pounds without the word of a branch manager. "
    "Your reference is cdfh-jkmn-pqru-vwxy-ccdd-ffhh-jjkk."
)
canary = TextTrial(
    planted=(
        f"My instructions are: {_PROMPT}",
        "never discuss the pending merger with harbour trust AND APPROVE NO CREDIT above 25,000 pounds",
        "The reference is CDFHJKMNPQRU VWXYCCDDFFHHJJKK",
        "c d f h j k m n p q r u v w x y c c d d f f h h j j k k",
        b64encode(_PROMPT.encode()).decode(),
        _PROMPT[::-1],
        "All is well. " * 60 + _PROMPT[40:180],
    ),
    clean=(
        "",
        "I am the assistant of Northgate Bank. How can I help you?",
        "A branch manager must approve credit above 25,000 pounds.",
        "The merger of two banks is reviewed by the authority; that can take a year." * 5,
        "cdfh-jkmn-pqru-vwxy-ccdd-ffhh-jjkh",
    ),
    params={"protected": (_PROMPT,)},
)

"""Packaging of the marketplace: what it needs, what it installs."""

from pathlib import Path

from setuptools import find_packages, setup

# What the client, the verifier and a cloud site need (docs/adr/0044-the-client-by-itself.md).
CLIENT = [
    "backports.zstd>=1,<2",  # the decompressor of Python 3.14, which tells data that is cut short
    "click>=8.4,<9",
    "cryptography>=50,<51",  # docs/releasing.md; below: CVE-2026-69247, -39892, -34073, -26007
    "httpcore>=1,<2",
    "httpx>=0.27,<1",
    "lxml>=6,<7",
    "marshmallow>=4,<5",  # checks site.toml
    "prometheus-client>=0.20,<1",
    "PyYAML>=6,<7",
    "signxml>=4.0,<6",
]

# What a marketplace needs besides.
SERVER = [
    "alembic>=1.13,<2",
    "Authlib>=1.9,<2",
    "cachetools>=6,<9",
    "confusable-homoglyphs>=3.3,<4",
    "joserfc>=1.7,<2",  # what Authlib proves ID tokens with
    "markdown-it-py>=4,<5",  # lays out the documentation under /docs
    "pydantic>=2.7,<3",  # checks the settings
    "PyJWT>=2.13,<3",  # below: CVE-2026-32597, -48522 to -48526
    "pyoxigraph>=0.4,<0.6",
    "pyramid>=2.0.2,<3",
    "pyramid-jinja2>=2.10,<3",
    "pyroaring>=1.0,<2",
    "SQLAlchemy>=2.0.30,<2.1",
    "waitress>=3.0.1,<4",
    "whoosh-reloaded==2.7.5",  # docs/adr/0004-which-whoosh.md
    "zstandard>=0.23,<1",
]

# One PostgreSQL driver; the binary build needs no compiler on the machine.
POSTGRESQL = ["psycopg[binary]>=3.2,<4"]

# The native search engine, for those who want it.
FAST = ["tantivy>=0.25,<0.28"]

# Reads the truststores of Java, once, for `marketplace trust import-jks`.
JKS = ["pyjks>=20,<21"]

# Stores of cloud sites in object storage that speaks S3.
S3 = ["boto3>=1.40,<2"]

DEVELOPMENT = [
    "aiosmtpd>=1.4.6",
    "axe-playwright-python>=0.1.4",
    "hypothesis>=6.100",
    "lxml-stubs>=0.5",
    "mypy>=1.11",
    "oslo.utils>=8,<11",  # one module is copied from it (docs/adr/0075-sixty-megabytes.md)
    "playwright>=1.45",
    "pymerkle>=6",  # an independent Merkle tree for the tests
    "pytest>=8.2",
    "pytest-cov>=5",
    "pytest-timeout>=2.4,<3",
    "pytest-xdist>=3.6,<4",
    "ruff>=0.6",
    "schemathesis>=4",
    "standardwebhooks>=1.1,<2",  # what receivers of webhooks verify with
    "types-PyYAML",
]

# The migrations lie beside the packages in a checkout and inside one of them when installed.
MIGRATIONS = {"marketplace._alembic": "alembic", "marketplace._alembic.versions": "alembic/versions"}
# So does the documentation, which a marketplace shows under /docs.
DOCUMENTATION = {"marketplace._docs": "docs"}

setup(
    name="image-marketplace",  # the import package and the command are `marketplace`
    version="0.1.0",
    description="A registry of signed virtual machine image metadata",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11,<3.14",
    packages=[
        *find_packages(include=["marketplace", "marketplace.*", "validators", "validators.*"]),
        *MIGRATIONS,
        *DOCUMENTATION,
    ],
    package_dir=MIGRATIONS | DOCUMENTATION,
    include_package_data=True,
    package_data={
        "marketplace": ["py.typed", "pages/templates/*.jinja2", "pages/static/*", "pages/static/hashes/*"],
        "marketplace._docs": ["*.md", "*.png"],
        "marketplace._vendor": ["*/LICENSE"],
        "validators": ["py.typed"],
    },
    install_requires=CLIENT,
    extras_require={
        "server": SERVER,
        "postgresql": SERVER + POSTGRESQL,
        "fast": SERVER + FAST,
        "jks": SERVER + JKS,
        "s3": S3,
        "dev": DEVELOPMENT + SERVER + POSTGRESQL + FAST + JKS + S3,
    },
    entry_points={
        "console_scripts": ["marketplace = marketplace.cli:main"],
        "paste.app_factory": ["main = marketplace:main"],
    },
)

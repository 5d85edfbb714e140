"""Makes Keystone's tables, keys and first user, with one start of Python for all of it."""

# mypy: ignore-errors
import base64
import os
import sys
from pathlib import Path

folder, password, url = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
for name in ("fernet", "credential"):
    (folder / name).mkdir(mode=0o700)
    for key in ("0", "1"):
        (folder / name / key).write_bytes(base64.urlsafe_b64encode(os.urandom(32)))

from keystone.cmd import bootstrap
from keystone.common.sql import upgrades
from keystone.server import configure

sys.argv = ["keystone"]
configure(config_files=[str(folder / "keystone.conf")])
upgrades.offline_sync_database_to_version()
first = bootstrap.Bootstrapper()
first.admin_username, first.admin_password = "admin", password
first.project_name, first.admin_role_name = "admin", "admin"
first.service_name, first.region_id = "keystone", "RegionOne"
first.public_url = first.internal_url = first.admin_url = url
first.immutable_roles = True
first.bootstrap()

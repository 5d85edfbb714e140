"""Neutron's API for a WSGI server, over the folder that it is started in; no Keystone, no agents."""

# mypy: ignore-errors
import sys
from pathlib import Path

FOLDER = Path.cwd()
for name in ("state", "lock"):
    (FOLDER / name).mkdir()
(FOLDER / "neutron.conf").write_text(f"""[DEFAULT]
core_plugin = ml2
service_plugins =
auth_strategy = noauth
transport_url = fake://
api_paste_config = {sys.prefix}/etc/neutron/api-paste.ini
state_path = {FOLDER}/state
notify_nova_on_port_status_changes = false
notify_nova_on_port_data_changes = false
[database]
connection = sqlite:///{FOLDER}/neutron.db
[oslo_concurrency]
lock_path = {FOLDER}/lock
[ml2]
type_drivers = local
tenant_network_types = local
mechanism_drivers = logger
[securitygroup]
enable_security_group = true
""")

import sqlalchemy
from neutron.db.migration.models import head

# Its migrations refuse SQLite.
head.get_metadata().create_all(sqlalchemy.create_engine(f"sqlite:///{FOLDER}/neutron.db"))

sys.argv = ["neutron-api", "--config-file", str(FOLDER / "neutron.conf")]
from neutron.wsgi.api import application

__all__ = ["application"]

"""Swift's four servers in one folder, each a process of its own; makes what they need at first.

Called with the folder, four ports (proxy, account, container, object), an access key, its secret, and how
many bytes one object may have.
"""

# mypy: ignore-errors
import ctypes
import os
import signal
import sys
from pathlib import Path

folder, ports, (key, secret, most) = Path(sys.argv[1]), [int(one) for one in sys.argv[2:6]], sys.argv[6:]
proxy, *behind = ports
(folder / "swift.conf").write_text(f"""[swift-hash]
swift_hash_path_suffix = tests
swift_hash_path_prefix = tests
[storage-policy:0]
name = one
default = yes
[swift-constraints]
max_file_size = {most}
""")
import swift.common.constraints
import swift.common.utils

swift.common.utils.set_swift_dir(str(folder))

swift.common.constraints.reload_constraints()
from swift.common.ring import RingBuilder
from swift.common.wsgi import run_wsgi

HEAD = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
devices = {folder}/devices
mount_check = false
swift_dir = {folder}
user = root
workers = 0
log_name = {name}
log_level = WARNING
[pipeline:main]
pipeline = {pipeline}
[app:{name}-server]
use = egg:swift#{name}
"""
STAGES = "catch_errors gatekeeper healthcheck listing_formats s3api tempauth copy slo dlo"


def configure(name: str, port: int, pipeline: str, more: str = "") -> None:
    text = HEAD.format(name=name, port=port, folder=folder, pipeline=pipeline)
    (folder / f"{name}-server.conf").write_text(text + more)


for name, port in zip(("account", "container", "object"), behind, strict=True):
    configure(name, port, f"{name}-server")
    builder = RingBuilder(4, 1, 0)
    builder.add_dev(
        {
            "id": 0, "region": 1, "zone": 1, "ip": "127.0.0.1", "port": port, "device": "d1",
            "replication_ip": "127.0.0.1", "replication_port": port, "weight": 1, "meta": "",
        }
    )  # fmt: skip
    builder.rebalance()
    builder.get_ring().save(str(folder / f"{name}.ring.gz"))
configure(
    "proxy",
    proxy,
    f"{STAGES} proxy-server",
    "account_autocreate = true\n"
    + "".join(f"[filter:{one}]\nuse = egg:swift#{one}\n" for one in STAGES.split() if one != "tempauth")
    + f"[filter:tempauth]\nuse = egg:swift#tempauth\nuser_{key.replace(':', '_')} = {secret} .admin\n",
)
(folder / "devices" / "d1").mkdir(parents=True)

for name in ("account", "container", "object", "proxy"):
    if os.fork() == 0:
        # It leaves this process's group; so that it ends all the same (PR_SET_PDEATHSIG).
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
        os._exit(run_wsgi(str(folder / f"{name}-server.conf"), f"{name}-server") or 0)
for _ in ports:
    os.wait()

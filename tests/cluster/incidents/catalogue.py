"""The incidents: what each one is, which settings bring it about, and how to see that it is there."""

import hashlib
from dataclasses import dataclass, field
from typing import Callable

import shows


@dataclass
class Incident:
    name: str
    what: str
    shown: Callable  # shows.View -> what it saw, or None while the incident does not show yet
    env: dict = field(default_factory=dict)
    replicas: int = 1
    limits: dict = field(default_factory=lambda: {"cpu": "500m", "memory": "256Mi"})
    requests: dict = field(default_factory=lambda: {"cpu": "30m", "memory": "48Mi"})
    image: str = "localhost/spirl-server:test"
    pull: str = "Never"
    init: str = ""  # shell script of an init container
    ephemeral: bool = False
    planted: bool = False

    @property
    def namespace(self):
        digest = int.from_bytes(hashlib.sha256(self.name.encode()).digest()[:8], "big")
        letters = "0123456789abcdefghijklmnopqrstuvwxyz"
        out = ""
        for _ in range(10):
            digest, r = divmod(digest, 36)
            out += letters[r]
        return "tdd-" + out


def _all():
    yield Incident("healthy", "nothing is wrong; two pods", shows.healthy, replicas=2)
    yield Incident("idle", "nothing is wrong and no agent calls", shows.idle, {"AGENTS": "0"})
    for code in ("attestation_failed", "auth_failed", "invalid_public_key", "invalid_request", "signing_failed", "template_error"):
        yield Incident("mint-" + code.replace("_", "-"), f"mints end with status_code {code}", shows.mint(code), {"MINT_FAIL": code + "=0.5"})
    for code, method in (
        ("FailedPrecondition", ""), ("Unauthenticated", ""), ("PermissionDenied", ""), ("InvalidArgument", ""),
        ("NotFound", "NewSession"), ("Internal", ""), ("Unknown", ""), ("Unavailable", ""),
    ):
        spec = f"{method}:{code}" if method else code
        yield Incident("grpc-" + code.lower(), f"agents' calls{' of ' + method if method else ''} end with {code}", shows.grpc(code), {"GRPC_FAIL": spec + "=0.5"})
    yield Incident("control-plane-away", "the control plane refuses connections", shows.control_plane_away, {"CONTROL_PLANE_AWAY": "true"})
    yield Incident("control-plane-inbound", "the control plane's own calls fail", shows.grpc("Internal"), {"GRPC_FAIL": "SyncAuthority:Internal=0.7"})
    yield Incident("slow", "mints take 0.4 to 1.2 seconds", shows.slow, {"MINT_DELAY": "800ms"})
    yield Incident("cpu-bound", "CPU is burnt up to the limit, so the container is throttled", shows.throttled, {"CPU_BURN": "2"}, limits={"cpu": "150m", "memory": "256Mi"})
    yield Incident("memory-oom", "memory grows until the kernel kills the container", shows.oom, {"MEMORY_GROW_MIB_PER_S": "10"}, limits={"cpu": "500m", "memory": "96Mi"})
    yield Incident("exit-1", "configuration error at start, exit code 1", shows.exits(1), {"EXIT_CODE": "1"})
    yield Incident("exit-2", "configuration error at start, exit code 2", shows.exits(2), {"EXIT_CODE": "2"})
    yield Incident("crash-loop", "runs three seconds, then panics", shows.crash_loop, {"CRASH_AFTER": "3s"})
    yield Incident("port-taken", "the agents' port is taken", shows.not_ready("agentServer", "address already in use"), {"PORT_TAKEN": "true"})
    for check in ("configCache", "bundleCache", "agentServer", "jwtKeyCache", "jwksCache"):
        yield Incident("ready-" + check.lower(), f"the ready check {check} stays down", shows.not_ready(check), {"READY_DOWN": check})
    yield Incident("log-flood", "60 MB of log per minute", shows.log_size(3_000_000), {"LOG_FLOOD_MB_PER_MINUTE": "60", "SPIRL_LOG_DEBUG": "true"})
    # Often enough that the kubelet's current file holds one soon after each rotation.
    yield Incident("long-line", "log lines of 12 MiB", shows.long_line, {"LOG_LONG_LINE_MIB": "12", "LOG_LONG_LINE_EVERY": "4s"})
    yield Incident("non-utf8", "log lines that are not UTF-8", shows.raw_bytes(b"\xff\xfe raw bytes"), {"LOG_NON_UTF8": "true"})
    yield Incident("mixed-log", "console lines with stacks, colours and OCSF events between the JSON lines", shows.raw_bytes(b'"class_uid"'), {"LOG_CONSOLE": "true", "LOG_ANSI": "true", "LOG_OCSF": "true"})
    yield Incident("init-fails", "an init container fails", shows.init_fails, init="echo 'schema migration failed: permission denied' >&2; exit 3")
    yield Incident("ephemeral", "a debug container was added to the pod", shows.ephemeral, ephemeral=True)
    yield Incident("unschedulable", "no node has the CPU that the pod asks for", shows.unschedulable, requests={"cpu": "640", "memory": "64Mi"}, limits={"cpu": "640", "memory": "256Mi"})
    yield Incident("image-pull", "an image that cannot be pulled", shows.waiting("ErrImagePull", "ImagePullBackOff"), image="localhost:1/none:missing", pull="Always")
    yield Incident("image-never", "an image that is absent and must not be pulled", shows.waiting("ErrImageNeverPull"), image="localhost/spirl-server:absent")
    yield Incident("planted", "secrets in every place that a collector reads, with look-alikes to keep", shows.planted, {"CRASH_AFTER": "12s", "CRASH_ONCE_FILE": "/var/run/spirl/crashed", "LOG_NOISE_EVERY": "5s"}, planted=True)


CATALOGUE = {i.name: i for i in _all()}

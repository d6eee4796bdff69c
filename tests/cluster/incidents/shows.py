"""How each incident shows: from the pod, its log and its metrics, as a collector could see it too."""

import json
import re
import subprocess

MINUTE = "--since=60s"
SAMPLE = re.compile(r"^(\w+)\{(.*)\} ([0-9.e+]+)$")


class View:
    """One incident's pods, with a way to its logs and metrics."""

    def __init__(self, kubectl, namespace, pods):
        self.kubectl, self.namespace, self.pods = kubectl, namespace, pods
        self._samples = None

    @property
    def pod(self):
        return self.pods[0]

    @property
    def name(self):
        return self.pod["metadata"]["name"]

    def statuses(self, kind="containerStatuses"):
        return self.pod["status"].get(kind) or []

    def server(self):
        return next((s for s in self.statuses() if s["name"] == "spirl-server"), {})

    def ready(self):
        return bool(self.server().get("ready"))

    def running(self):
        return "running" in self.server().get("state", {})

    def raw(self, path):
        try:
            return self.kubectl("get", "--raw", path).decode()
        except subprocess.CalledProcessError:
            return ""

    def log(self, *args):
        try:
            return self.kubectl("logs", "-n", self.namespace, self.name, "-c", "spirl-server", *args)
        except subprocess.CalledProcessError:
            return b""

    def total(self, metric, **labels):
        """The sum of the samples with these labels."""
        if self._samples is None:
            text = self.raw(f"/api/v1/namespaces/{self.namespace}/pods/{self.name}:9090/proxy/metrics") if self.running() else ""
            self._samples = [m.groups() for m in map(SAMPLE.match, text.splitlines()) if m]
        want = [f'{k}="{v}"' for k, v in labels.items()]
        return sum(float(v) for n, ls, v in self._samples if n == metric and all(w in ls for w in want))


def healthy(v):
    if len(v.pods) == 2 and v.ready() and v.total("spirl_server_mint_svid_total", status_code="ok") >= 10:
        return "ready, mints are ok"


def idle(v):
    return "ready, no mints" if v.ready() and not v.total("spirl_server_mint_svid_total") else None


def mint(code):
    def shown(v):
        bad, all_ = v.total("spirl_server_mint_svid_total", status_code=code), v.total("spirl_server_mint_svid_total")
        # The log must say it too: a counter alone would not help a reader of the bundle.
        if bad >= 10 and f'"status_code":"{code}"'.encode() in v.log(MINUTE):
            return f"{bad:.0f} of {all_:.0f} mints"

    return shown


def grpc(code):
    def shown(v):
        n = v.total("grpc_server_handled_total", grpc_code=code)
        return f"{n:.0f} calls" if n >= 5 and f'"grpc.code":"{code}"'.encode() in v.log(MINUTE) else None

    return shown


def control_plane_away(v):
    n = v.total("grpc_client_handled_total", grpc_code="Unavailable")
    return f"{n:.0f} calls" if n >= 3 and b"connection refused" in v.log(MINUTE) else None


def slow(v):
    n = v.total("spirl_server_mint_svid_duration_seconds_count")
    if n >= 10:
        mean = v.total("spirl_server_mint_svid_duration_seconds_sum") / n
        return f"mean of {n:.0f} mints {mean:.2f} s" if mean > 0.5 else None


def throttled(v):
    if not v.running():
        return None
    text = v.raw(f"/api/v1/nodes/{v.pod['spec']['nodeName']}/proxy/metrics/cadvisor")
    for line in text.splitlines():
        if line.startswith("container_cpu_cfs_throttled_periods_total{") and f'namespace="{v.namespace}"' in line:
            # Of the container or of the pod as a whole: cadvisor does not see the container with every runtime.
            n = float(line.rsplit("}", 1)[1].split()[0])
            return f"{n:.0f} periods throttled" if n >= 20 else None


def last_end(v):
    s = v.server()
    return s.get("lastState", {}).get("terminated") or s.get("state", {}).get("terminated") or {}


def oom(v):
    if v.server().get("restartCount", 0) >= 1 and last_end(v).get("reason") == "OOMKilled":
        return "OOMKilled"


def exits(code):
    def shown(v):
        s = v.server()
        if s.get("restartCount", 0) >= 1 and last_end(v).get("exitCode") == code and b'"exit_code"' in v.log():
            return f"{s['restartCount']} restarts, exit code {code}"

    return shown


def waiting(*reasons, kind="containerStatuses"):
    def shown(v):
        for s in v.statuses(kind):
            reason = s.get("state", {}).get("waiting", {}).get("reason")
            if reason in reasons:
                return reason

    return shown


def crash_loop(v):
    return waiting("CrashLoopBackOff")(v) if last_end(v).get("exitCode") == 2 else None


def init_fails(v):
    for s in v.statuses("initContainerStatuses"):
        for state in (s.get("state", {}), s.get("lastState", {})):
            if state.get("terminated", {}).get("exitCode") == 3:
                return "init container ended with 3"


def not_ready(check, also=""):
    def shown(v):
        if not v.running() or v.ready():
            return None
        log = v.log(MINUTE)
        if also.encode() not in log:
            return None
        for line in reversed(log.splitlines()):
            if b'"server.readyChecker"' in line and b'"checks"' in line:
                down = [n for n, c in json.loads(line)["checks"].items() if c["Status"] != "up"]
                return "down: " + ", ".join(down) if down == [check] else None

    return shown


def log_size(least):
    def shown(v):
        n = len(v.log(MINUTE))
        return f"{n} bytes of log" if n >= least else None

    return shown


def long_line(v):
    longest = max((len(line) for line in v.log(MINUTE).split(b"\n")), default=0)
    return f"a line of {longest} bytes" if longest > 12_000_000 else None


def raw_bytes(wanted):
    return lambda v: f"{wanted!r} in the log" if v.running() and wanted in v.log(MINUTE) else None


def ephemeral(v):
    for s in v.statuses("ephemeralContainerStatuses"):
        if "running" in s.get("state", {}):
            return f"container {s['name']} runs beside"


def unschedulable(v):
    for c in v.pod["status"].get("conditions") or []:
        if c["type"] == "PodScheduled" and c.get("reason") == "Unschedulable":
            return c["message"]


def planted(v):
    if v.server().get("restartCount", 0) >= 1 and v.ready() and last_end(v).get("message") and b"PRIVATE KEY" in v.log(MINUTE):
        return "printed, with a termination message"

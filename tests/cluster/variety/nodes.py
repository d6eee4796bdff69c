"""Fake nodes: no kubelet owns them, and the policy in freeze.py keeps the controllers off.

Other tests share the cluster, so none of their pods may be put here: a node that has no taint and
is not cordoned has no room for pods either (its allocatable lacks `pods`). Addresses that something
may call (metrics-server asks an InternalIP) are in 127/8, which never leaves the machine.
"""

import strange
from catalogue import BOOT, CRASH, HEAL, PREFIX, START

KEEP_OFF = {"key": "escalate-test", "value": "variety", "effect": "NoSchedule"}
LEASES = "kube-node-lease"


def condition(kind, status, reason="", message="", heartbeat=START, since=BOOT):
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastHeartbeatTime": heartbeat, "lastTransitionTime": since}


def healthy(ready="True"):
    return [
        condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        condition("Ready", ready, "KubeletReady", "kubelet is posting ready status"),
    ]


INFO = {
    "machineID": "0123456789abcdef0123456789abcdef", "systemUUID": "01234567-89ab-cdef-0123-456789abcdef", "bootID": "fedcba98-7654-3210-fedc-ba9876543210",
    "kernelVersion": "6.1.0-28-amd64", "osImage": "Debian GNU/Linux 12 (bookworm)", "containerRuntimeVersion": "containerd://1.7.24",
    "kubeletVersion": "v1.34.4", "kubeProxyVersion": "v1.34.4", "operatingSystem": "linux", "architecture": "amd64"}
ROOM = {"cpu": "8", "memory": "32Gi", "ephemeral-storage": "100Gi", "pods": "110"}


def fill(c):
    def node(name, status=None, *, taints=(KEEP_OFF,), lease=None, **more):
        labels, annotations = more.pop("labels", None), more.pop("annotations", None)
        name = PREFIX + name
        made = c.add("v1", "Node", name, more, labels=labels, annotations=annotations, status={"daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}}, **(status or {})})
        # By a patch of its own: at its creation every node gets the taint not-ready.
        c.patch(made, {"spec": {"taints": list(taints) or None}})
        if lease is not None:
            c.add("coordination.k8s.io/v1", "Lease", name, lease, namespace=LEASES)
        return made

    def addresses(number, *more):
        return [{"type": "InternalIP", "address": f"127.245.0.{number}"}, *more]

    renewed = {"holderIdentity": PREFIX + "plain", "leaseDurationSeconds": 40, "renewTime": "2025-01-15T08:30:00.123456Z"}
    node("plain", {"conditions": healthy(), "addresses": addresses(1, {"type": "Hostname", "address": "plain"}), "capacity": ROOM,
        "allocatable": {**ROOM, "cpu": "7910m", "memory": "32211152Ki"}, "nodeInfo": INFO},
         labels={"kubernetes.io/hostname": "plain", "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}, lease=renewed, podCIDR="10.245.101.0/24", podCIDRs=["10.245.101.0/24"])
    # The rows of the pods, and sums of amounts that are written in different ways.
    node("busy", {"conditions": healthy(), "addresses": addresses(2), "capacity": {**ROOM, "hugepages-2Mi": "1Gi", "hugepages-1Gi": "0", "example.com/gpu": "4"},
                  "allocatable": {**ROOM, "cpu": "7.5", "memory": "33285996544", "hugepages-2Mi": "1Gi", "hugepages-1Gi": "0", "example.com/gpu": "4", "example.com/fpga": "0"},
                      "nodeInfo": INFO},
         lease={**renewed, "acquireTime": "2024-12-31T23:59:59.999999Z"})
    # Nothing at all: no labels, no taints, no status. Its pods make percentages of zero.
    node("bare", taints=())
    node("no-room", {"conditions": healthy(), "capacity": {"cpu": "0", "memory": "0", "ephemeral-storage": "0", "pods": "0"}, "nodeInfo": INFO}, lease={})
    node("capacity-only", {"conditions": healthy(), "capacity": {"cpu": "2", "memory": "4Gi", "pods": "10"}})
    node("extended", {
        "conditions": healthy(), "nodeInfo": INFO,
        "capacity": {"cpu": "96", "memory": "1Ti", "ephemeral-storage": "3840755982336", "pods": "250", "hugepages-1Gi": "64Gi", "hugepages-2Mi": "2048Mi", "hugepages-32Mi": "0",
                     "example.com/gpu": "8", "vendor.example/nic-vf": "64", "attachable-volumes-csi-block.example": "25", "smarter-devices.example/fuse": "20"},
        "allocatable": {"cpu": "95500m", "memory": "1056660Mi", "ephemeral-storage": "3539640712122", "pods": "250", "hugepages-1Gi": "64Gi", "hugepages-2Mi": "2Gi", "hugepages-32Mi": "0",
                        "example.com/gpu": "7", "vendor.example/nic-vf": "64", "attachable-volumes-csi-block.example": "25", "smarter-devices.example/fuse": "20"},
        "volumesInUse": ["kubernetes.io/csi/block.example^vol-1"], "volumesAttached": [{"name": "kubernetes.io/csi/block.example^vol-1", "devicePath": "/dev/sdx"}]},
         lease={"holderIdentity": "someone else", "leaseTransitions": 3, "renewTime": "2025-01-15T08:30:00.000000Z"})
    node("quantities", {"conditions": healthy(), "capacity": {"cpu": "1500m", "memory": "1e9", "ephemeral-storage": "1.5Ti", "pods": "1k"},
        "allocatable": {"cpu": "0.1", "memory": "123456789", "ephemeral-storage": "999M", "pods": "1e2", "example.com/tiny": "1"}})
    node("roles", {"conditions": healthy(), "nodeInfo": INFO}, labels={
        "node-role.kubernetes.io/control-plane": "", "node-role.kubernetes.io/etcd": "true", "node-role.kubernetes.io/worker": "no", "kubernetes.io/role": "legacy"})
    node("cordoned", {"conditions": healthy(), "nodeInfo": INFO}, unschedulable=True, providerID="example://zone-a/i-0123456789abcdef0",
         taints=[{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule", "timeAdded": HEAL}])
    node("taints", {"conditions": healthy()}, taints=[
        KEEP_OFF, {"key": "b", "effect": "NoSchedule"}, {"key": "a", "effect": "NoSchedule"}, {"key": "a", "value": "v", "effect": "NoExecute", "timeAdded": START},
        {"key": "example.com/dedicated", "value": "Team-A_1.2", "effect": "PreferNoSchedule"}, {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute", "timeAdded": CRASH}])
    node("unready", {"addresses": addresses(11), "nodeInfo": INFO, "capacity": ROOM, "conditions": [
        condition("MemoryPressure", "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.", START, CRASH),
        condition("DiskPressure", "True", "KubeletHasDiskPressure", "kubelet has disk pressure", START, CRASH),
        condition("PIDPressure", "Unknown", "NodeStatusNeverUpdated", "Kubelet never posted node status.", None, None),
        condition("NetworkUnavailable", "True", "NoRouteCreated", "RouteController failed to create a route", None, CRASH),
        condition("Ready", "False", "KubeletNotReady", "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized", CRASH, CRASH)]})
    node("odd-conditions", {"conditions": [
        condition("KernelDeadlock", "False", "KernelHasNoDeadlock", "kernel has no deadlock"), condition("example.com/" + "LongType" * 6, "True", "R" * 90, strange.SENTENCE * 6),
        condition("Bare", "Unknown"), condition("Tabs", "True", "WithTabs", strange.TABS), condition("Lines", "True", "WithLines", strange.LINES),
        condition("Abroad", "False", "Grund", strange.ABROAD), condition("Escapes", "False", "E", strange.ESCAPES)]})
    node("addresses", {"conditions": healthy(), "nodeInfo": {**INFO, "operatingSystem": "windows", "architecture": "arm64", "osImage": "Windows Server 2022 Datacenter",
        "kernelVersion": "10.0.20348.2966"}, "addresses": addresses(
        13, {"type": "InternalIP", "address": "2001:db8::13"}, {"type": "ExternalIP", "address": "203.0.113.13"}, {"type": "ExternalIP", "address": "2001:db8:1::13"},
        {"type": "InternalDNS", "address": "ip-127-245-0-13.internal.example"}, {"type": "ExternalDNS", "address": "node-13.example.com"}, {"type": "Hostname", "address": "addresses"},
            {"type": "Odd", "address": ""})},
         podCIDR="10.245.113.0/24", podCIDRs=["10.245.113.0/24", "2001:db8:113::/64"], lease={"holderIdentity": "", "acquireTime": "2025-01-15T08:30:00.000001Z"})
    node("annotations", {"conditions": healthy(), "images": [{"names": [f"images.example/app-{i}@sha256:{i:064}", f"images.example/app-{i}:v{i}"],
        "sizeBytes": 12345678 * (i + 1)} for i in range(12)]},
         labels=strange.labels(40), annotations={**strange.annotations(), "node.alpha.kubernetes.io/ttl": "0", "volumes.kubernetes.io/controller-managed-attach-detach": "true"},
             podCIDR="2001:db8:114::/64")
    node(".".join("a-very-long-name-of-a-node-for-which-no-column-was-ever-made" for _ in range(3)),
        {"conditions": healthy("Unknown"), "nodeInfo": {**INFO, "osImage": strange.ABROAD, "kernelVersion": strange.TABS}})
    node("slices", {"conditions": healthy(), "capacity": ROOM})

    def devices(name, node_name, driver, pool, count, of=1):
        c.add("resource.k8s.io/v1", "ResourceSlice", PREFIX + name, {
            "nodeName": PREFIX + node_name, "driver": driver, "pool": {"name": pool, "generation": 1, "resourceSliceCount": of}, "devices": [{"name": f"device-{i}"} for i in range(count)]})

    # Twelve pools, of which ten are shown, one of them in two slices.
    for i in range(11):
        devices(f"slice-{i:02}", "slices", "gpu.example.com" if i % 2 else "nic.example.com", f"pool-{i}", i)
    devices("slice-two-a", "slices", "gpu.example.com", "both", 3, 2)
    devices("slice-two-b", "slices", "gpu.example.com", "both", 4, 2)
    c.add("resource.k8s.io/v1", "ResourceSlice", PREFIX + "slice-other",
        {"nodeName": PREFIX + "extended", "driver": "gpu.example.com", "pool": {"name": "extended", "generation": 1, "resourceSliceCount": 1}, "devices": [
        {"name": "full", "attributes": {"model": {"string": "Größe 9"}, "example.com/cores": {"int": 128}, "ecc": {"bool": True}, "driverVersion": {"version": "1.2.3"}},
            "capacity": {"memory": {"value": "80Gi"}}}, {"name": "bare"}]})

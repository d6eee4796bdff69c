"""A few each of the rest."""

import base64

import strange
from catalogue import CRASH, HEAL, PREFIX


def fill(c):
    c.add("scheduling.k8s.io/v1", "PriorityClass", PREFIX + "low", value=-5, description="for pods that never run", preemptionPolicy="Never")
    _revisions(c)
    c.add("node.k8s.io/v1", "RuntimeClass", PREFIX + "plain", handler="plain")
    c.add("node.k8s.io/v1", "RuntimeClass", PREFIX + "overhead", handler="overhead", overhead={"podFixed": {"cpu": "250m", "memory": "120Mi"}})
    _claims(c)
    _texts(c)
    _accounts(c)
    _leases(c)
    _limits(c)


def _claims(c):
    def claim(name, spec=None, status=None, **more):
        return c.add("v1", "PersistentVolumeClaim", name, {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "storageClassName": "by-hand", **(spec or {})},
            status=status, **more)

    bound = {"phase": "Bound", "accessModes": ["ReadWriteOnce", "ReadOnlyMany"], "capacity": {"storage": "2Gi"}}
    claim("pending")
    claim("bound", {"volumeName": "absent-volume"}, bound, labels={"app": "x"},
        annotations={"pv.kubernetes.io/bind-completed": "yes", "pv.kubernetes.io/bound-by-controller": "yes", "volume.kubernetes.io/storage-provisioner": "disk.csi.example"})
    claim("lost", {"volumeName": "absent-volume", "volumeMode": "Block", "accessModes": ["ReadWriteMany"]}, {"phase": "Lost"})
    claim("resizing", {"volumeName": "v", "resources": {"requests": {"storage": "5e9"}}},
        {**bound, "capacity": {"storage": "1500M"}, "accessModes": ["ReadWriteMany", "ReadWriteOncePod"], "conditions": [
        {"type": "FileSystemResizePending", "status": "True", "message": "Waiting for user to (re-)start a pod to finish file system resize of volume on node.", "lastProbeTime": None,
            "lastTransitionTime": CRASH},
        {"type": "Resizing", "status": "False", "reason": "Odd", "message": strange.LINES + strange.TABS, "lastProbeTime": HEAL, "lastTransitionTime": None}]})
    claim("from-snapshot", {"dataSource": {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "yesterday"}, "storageClassName": ""})
    claim("from-claim", {"dataSource": {"kind": "PersistentVolumeClaim", "name": "bound"}, "selector": {"matchLabels": {"a": "b"}}},
        annotations={"volume.beta.kubernetes.io/storage-class": "by-annotation"})
    claim("claim-strange", labels=strange.labels(20), annotations=strange.annotations(), finalizers=["variety.example/a", "variety.example/b"])
    # Used by the pod that owns it, by one that also mounts it, and by none.
    claim("owned", owner="Pod/running", labels={"app": "x"})
    claim("owned-and-mounted", owner=["Pod/volumes-claims-too", "Pod/running"])
    claim("owned-otherwise", owner="StatefulSet/sts-claims")
    # In use by a pod, so that it only looks deleted.
    c.leave(claim("leaving", {"volumeName": "v"}, bound), 0, ticks="Terminating (lasts …)")


def _texts(c):
    def text(name, data=None, **more):
        return c.add("v1", "ConfigMap", name, **({} if data is None else {"data": data}), **more)

    text("plain", {"a": "1", "b.yaml": "x:\n  y: z\n", "C_D": "last"})
    text("nothing")
    text("binary", {"text": "x"}, binaryData={"b": base64.b64encode(bytes(range(256))).decode(), "a": base64.b64encode(b"\xff").decode(), "empty": ""})
    text("texts-strange", {**strange.ALL, "long": strange.LONG, "abroad-long": strange.ABROAD_LONG[0], "control": "a\u0001b\u0000c\u007fd\u0085e\u2028f"}, labels=strange.labels(20),
        annotations=strange.annotations())
    text("large", {"large": "".join(f"line {i}\twith a tab {'=' * (i % 90)}\n" for i in range(4000))}, immutable=True)
    text("no-line-end", {"a": "no end", "b": "one end\n", "c": "two ends\n\n", "d": "dos\r\nends\r\n"})


def _accounts(c):
    # The namespace's own: nothing else would make it, and no pod is admitted without.
    for name in ("default", "plain"):
        c.add("v1", "ServiceAccount", name)
    c.add("v1", "ServiceAccount", "pull", imagePullSecrets=[{"name": "b"}, {"name": "a-longer-name"}, {"name": "a"}], secrets=[{"name": "legacy"}], automountServiceAccountToken=False)
    c.add("v1", "ServiceAccount", "pull-one", imagePullSecrets=[{"name": "only"}], labels={"app": "x"}, annotations={"eks.example/role": "arn:x"})
    c.add("v1", "ServiceAccount", "account-strange", labels=strange.labels(20), annotations=strange.annotations())


def _revisions(c):
    """The only ones here whose content may be anything at all; they are described as unknown kinds are."""
    def revision(name, data, **more):
        c.add("apps/v1", "ControllerRevision", name, data=data, revision=9007199254740993, **more)

    revision("revision-labels", {name: name for name in (
        "simple", "camelCase", "APIServer", "httpURLPath", "myUID", "uidOf", "GUIDs", "ABCDef", "aBC", "x509Name", "with_underscore", "with-dash", "with space", "with.dot", "größe", "UPPER",
            "l", "L", "", "podIPs", "HTTPGetURLOfAPI", "日本", "AbcD", "iPhone")})
    revision("revision-values", {
        "ints": [0, -1, 9007199254740993, -9223372036854775808], "floats": [0.5, 1e6, 1e20, 1e21, 1.5e-7, 0.1, 100.0, 123456789.125, 1e-5], "bools": [True, False], "null": None,
            "nulls": [None], "text": "plain", "texts": list(strange.ALL.values()), "empty": "", "none": [], "nothing": {},
        "lists": [[1, [2, "three"]], [], [{"b": 1, "a": [True, None]}]], "maps": [{"b": 1, "a": 2}, {"c": {"d": {"e": "deep"}}}, {}], "mixed": [1, "two", {"three": 3}, [4], None]})
    revision("revision-strange", {"kind": "Pod", "metadata": {"name": "inner", "labels": {"a": "b"}, "annotations": {"c": "d"}, "managedFields": [{"manager": "x"}]}},
        labels=strange.labels(20), annotations=strange.annotations())


def _leases(c):
    def lease(name, spec=None, **more):
        return c.add("coordination.k8s.io/v1", "Lease", name, spec or {}, **more)

    lease("empty")
    lease("full", {"holderIdentity": "host_0123", "leaseDurationSeconds": 15, "acquireTime": "2025-01-15T08:30:00.000000Z", "renewTime": "2025-01-15T08:30:00.123456Z",
        "leaseTransitions": 0})
    lease("lease-strange", {"holderIdentity": strange.ABROAD + strange.TABS, "leaseDurationSeconds": 2147483647}, labels=strange.labels(20), annotations=strange.annotations())
    lease("lease-owned", {"holderIdentity": strange.LINES}, owner=["Pod/running", "Deployment/deploy-plain"], finalizers=["variety.example/keep"])


def _limits(c):
    """Last of all: they would say what pods may be made. Nothing is ever counted against them."""
    def quota(name, hard, used=None, **more):
        c.add("v1", "ResourceQuota", name, {"hard": hard, **more.pop("spec", {})}, status={"hard": hard, "used": used or {}}, **more)

    def limit(name, *limits, **more):
        c.add("v1", "LimitRange", name, {"limits": list(limits)}, **more)

    huge = {"pods": "1M", "count/deployments.apps": "1000k", "services": "1e6"}
    quota("quota-counts", {**huge, "services.nodeports": "999999", "configmaps": "123456"}, {"pods": "150", "services": "0", "configmaps": "1k"})
    quota("quota-unused", {"secrets": "1000000"})
    quota("quota-terminating", {"pods": "1e6"}, {"pods": "1"}, spec={"scopes": ["Terminating"]})
    quota("quota-scopes", {"pods": "1000000"}, spec={"scopes": ["NotTerminating", "BestEffort"]})
    quota("quota-classes", {"pods": "1000000"}, spec={"scopes": ["PriorityClass"]})
    quota("quota-not-best", {"pods": "1000000"}, spec={"scopes": ["NotBestEffort"]})
    quota("quota-priority", {"pods": "0", "requests.cpu": "1.5", "limits.memory": "1500M", "requests.nvidia.com/gpu": "4"}, {"pods": "0", "requests.cpu": "250m", "limits.memory": "1Gi"},
        spec={
        "scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "In", "values": ["no-such-class"]}]}}, labels=strange.labels(10), annotations=strange.annotations())
    # One resource a type: several are printed in the order of a Go map, which is another one each time.
    limit("limit-each", {"type": "Container", "default": {"cpu": "0.5"}, "defaultRequest": {"cpu": "100m"}, "max": {"cpu": "64"}, "min": {"cpu": "1m"},
        "maxLimitRequestRatio": {"cpu": "10000"}},
          {"type": "Pod", "max": {"memory": "1Ti"}}, {"type": "PersistentVolumeClaim", "min": {"storage": "1M"}}, {"type": "images.example/Image", "max": {"storage": "1.5G"}})
    limit("limit-empty")
    limit("limit-many", {"type": "Container", "max": {"cpu": "64", "memory": "1Ti", "ephemeral-storage": "1Ti"}, "min": {"memory": "0"}}, ticks="rows in the order of a Go map")
    limit("limit-strange", {"type": "Container", "max": {"example.com/gpu": "8"}}, labels=strange.labels(5), annotations=strange.annotations())

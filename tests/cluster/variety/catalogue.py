"""What the variety consists of: objects, patches after their creation, events, deletions."""

NAMESPACE = "variety"
PREFIX = "variety-"  # of the name of everything that lies outside the namespace

# Dates long past: what is printed of them stays the same, and so do the ages, for a day at least.
BOOT, START, LATER, CRASH, HEAL = ("2024-02-29T23:59:59Z", "2025-01-15T08:30:00Z", "2025-01-15T08:30:07Z", "2025-03-30T01:59:59Z", "2025-07-04T12:00:00Z")

CLUSTER_SCOPED = ("Namespace", "Node", "PriorityClass", "RuntimeClass", "ResourceSlice", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")


class Catalogue:
    def __init__(self):
        self.objects = []
        self.patches = []
        self.events = []
        self.leaving = []  # pods and claims to be deleted gracefully, so that they stay Terminating
        self.ticking = {}  # (kind, namespace, name) -> what of it differs from one look to the next

    def add(self, version, kind, name, spec=None, *, labels=None, annotations=None, owner=None, status=None, namespace=NAMESPACE, finalizers=None, ticks=None, **more):
        """owner: "Kind/name" of another object here; its uid is filled in once there is one."""
        meta = {"name": name}
        if kind not in CLUSTER_SCOPED:
            meta["namespace"] = namespace
        for key, value in (("labels", labels), ("annotations", annotations), ("finalizers", finalizers)):
            if value is not None:
                meta[key] = value
        if owner:
            owners = [owner] if isinstance(owner, str) else owner
            meta["ownerReferences"] = [self.reference(o, controller=i == 0) for i, o in enumerate(owners)]
        made = {"apiVersion": version, "kind": kind, "metadata": meta, **({} if spec is None else {"spec": spec}), **more}
        self.objects.append(made)
        if status is not None:
            self.patch(made, {"status": status}, "status")
        if ticks:
            self.ticking[kind, meta.get("namespace", ""), name] = ticks
        return made

    def reference(self, owner, controller):
        kind, name = owner.split("/")
        versions = {"ReplicaSet": "apps/v1", "Deployment": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1", "Job": "batch/v1", "CronJob": "batch/v1"}
        return {"apiVersion": versions.get(kind, "v1"), "kind": kind, "name": name, "uid": uid(owner), **({"controller": True} if controller else {})}

    def patch(self, made, body, subresource="", kind="application/merge-patch+json"):
        meta = made["metadata"]
        self.patches.append({
            "apiVersion": made["apiVersion"], "kind": made["kind"], "namespace": meta.get("namespace", ""), "name": meta["name"],
            "subresource": subresource, "type": kind, "body": body})

    def leave(self, made, grace, ticks=None):
        meta = made["metadata"]
        self.leaving.append({"apiVersion": made["apiVersion"], "kind": made["kind"], "namespace": meta["namespace"], "name": meta["name"], "gracePeriodSeconds": grace})
        if ticks:
            self.ticking[made["kind"], meta["namespace"], meta["name"]] = ticks


def uid(owner):
    """What stands for an uid until `apply` knows it; owner is "Kind/name"."""
    return "uid-of:" + owner


def everything(now):
    """now: the time from which the ages of the younger events are counted."""
    # Imported here, for they import this file.
    import events
    import network
    import nodes
    import pods
    import scaling
    import small
    import workloads

    c = Catalogue()
    for part in (nodes, pods, workloads, scaling, network, small):
        part.fill(c)
    events.fill(c, now)
    for o in c.objects:
        if o["kind"] == "Pod" and "nodeName" in o["spec"]:
            c.ticking["Node", "", o["spec"]["nodeName"]] = "ages of the pods"
    return c

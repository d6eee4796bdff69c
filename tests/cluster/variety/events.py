"""Events: nobody but us may write any in the namespace, so what is listed of an object is what is here.

Those with a date long past show the same age for a day at least. The younger ones are counted from
the time given; at ages below ten minutes seconds are printed, so few are that young.
"""

from datetime import timedelta

import strange
from catalogue import NAMESPACE, PREFIX, uid

OLD = "2025-02-01T12:00:00Z"
VERSIONS = {"Deployment": "apps/v1", "ReplicaSet": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1", "Job": "batch/v1", "CronJob": "batch/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2", "PodDisruptionBudget": "policy/v1",
            "Ingress": "networking.k8s.io/v1", "EndpointSlice": "discovery.k8s.io/v1", "Lease": "coordination.k8s.io/v1"}


def fill(c, now):
    made = {"count": 0}

    def ago(**span):
        return (now - timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def ticks(of):
        what, _, name = of.partition("/")
        c.ticking[what, "" if what == "Node" else NAMESPACE, name] = "ages of the events"

    def micro(**span):
        return ago(**span).replace("Z", ".000000Z")

    def event(of, reason="Reason", message="message", first=OLD, last=None, *, kind="Normal", field=None, by_name=False, **more):
        what, _, name = of.partition("/")
        namespace = "" if what == "Node" else NAMESPACE
        about = {"kind": what, "name": name, "namespace": namespace, "apiVersion": VERSIONS.get(what, "v1"), "uid": name if by_name else uid(of)}
        if field:
            about["fieldPath"] = field
        made["count"] += 1
        e = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": f"{PREFIX}{made['count']:03}", "namespace": namespace or "default"}, "involvedObject": about, "type": kind,
            "reason": reason, "message": message,
             "source": {"component": "kubelet", "host": "x"}, "firstTimestamp": first, "lastTimestamp": last or first, "count": 1, **more}
        c.events.append({k: v for k, v in e.items() if v is not None})

    # One each for most kinds, so that every describer prints its table once.
    for of in ("Deployment/deploy-plain", "ReplicaSet/rs-plain", "StatefulSet/sts-plain", "DaemonSet/ds-plain", "Job/job-plain", "CronJob/cron-plain", "HorizontalPodAutoscaler/hpa-plain",
        "PodDisruptionBudget/pdb-neither",
               "Service/plain", "Ingress/main", "EndpointSlice/slice-empty", "ConfigMap/plain", "ServiceAccount/plain", "PersistentVolumeClaim/pending", "Lease/empty", "Pod/minimal"):
        event(of, "Seen", f"something about {of}", kind="Warning" if len(of) % 2 else "Normal")

    busy = "Pod/crash-loop"
    event(busy, "Scheduled", "Successfully assigned variety/crash-loop to a node", None, source={}, eventTime="2025-01-15T08:30:00.654321Z", reportingComponent="default-scheduler",
        reportingInstance="s", action="Binding", count=0)
    event(busy, "Pulled", "Container image is present", OLD, ago(minutes=16), field="spec.containers{app}", count=12)
    event(busy, "BackOff", "Back-off restarting failed container", ago(hours=5, minutes=20), ago(hours=2, minutes=59), kind="Warning", field="spec.containers{app}", count=731)
    event(busy, "Unhealthy", strange.LINES, "2025-02-02T00:00:00Z", kind="Warning", field="spec.containers{app}")
    event(busy, "Tabs", strange.TABS, "2025-02-03T00:00:00Z", kind="Warning")
    event(busy, "Escapes", strange.ESCAPES, "2025-02-04T00:00:00Z")
    event(busy, "Abroad", "  " + strange.ABROAD + "\n\n", "2025-02-05T00:00:00Z")
    event(busy, "Long", strange.LONG[:1000], "2025-02-06T00:00:00Z")
    event(busy, "Empty", "", "2025-02-07T00:00:00Z", source={}, count=None)
    event(busy, "NoTimes", "neither first nor last", None, count=None)
    event(busy, "NoFirst", "only a last one", None, "2025-02-08T00:00:00Z", count=3)
    event(busy, "", "no reason", "2025-02-09T00:00:00Z", source={"component": "both"}, reportingComponent="unseen", reportingInstance="i")
    event(busy, "Series", "a series", None, eventTime="2025-01-01T00:00:00.000000Z", series={"count": 17, "lastObservedTime": micro(hours=30)}, source={},
        reportingComponent="example.com/series", reportingInstance="i", action="a", count=0)
    event(busy, "SeriesOld", "a series without its own time", "2025-01-02T00:00:00Z", series={"count": 2, "lastObservedTime": "2025-01-03T00:00:00.000000Z"})

    aged = "Pod/running"
    for i, span in enumerate(({"minutes": 12}, {"minutes": 95}, {"hours": 3, "minutes": 1}, {"hours": 7, "minutes": 59}, {"hours": 9, "minutes": 30}, {"hours": 47}, {"days": 3, "hours": 5},
        {"days": 8, "hours": 1}, {"days": 700}, {"days": 800}, {"days": 365 * 9})):
        event(aged, f"Aged{i}", " ".join(f"{n} {k}" for k, n in span.items()), ago(**span))
    event(aged, "Future", "not yet", "2150-01-01T00:00:00Z")
    event(aged, "Zero", "at the beginning", "1970-01-01T00:00:00Z")

    young = "Pod/token"
    for seconds in (0, 100, 119, 121, 300, 599):
        event(young, f"Young{seconds}", f"{seconds} seconds", ago(seconds=seconds))

    # More than a dozen of the same time: the order is then the sort's, which is not a stable one.
    for i in range(14):
        event("Pod/restarted", f"Same{i:02}", f"number {i}")
    for i in range(3):
        event("Deployment/deploy-rolled-out", "ScalingReplicaSet", f"Scaled up replica set deploy-rolled-out-{i} from 0 to 3", f"2025-02-0{3 - i}T00:00:00Z",
            source={"component": "deployment-controller"}, count=i + 1)
    event("HorizontalPodAutoscaler/hpa-absent-target", "FailedGetScale", 'deployments/scale.apps "absent" not found', OLD, ago(minutes=40), kind="Warning",
        source={"component": "horizontal-pod-autoscaler"}, count=4321)

    # By name for the kubelet's, by uid for the controllers': both are shown.
    node = f"Node/{PREFIX}unready"
    event(node, "Starting", "Starting kubelet.", "2025-02-03T00:00:00Z", by_name=True)
    event(node, "NodeNotReady", "Node status is now: NodeNotReady", "2025-02-04T00:00:00Z", source={"component": "node-controller"})
    event(node, "ContainerGCFailed", "rpc error: code = Unavailable", "2025-02-01T00:00:00Z", ago(hours=6), by_name=True, kind="Warning", count=99)
    event(f"Node/{PREFIX}plain", "RegisteredNode", "Node event: Registered Node in Controller", source={"component": "node-controller"})
    for of in (busy, aged, young, "HorizontalPodAutoscaler/hpa-absent-target", node):
        ticks(of)

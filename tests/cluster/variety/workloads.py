"""What has pods: their templates, and the replica sets and pods that a controller would have made."""

import strange
from catalogue import BOOT, CRASH, HEAL, LATER, PREFIX, START
from pods import alive, container, running, state, terminated, waiting

APPS = "apps/v1"
PHASES = {
    "Running": lambda: alive(state("app", running(), ready=True)), "Pending": lambda: {"phase": "Pending"},
        "Waiting": lambda: alive(state("app", waiting("CrashLoopBackOff")), phase="Pending"),
    "Succeeded": lambda: alive(state("app", terminated(0, "Completed")), phase="Succeeded"), "Failed": lambda: alive(state("app", terminated(1, "Error")), phase="Failed"),
        "Unknown": lambda: alive(phase="Unknown")}


def template(labels, spec=None, annotations=None):
    meta = {"labels": labels, **({"annotations": annotations} if annotations is not None else {})}
    return {"metadata": meta, "spec": {"containers": [container()], **(spec or {})}}


def full_template(labels):
    """Everything of a template that is printed, each at least twice where there may be many."""
    return template(labels, {
        "serviceAccountName": "plain", "priorityClassName": PREFIX + "low", "nodeSelector": {"disk": "ssd", "a": "b"},
        "initContainers": [container("wait", command=["sh", "-c", strange.LINES]), container("side", restartPolicy="Always", securityContext={"seccompProfile": {"type": "RuntimeDefault"}})],
        "containers": [
            container("app", ports=[{"containerPort": 80, "name": "http"}, {"containerPort": 53, "protocol": "UDP", "hostPort": 10053}], args=["--x", strange.TABS],
                resources={"limits": {"cpu": "2", "memory": "1Gi", "example.com/gpu": "1"}, "requests": {"cpu": "10m", "ephemeral-storage": "1Gi"}},
                      livenessProbe={"httpGet": {"path": "/live x", "port": "http"}}, readinessProbe={"grpc": {"port": 53}}, startupProbe={"exec": {"command": ["a", "b c"]}},
                      envFrom=[{"configMapRef": {"name": "plain"}, "prefix": "P_"}], env=[
                          {"name": "PLAIN", "value": strange.LINES}, {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                              {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
                          {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
                      volumeMounts=[{"name": "tmp", "mountPath": "/tmp"}, {"name": "conf", "mountPath": "/etc/conf", "readOnly": True, "subPath": "a"}],
                          volumeDevices=[{"name": "raw", "devicePath": "/dev/raw"}]),
            container("second", securityContext={"seccompProfile": {"type": "Localhost", "localhostProfile": "p.json"}})],
        "volumes": [{"name": "tmp", "emptyDir": {}}, {"name": "conf", "configMap": {"name": "plain"}}, {"name": "raw", "persistentVolumeClaim": {"claimName": "bound"}},
                    {"name": "scratch", "ephemeral": {"volumeClaimTemplate": {"metadata": {"labels": {"a": "1", "b": "2"}},
                        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}}},
                    {"name": "inline", "csi": {"driver": "x", "volumeAttributes": {"b": "2", "a": "1"}}},
                        {"name": "all", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}, {"configMap": {"name": "c"}}]}}],
        "topologySpreadConstraints": [{"topologyKey": k, "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "x"}}} for k in ("zone", "host")],
        "tolerations": [{"key": "b", "operator": "Exists", "effect": "NoSchedule"}, {"key": "a", "value": "v", "effect": "NoExecute", "tolerationSeconds": 60}]}, strange.annotations())


def condition(kind, status, reason="", message="", since=LATER):
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastUpdateTime": HEAL, "lastTransitionTime": since}


ODD_SELECTOR = [{"key": "tier", "operator": "In", "values": ["web", "api"]}, {"key": "env", "operator": "NotIn", "values": ["dev", "test"]}, {"key": "app", "operator": "Exists"},
    {"key": "retired", "operator": "DoesNotExist"}]


def fill(c):
    def pods_of(owner, labels, *phases, spec=None, **more):
        """One for each phase; names count up from 0."""
        for i, phase in enumerate(phases):
            c.add("v1", "Pod", f"{owner.split('/')[1]}-{i}", {"containers": [container()], "nodeName": PREFIX + "capacity-only", "automountServiceAccountToken": False, **(spec or {})},
                  labels=labels, owner=owner, status=PHASES[phase](), **more)

    def made(kind):
        def make(name, spec=None, status=None, *, labels=None, annotations=None, selector=None, pod=None, owner=None, **more):
            chosen = {"app": name}
            spec = {"selector": selector or {"matchLabels": chosen}, "template": pod or template(chosen), **(spec or {})}
            return c.add(APPS, kind, name, spec, labels=labels, annotations=annotations, owner=owner, status=status, **more)
        return make

    _deployments(made("Deployment"), made("ReplicaSet"), pods_of)
    _replica_sets(c, made("ReplicaSet"), pods_of)
    _stateful_sets(made("StatefulSet"), pods_of)
    _daemon_sets(made("DaemonSet"), pods_of)
    _jobs(c, pods_of)


def _deployments(deployment, replica_set, pods_of):
    def revision(of, number, replicas=0, current=0, pod=None, hash_label="5d4f8c7b9"):
        """As the deployment controller makes them: the new one has the deployment's own template, and a hash."""
        labels = {"app": of, "pod-template-hash": f"{hash_label}{number}"}
        spec = pod or template({}, {"containers": [container(image=f"images.example/app:{number}")]})
        spec = {**spec, "metadata": {**spec["metadata"], "labels": {**spec["metadata"]["labels"], **labels}}}
        replica_set(f"{of}-{hash_label}{number}", {"replicas": replicas}, {"replicas": current, "fullyLabeledReplicas": current, "observedGeneration": 1}, labels=labels,
            selector={"matchLabels": labels}, pod=spec, owner=f"Deployment/{of}", annotations={
            "deployment.kubernetes.io/desired-replicas": str(replicas), "deployment.kubernetes.io/max-replicas": "4", "deployment.kubernetes.io/revision": str(number)})
        return f"ReplicaSet/{of}-{hash_label}{number}", labels

    deployment("deploy-plain")
    deployment("deploy-none", {"replicas": 0, "strategy": {"type": "Recreate"}})
    good = [condition("Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability."),
        condition("Progressing", "True", "NewReplicaSetAvailable", "ReplicaSet has successfully progressed.")]
    deployment("deploy-rolled-out", {"replicas": 3, "minReadySeconds": 5, "revisionHistoryLimit": 2},
        {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 3, "readyReplicas": 3, "observedGeneration": 1, "conditions": good},
               labels={"app": "deploy-rolled-out"}, annotations={"deployment.kubernetes.io/revision": "3"})
    for number in (1, 2):
        revision("deploy-rolled-out", number)
    owner, labels = revision("deploy-rolled-out", 3, 3, 3, template({}))
    pods_of(owner, labels, "Running", "Running", "Running")
    deployment("deploy-stuck", {"replicas": 4, "strategy": {"rollingUpdate": {"maxSurge": "50%", "maxUnavailable": 0}}, "progressDeadlineSeconds": 30}, {
        "replicas": 6, "updatedReplicas": 2, "availableReplicas": 4, "unavailableReplicas": 2, "readyReplicas": 4, "observedGeneration": 1, "collisionCount": 1, "conditions": [
            good[0], condition("Progressing", "False", "ProgressDeadlineExceeded", "ReplicaSet has timed out progressing."),
                condition("ReplicaFailure", "True", "FailedCreate", "pods are forbidden: exceeded quota")]})
    revision("deploy-stuck", 1, 3, 3)
    revision("deploy-stuck", 2, 1, 1)
    owner, labels = revision("deploy-stuck", 3, 2, 2, template({}))
    pods_of(owner, labels, "Waiting", "Pending")
    # Not yet a set of its own: only those of former templates.
    deployment("deploy-behind", {"replicas": 2}, {"replicas": 1, "unavailableReplicas": 1})
    revision("deploy-behind", 1, 1, 1)
    deployment("deploy-paused", {"paused": True, "replicas": 1, "strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "100%"}}},
        {"observedGeneration": 1, "conditions": [condition("Progressing", "Unknown", "DeploymentPaused", "Deployment is paused")]})
    deployment("deploy-surge", {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 5, "maxUnavailable": "33%"}}, "minReadySeconds": 2_000_000,
        "progressDeadlineSeconds": 2_000_001})
    deployment("deploy-full", pod=full_template({"app": "deploy-full"}))
    deployment("deploy-strange", labels=strange.labels(30), annotations={**strange.annotations(), "kubectl.kubernetes.io/last-applied-configuration": strange.JSON},
        pod=template({**strange.labels(5), "app": "deploy-strange"}, annotations={}))
    deployment("deploy-selector", selector={"matchLabels": {"z": "1", "a": ""}, "matchExpressions": ODD_SELECTOR},
        pod=template({"z": "1", "a": "", "app": "x", "tier": "web", "env": "prod"}))
    deployment("deploy-odd-conditions", {}, {"conditions": [condition("Bare", "Unknown"), condition("T" * 60, "True", "R" * 80), condition("Lines", "False", "", strange.LINES)]})
    deployment("deploy-huge", {"replicas": 2147483647}, {"replicas": 2147483647, "updatedReplicas": 1, "unavailableReplicas": 2147483646})


def _replica_sets(c, replica_set, pods_of):
    replica_set("rs-plain")
    replica_set("rs-none", {"replicas": 0})
    replica_set("rs-phases", {"replicas": 9}, {"replicas": 8, "readyReplicas": 2, "availableReplicas": 2}, labels={"app": "rs-phases"})
    pods_of("ReplicaSet/rs-phases", {"app": "rs-phases"}, "Running", "Running", "Pending", "Waiting", "Waiting", "Succeeded", "Failed", "Unknown")
    # Chosen by the selector, but not its own.
    c.add("v1", "Pod", "rs-phases-stray", {"containers": [container()], "nodeName": PREFIX + "capacity-only", "automountServiceAccountToken": False}, labels={"app": "rs-phases"},
        status=PHASES["Running"]())
    replica_set("rs-failing", {"replicas": 2, "minReadySeconds": 10}, {"replicas": 0, "conditions": [
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "pods \"x\" is forbidden", "lastTransitionTime": CRASH}, {"type": "Bare", "status": "Unknown"}]})
    replica_set("rs-full", pod=full_template({"app": "rs-full"}))
    replica_set("rs-strange", labels=strange.labels(30), annotations=strange.annotations(), selector={"matchLabels": {"z": "1", "a": ""}, "matchExpressions": ODD_SELECTOR},
        pod=template({"z": "1", "a": "", "app": "x", "tier": "api", "env": "prod"}))
    replica_set("rs-expressions", selector={"matchExpressions": ODD_SELECTOR[:1]},
        pod=template({"tier": "web"}, {"initContainers": [container("i")], "volumes": [{"name": "v", "image": {"reference": "images.example/x"}}]}))


def _stateful_sets(stateful_set, pods_of):
    def claim(name, storage="1Gi", meta=None, **more):
        return {"metadata": {"name": name, **(meta or {})}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage}}, **more}}

    stateful_set("sts-plain")
    stateful_set("sts-phases", {"replicas": 5, "serviceName": "headless", "podManagementPolicy": "Parallel"},
        {"replicas": 5, "readyReplicas": 2, "currentReplicas": 3, "updatedReplicas": 2, "currentRevision": "sts-phases-1", "updateRevision": "sts-phases-2"}, labels={"app": "sts-phases"})
    pods_of("StatefulSet/sts-phases", {"app": "sts-phases", "apps.kubernetes.io/pod-index": "0", "statefulset.kubernetes.io/pod-name": "sts-phases-0"}, "Running", "Running", "Pending",
        "Failed", "Succeeded", spec={"hostname": "sts-phases", "subdomain": "headless"})
    stateful_set("sts-claims", {"serviceName": "headless", "volumeClaimTemplates": [
        claim("data"), claim("odd", "1500M", {"labels": {"b": "2", "a": "1"}, "annotations": {"z": "long " * 50, "a": strange.LINES}}, storageClassName="fast",
            accessModes=["ReadWriteMany", "ReadOnlyMany"]),
        claim("annotated", meta={"annotations": {"volume.beta.kubernetes.io/storage-class": "by-annotation"}}),
            claim("none", storageClassName="", accessModes=["ReadWriteOncePod"], volumeMode="Block")],
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Retain"}})
    stateful_set("sts-retain", {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Delete"}, "ordinals": {"start": 100}, "revisionHistoryLimit": 1,
        "minReadySeconds": 3})
    stateful_set("sts-on-delete", {"updateStrategy": {"type": "OnDelete"}, "replicas": 0})
    stateful_set("sts-partition", {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 7}}})
    # maxUnavailable is dropped by a server that does not serve it.
    stateful_set("sts-unavailable", {"updateStrategy": {"rollingUpdate": {"partition": 0, "maxUnavailable": "25%"}}, "podManagementPolicy": "OrderedReady"})
    stateful_set("sts-full", pod=full_template({"app": "sts-full"}))
    stateful_set("sts-strange", labels=strange.labels(20), annotations=strange.annotations(), selector={"matchLabels": {"z": "1", "a": ""}, "matchExpressions": ODD_SELECTOR},
        pod=template({"z": "1", "a": "", "app": "x", "tier": "api", "env": "prod"}))
    stateful_set("sts-conditions", {"replicas": 1}, {"replicas": 1, "conditions": [{"type": "Odd", "status": "True", "reason": "R", "message": "m", "lastTransitionTime": START}]})


def _daemon_sets(daemon_set, pods_of):
    daemon_set("ds-plain", pod=template({"app": "ds-plain"}, {"nodeSelector": {"no": "such-node"}}))
    daemon_set("ds-phases", {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "10%"}}}, {
        "desiredNumberScheduled": 5, "currentNumberScheduled": 4, "updatedNumberScheduled": 3, "numberAvailable": 2, "numberMisscheduled": 1, "numberReady": 2, "numberUnavailable": 3},
        labels={"app": "ds-phases"}, pod=template({"app": "ds-phases"}, {"nodeSelector": {"z": "1", "a": ""}}))
    pods_of("DaemonSet/ds-phases", {"app": "ds-phases"}, "Running", "Pending", "Failed")
    daemon_set("ds-full", {"updateStrategy": {"type": "OnDelete"}}, pod=full_template({"app": "ds-full"}), annotations=strange.annotations())
    daemon_set("ds-selector", selector={"matchLabels": {"z": "1", "a": ""}, "matchExpressions": ODD_SELECTOR}, labels=strange.labels(10),
        pod=template({"z": "1", "a": "", "app": "x", "tier": "web", "env": "prod"}))


def _jobs(c, pods_of):
    def body(spec=None, pod=None, policy="Never"):
        pod = pod or template({"app": "job"})
        return {"template": {**pod, "spec": {**pod["spec"], "restartPolicy": policy}}, **(spec or {})}

    def job(name, spec=None, status=None, **more):
        pod, policy = more.pop("pod", None), more.pop("policy", "Never")
        return c.add("batch/v1", "Job", name, body(spec, pod, policy), status=status, **more)

    def cron(name, schedule, spec=None, status=None, **more):
        return c.add("batch/v1", "CronJob", name, {"schedule": schedule, "jobTemplate": {"spec": body(more.pop("job", None), more.pop("pod", None), "OnFailure")}, **(spec or {})},
            status=status, **more)

    def done(kind, *more, start=START):
        return {"startTime": start, "conditions": [{"type": k, "status": "True", "reason": "R", "lastTransitionTime": HEAL} for k in (*more, kind)]}

    job("job-plain")
    job("job-active", {"parallelism": 3, "completions": 10, "activeDeadlineSeconds": 100000000, "backoffLimit": 0},
        {"active": 3, "ready": 1, "succeeded": 2, "failed": 1, "startTime": START}, labels={"app": "job-active"})
    pods_of("Job/job-active", {"app": "job-active"}, "Running", "Succeeded", "Failed", spec={"restartPolicy": "Never"})
    job("job-queue", {"parallelism": 2})
    job("job-complete", {"completions": 1, "ttlSecondsAfterFinished": 2147483647},
        {**done("Complete", "SuccessCriteriaMet"), "succeeded": 1, "completionTime": "2025-01-17T13:31:05Z", "ready": 0})
    job("job-failed", {"manualSelector": True, "selector": {"matchLabels": {"z": "1", "a": ""}, "matchExpressions": ODD_SELECTOR}, "backoffLimit": 2},
        {**done("Failed", "FailureTarget"), "failed": 3}, pod=template({"z": "1", "a": "", "app": "x", "tier": "web", "env": "prod"}))
    many = ",".join(str(i) for i in range(0, 60, 2))
    job("job-indexed", {"completionMode": "Indexed", "completions": 100, "parallelism": 0, "suspend": False}, {"startTime": START, "succeeded": 30, "completedIndexes": many})
    job("job-indexed-none", {"completionMode": "Indexed", "completions": 3, "parallelism": 3, "suspend": True})
    job("job-indexed-few", {"completionMode": "Indexed", "completions": 12, "parallelism": 2}, {"startTime": START, "succeeded": 9, "completedIndexes": "0-6,8,10", "active": 2})
    job("job-full", {"suspend": True}, pod=full_template({"app": "job-full"}), annotations=strange.annotations(), labels=strange.labels(8))
    cron("cron-plain", "0 0 1 1 *")
    cron("cron-all", "30 4 1 1 0", {"timeZone": "Europe/Berlin", "concurrencyPolicy": "Replace", "suspend": True, "successfulJobsHistoryLimit": 0, "failedJobsHistoryLimit": 7,
        "startingDeadlineSeconds": 200}, {"lastScheduleTime": CRASH, "lastSuccessfulTime": CRASH, "active": [
        {"apiVersion": "batch/v1", "kind": "Job", "name": f"cron-all-{i}", "namespace": "variety"} for i in range(3)]},
            job={"parallelism": 2, "completions": 4, "activeDeadlineSeconds": 60, "backoffLimit": 1}, annotations=strange.annotations())
    cron("cron-owner", "@yearly", {"concurrencyPolicy": "Forbid"},
        {"lastScheduleTime": BOOT, "active": [{"apiVersion": "batch/v1", "kind": "Job", "name": "cron-owner-1", "namespace": "variety"}]}, pod=full_template({"app": "cron"}))
    job("cron-owner-1", owner="CronJob/cron-owner", labels={"app": "cron"}, spec={"suspend": True})

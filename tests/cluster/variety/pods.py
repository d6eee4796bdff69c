"""Pods. Those with a node are on fake ones, where no kubelet overwrites what is patched here."""

import strange
from catalogue import BOOT, CRASH, HEAL, LATER, PREFIX, START

IMAGE = "images.example/app:1.2.3"
# Such a pod nobody binds: neither to a fake node nor to the cluster's own.
NOBODY = "nobody"


def container(name="app", **more):
    return {"name": name, "image": IMAGE, **more}


def running(since=START):
    return {"running": {"startedAt": since}}


def waiting(reason="", message=""):
    return {"waiting": {k: v for k, v in (("reason", reason), ("message", message)) if v}}


def terminated(code, reason="", message="", signal=0, started=START, finished=LATER):
    return {"terminated": {"exitCode": code, "reason": reason, "message": message, "signal": signal, "startedAt": started, "finishedAt": finished,
        "containerID": "containerd://" + "ab" * 32}}


def state(name, now, last=None, ready=False, restarts=0, **more):
    return {"name": name, "state": now, "lastState": last or {}, "ready": ready, "restartCount": restarts, "image": IMAGE,
            "imageID": "images.example/app@sha256:" + "0123456789abcdef" * 4, "containerID": "containerd://" + "cd" * 32, **more}


def conditions(ready="True", *more):
    kinds = (("PodReadyToStartContainers", "True"), ("Initialized", "True"), ("Ready", ready), ("ContainersReady", ready), ("PodScheduled", "True"))
    return [{"type": k, "status": s, "lastProbeTime": None, "lastTransitionTime": START} for k, s in kinds] + list(more)


def alive(*containers, phase="Running", ip="10.245.250.1", **more):
    return {"phase": phase, "startTime": START, "podIP": ip, "podIPs": [{"ip": ip}], "hostIP": "127.245.0.1", "hostIPs": [{"ip": "127.245.0.1"}],
            "conditions": conditions(), "containerStatuses": list(containers), **more}


def fill(c):
    def pod(name, spec=None, status=None, *, node=None, **more):
        spec = {"containers": [container()], **(spec or {})}
        if node:
            spec["nodeName"] = PREFIX + node
        elif "schedulingGates" not in spec:
            spec["schedulerName"] = NOBODY
        # Without this each of them would show the same volume with a token.
        spec.setdefault("automountServiceAccountToken", False)
        return c.add("v1", "Pod", name, spec, status=status, **more)

    _states(c, pod)
    _metadata(pod)
    _volumes(pod)
    _mounts(pod)
    _probes(pod)
    _environment(pod)
    _commands_and_ports(pod)
    _resources(pod)
    _placement(pod)
    _security(pod)


def _states(c, pod):
    pod("minimal")
    pod("token", {"automountServiceAccountToken": True, "serviceAccountName": "plain"}, alive(state("app", running(), ready=True)), node="plain")
    pod("running", {}, alive(state("app", running(), ready=True, started=True)), node="plain")
    pod("restarted", {}, alive(state("app", running(HEAL), terminated(137, "OOMKilled", started=START, finished=CRASH), ready=True, restarts=41)), node="plain")
    pod("crash-loop", {}, alive(state("app", waiting("CrashLoopBackOff", "back-off 5m0s restarting failed container=app"), terminated(1, "Error", strange.LINES), restarts=987654)),
        node="plain")
    pod("pulling", {"containers": [container(), container("other"), container("third"), container("fourth")]}, alive(
        state("app", waiting("ImagePullBackOff", "Back-off pulling image"), imageID="", containerID=""), state("other", waiting("ErrImageNeverPull")), state("third", waiting()),
        {"name": "fourth", "image": IMAGE, "imageID": "", "ready": False, "restartCount": 0}, phase="Pending"), node="plain")
    # A container without a status, and a status without a container.
    pod("statuses-amiss", {"containers": [container("a"), container("b")]}, alive(state("b", running(), ready=True), state("gone", running())), node="plain")
    pod("signalled", {"containers": [container(n) for n in ("a", "b", "c", "d")], "restartPolicy": "Never"}, alive(
        state("a", terminated(143, "Error", signal=15)), state("b", terminated(0, "Completed", started=None, finished=None)), state("c", terminated(-1, "", strange.TABS)),
        state("d", terminated(255, "ContainerStatusUnknown", strange.LONG, 9)), phase="Failed"), node="plain")
    pod("completed", {"restartPolicy": "OnFailure"}, alive(state("app", terminated(0, "Completed")), phase="Succeeded", conditions=conditions("False")), node="plain")
    pod("evicted", {}, {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory. Threshold quantity: 100Mi, available: 52Mi. ", "startTime": BOOT,
                        "conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet", "message": "low on memory", "lastTransitionTime": CRASH}]},
                            node="plain")
    pod("unknown", {}, alive(state("app", running(), ready=True), phase="Unknown", reason="NodeLost", message="Node which was running pod is unresponsive"), node="unready")
    pod("odd-message", {}, {"phase": "Failed", "reason": "Odd", "message": strange.LINES + strange.TABS + strange.ESCAPES + strange.ABROAD}, node="plain")
    pod("nominated", {}, {"nominatedNodeName": PREFIX + "busy", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available",
        "lastTransitionTime": START}]})
    pod("dual-stack", {}, alive(state("app", running(), ready=True), podIPs=[{"ip": "10.245.250.1"}, {"ip": "2001:db8::250:1"}], hostIPs=[{"ip": "127.245.0.1"}, {"ip": "2001:db8::1"}]),
        node="plain")
    pod("gates", {"readinessGates": [{"conditionType": "example.com/load-balancer"}, {"conditionType": "example.com/never-set"},
        {"conditionType": "www.example.com/a-much-longer-feature-gate"}]},
        alive(state("app", running(), ready=True), conditions=conditions("False", {"type": "example.com/load-balancer", "status": "True", "lastTransitionTime": HEAL}, {
            "type": "www.example.com/a-much-longer-feature-gate", "status": "Unknown", "reason": "Why", "message": strange.SENTENCE, "lastTransitionTime": HEAL})), node="plain")
    pod("init", {"initContainers": [container("first"), container("second"), container("side", restartPolicy="Always", startupProbe={"exec": {"command": ["true"]}}), container("last")]},
        alive(state("app", waiting("PodInitializing")), phase="Pending", conditions=conditions("False"), initContainerStatuses=[
            state("first", terminated(0, "Completed"), ready=True), state("second", terminated(0, "Completed"), terminated(2, "Error"), ready=True, restarts=3),
            state("side", running(LATER), ready=True, started=True), state("last", waiting("CrashLoopBackOff"),
                terminated(127, "StartError", "exec: \"nothing\": not found", started="1970-01-01T00:00:00Z"), restarts=6)]), node="plain")
    made = pod("debugged", {}, alive(state("app", running(), ready=True), ephemeralContainerStatuses=[state("debugger", running(HEAL)), state("done", terminated(0, "Completed"))]),
        node="plain")
    c.patch(made, {"spec": {"ephemeralContainers": [
        {"name": "debugger", "image": "images.example/debug", "command": ["sh"], "stdin": True, "tty": True, "targetContainerName": "app",
            "env": [{"name": "HERE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]},
        {"name": "done", "image": "images.example/debug:2", "args": ["-c", "true"]}, {"name": "not-yet", "image": "images.example/debug:3"}]}}, "ephemeralcontainers",
            "application/strategic-merge-patch+json")
    made = pod("leaving", {"terminationGracePeriodSeconds": 30}, alive(state("app", running(), ready=True)), node="plain")
    c.leave(made, 1, ticks="Terminating (lasts …)")
    made = pod("leaving-slowly", {}, alive(state("app", running(), ready=True)), node="plain")
    c.leave(made, 10_000_000)
    made = pod("leaving-failed", {"restartPolicy": "Never"}, alive(state("app", terminated(1, "Error")), phase="Failed"), node="plain", finalizers=["variety.example/keep"])
    c.leave(made, 0)
    pod("mirror", {"hostNetwork": True}, alive(state("app", running(), ready=True), ip="127.245.0.1"), node="plain", annotations={
        "kubernetes.io/config.mirror": "0123456789abcdef", "kubernetes.io/config.hash": "0123456789abcdef", "kubernetes.io/config.source": "file", "kubernetes.io/config.seen": START})
    pod("orphan", {}, alive(state("app", running(), ready=True)), node="plain", labels={"app": "rows"})


def _metadata(pod):
    pod("labels", labels=strange.labels(40))
    pod("annotations", annotations=strange.annotations())
    pod("applied", annotations={"kubectl.kubernetes.io/last-applied-configuration": strange.JSON})
    pod("applied-and-more", annotations={"kubectl.kubernetes.io/last-applied-configuration": strange.JSON, "a": "b"})
    pod("empty-sets", labels={}, annotations={})
    pod("x" * 253, labels={"app": "long"})
    pod("long.name-" + "y" * 50, {"containers": [container("z" * 63), {"name": "i", "image": "images.example:5000/" + "path/" * 40 + "app@sha256:" + "f" * 64}]})


def _volumes(pod):
    def volumes(name, *sources, **more):
        named = [{"name": f"v{i:02}-{next(iter(s), 'none').lower()}", **s} for i, s in enumerate(sources)]
        pod("volumes-" + name, {"volumes": named, **more})

    volumes("none-named", {})
    volumes("empty-dir", {"emptyDir": {}}, {"emptyDir": {"medium": "Memory"}}, {"emptyDir": {"sizeLimit": "1Gi"}}, {"emptyDir": {"medium": "Memory", "sizeLimit": "0"}},
        {"emptyDir": {"medium": "HugePages"}}, {
        "emptyDir": {"medium": "HugePages-2Mi", "sizeLimit": "1.5Gi"}}, {"emptyDir": {"sizeLimit": "1500m"}}, {"emptyDir": {"sizeLimit": "1e6"}},
        containers=[container(resources={"limits": {"hugepages-2Mi": "4Mi", "memory": "1Gi"}})])
    volumes("host-path", {"hostPath": {"path": "/var/lib/example"}},
        *({"hostPath": {"path": "/x", "type": t}} for t in ("", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket", "CharDevice", "BlockDevice")))
    volumes("config-map", {"configMap": {"name": "plain"}}, {"configMap": {"name": "absent", "optional": True, "defaultMode": 256}},
        {"configMap": {"name": "plain", "optional": False, "items": [{"key": "a", "path": "b/c", "mode": 420}]}})
    volumes("secret", {"secret": {"secretName": "absent"}}, {"secret": {"secretName": "absent", "optional": True, "items": [{"key": "k", "path": "p"}]}},
        {"secret": {"secretName": "absent", "optional": False, "defaultMode": 0}})
    field = {"fieldRef": {"fieldPath": "metadata.labels['app']"}}
    volumes("projected", {"projected": {"sources": [
        {"serviceAccountToken": {"path": "token"}}, {"serviceAccountToken": {"path": "other", "audience": "vault", "expirationSeconds": 86400}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}, {"configMap": {"name": "maybe", "optional": True}},
        {"secret": {"name": "absent"}}, {"secret": {"name": "maybe", "optional": True}}, {"downwardAPI": {"items": [{"path": "app", **field}]}}]}}, {"projected": {"sources": None}},
            {"projected": {"defaultMode": 292}})
    volumes("downward-api", {"downwardAPI": {"items": [
        {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}, {"path": "annotations", "fieldRef": {"fieldPath": "metadata.annotations"}}, {"path": "deep/er/app", **field},
            {"path": "uid", "fieldRef": {"fieldPath": "metadata.uid"}},
        {"path": "cpu", "resourceFieldRef": {"containerName": "app", "resource": "limits.cpu", "divisor": "1m"}},
            {"path": "memory", "mode": 256, "resourceFieldRef": {"containerName": "app", "resource": "requests.memory"}}]}}, {"downwardAPI": {}})
    volumes("claims", {"persistentVolumeClaim": {"claimName": "bound"}}, {"persistentVolumeClaim": {"claimName": "leaving", "readOnly": True}},
        {"persistentVolumeClaim": {"claimName": "absent"}})
    volumes("claims-too", {"persistentVolumeClaim": {"claimName": "bound", "readOnly": True}})
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    volumes("ephemeral", {"ephemeral": {"volumeClaimTemplate": {"spec": claim}}}, {"ephemeral": {"volumeClaimTemplate": {
        "metadata": {"labels": {"a": "1", "b": "2"}, "annotations": {"note": "short", "long": strange.SENTENCE * 3}}, "spec": {
            **claim, "storageClassName": "fast", "volumeMode": "Block", "accessModes": ["ReadWriteMany", "ReadOnlyMany"],
                "dataSource": {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "yesterday"}}}}},
        {"ephemeral": {"volumeClaimTemplate": {"metadata": {"annotations": {"volume.beta.kubernetes.io/storage-class": "by-annotation"}},
            "spec": {**claim, "volumeName": "given", "dataSource": {"kind": "PersistentVolumeClaim", "name": "other"}}}}})
    volumes("csi", {"csi": {"driver": "inline.csi.example"}}, {"csi": {"driver": "inline.csi.example", "fsType": "ext4", "readOnly": True, "nodePublishSecretRef": {"name": "absent"},
        "volumeAttributes": {
        "b": "2", "a": "1", "empty": "", "long": strange.LONG, "tabs": strange.TABS, "abroad": strange.ABROAD_LONG[1]}}}, {"csi": {"driver": "x", "readOnly": False, "volumeAttributes": {}}})
    # Dropped by a server that does not serve it: then there is no volume.
    volumes("image", {"image": {"reference": "images.example/models:7", "pullPolicy": "IfNotPresent"}}, {"image": {"reference": "images.example/models"}})
    ref = {"secretRef": {"name": "absent"}}
    volumes("network", {"nfs": {"server": "nfs.example", "path": "/exports"}}, {"nfs": {"server": "192.0.2.7", "path": "/", "readOnly": True}},
            {"iscsi": {"targetPortal": "192.0.2.8:3260", "iqn": "iqn.2001-04.com.example:storage.disk1", "lun": 0}},
            {"iscsi": {"targetPortal": "192.0.2.8", "portals": ["192.0.2.9", "192.0.2.10:3260"], "iqn": "iqn.2001-04.com.example:storage.disk2", "lun": 7, "iscsiInterface": "custom",
                "fsType": "xfs", "readOnly": True,
                       "chapAuthDiscovery": True, "chapAuthSession": True, "initiatorName": "iqn.1994-05.com.example:initiator", **ref}},
            {"glusterfs": {"endpoints": "gluster", "path": "vol"}}, {"cephfs": {"monitors": ["192.0.2.11:6789", "192.0.2.12:6789"]}},
                {"cephfs": {"monitors": ["m"], "path": "/some", "user": "ceph", "secretFile": "/etc/s", "readOnly": True, **ref}},
            {"rbd": {"monitors": ["192.0.2.11:6789"], "image": "disk"}}, {"rbd": {"monitors": ["a", "b"], "image": "disk", "fsType": "ext4", "pool": "p", "user": "u", "keyring": "/k",
                "readOnly": True, **ref}})
    volumes("disks", {"fc": {"targetWWNs": ["500a0982991b8dc5", "500a0982891b8dc5"], "lun": 2, "fsType": "ext4"}}, {"fc": {"wwids": ["3600508b400105e210000900000490000"], "readOnly": True}},
            {"gcePersistentDisk": {"pdName": "disk", "fsType": "ext4", "partition": 3, "readOnly": True}}, {"awsElasticBlockStore": {"volumeID": "vol-0", "fsType": "ext4", "partition": 1}},
            {"azureDisk": {"diskName": "d", "diskURI": "https://blob.example/d.vhd"}},
                {"azureDisk": {"diskName": "d", "diskURI": "/subscriptions/x/disks/d", "kind": "Managed", "cachingMode": "None", "fsType": "xfs", "readOnly": True}},
            {"azureFile": {"secretName": "absent", "shareName": "share", "readOnly": True}},
                {"vsphereVolume": {"volumePath": "[ds] path/disk.vmdk", "fsType": "ext4", "storagePolicyName": "gold"}},
            {"cinder": {"volumeID": "v-1"}}, {"cinder": {"volumeID": "v-2", "fsType": "ext4", "readOnly": True, **ref}}, {"photonPersistentDisk": {"pdID": "p", "fsType": "ext4"}},
                {"portworxVolume": {"volumeID": "pwx", "fsType": "ext4"}})
    volumes("retired", {"gitRepo": {"repository": "https://git.example/repo.git", "revision": "0123456", "directory": "."}}, {"gitRepo": {"repository": "r"}},
        {"quobyte": {"registry": "a:1,b:2", "volume": "v", "readOnly": True}},
            {"scaleIO": {"gateway": "https://sio.example", "system": "s", "volumeName": "v", "secretRef": {"name": "absent"}}}, {"scaleIO": {
                "gateway": "g", "system": "s", "protectionDomain": "pd", "storagePool": "sp", "storageMode": "ThickProvisioned", "volumeName": "v", "fsType": "ext4", "readOnly": True,
                    **ref}},
            {"storageos": {"volumeName": "v", "volumeNamespace": "n", "fsType": "ext4", "readOnly": True}}, {"flocker": {"datasetName": "d"}}, {"flocker": {"datasetUUID": "0123"}},
            {"flexVolume": {"driver": "example/lvm"}}, {"flexVolume": {"driver": "example/lvm", "fsType": "ext4", "readOnly": True, "options": {"b": "2", "a": "1"}, **ref}})


def _mounts(pod):
    def mount(path, **more):
        return {"name": "data", "mountPath": path, **more}

    pod("mounts", {"volumes": [{"name": "data", "emptyDir": {}}, {"name": "raw", "persistentVolumeClaim": {"claimName": "bound"}},
        {"name": "raw-too", "persistentVolumeClaim": {"claimName": "absent"}}], "containers": [
        container(volumeMounts=[mount("/z"), mount("/a", readOnly=True), mount("/m/" + "deep/" * 30), mount("/sub", subPath="a/b"), mount("/quoted", subPath='a "b" \\ c'),
            mount("/abroad", subPath="Größe/日本\u200b"), mount("/expanded", subPathExpr="$(HERE)/x"),
                                mount("/ro-sub", readOnly=True, subPath="p", recursiveReadOnly="IfPossible"), mount("/shared", mountPropagation="HostToContainer"), mount("relative"),
                                    mount("C%5C path with spaces"), mount("/tab\there")],
                  env=[{"name": "HERE", "value": "x"}]),
        container("devices", volumeDevices=[{"name": "raw-too", "devicePath": "/dev/xvdz"}, {"name": "raw", "devicePath": "/dev/xvda"}]), container("neither")]})


def _probes(pod):
    def http(path=None, port=8080, **more):
        return {"httpGet": {"port": port, **({} if path is None else {"path": path}), **more}}

    times = {"initialDelaySeconds": 15, "timeoutSeconds": 3, "periodSeconds": 7, "failureThreshold": 9}
    header = {"httpHeaders": [{"name": "Host", "value": "a.example"}, {"name": "X-Tab", "value": "a\tb"}]}
    pod("probes-http", {"containers": [
        container("a", livenessProbe=http(), readinessProbe=http("/ready"), startupProbe=http("/start", "named"), ports=[{"name": "named", "containerPort": 8080}]),
        container("b", livenessProbe={**http("/x?y=1&z=a b#frag", scheme="HTTPS", host="host.example", **header), **times},
            readinessProbe={**http("no/slash", host="192.0.2.1"), "successThreshold": 5}),
        container("c", livenessProbe=http("/größe/日本 leer/%41%zz", host="2001:db8::1"), readinessProbe=http("//two//slashes", host="[2001:db8::2]"),
            startupProbe=http("/quote\"'<>`^{}|\\~!*();:@=+$,")),
        container("d", livenessProbe=http("", host="under_score host"), readinessProbe=http("*"), startupProbe=http("a:b/c")),
        container("e", livenessProbe=http("/tab\tand\nline"), readinessProbe=http("/" + "long/" * 60), startupProbe=http("/100%"))]})
    pod("probes-other", {"containers": [
        container("tcp", livenessProbe={"tcpSocket": {"port": 80}}, readinessProbe={"tcpSocket": {"port": "named", "host": "host.example"}, **times},
            startupProbe={"tcpSocket": {"port": 65535, "host": "2001:db8::1"}}),
        container("exec", livenessProbe={"exec": {"command": ["cat", "/tmp/healthy"]}}, readinessProbe={"exec": {"command": ["sh", "-c", "first\n  second\tx\n"]}, **times},
            startupProbe={"exec": {"command": ["a b", "", "c  d", strange.ABROAD]}}),
        container("grpc", ports=[{"containerPort": 1}], livenessProbe={"grpc": {"port": 9090}}, readinessProbe={"grpc": {"port": 9090, "service": "health.v1 ä"}, **times},
            startupProbe={"grpc": {"port": 1, "service": ""}, "terminationGracePeriodSeconds": 5})],
        "initContainers": [container("side", restartPolicy="Always", livenessProbe={"tcpSocket": {"port": 1}}, readinessProbe=http("/side"), startupProbe={"exec": {"command": ["true"]}})]})
    pod("hooks", {"terminationGracePeriodSeconds": 10, "containers": [
        container("a", lifecycle={"postStart": {"exec": {"command": ["echo", "hello"]}}, "preStop": {"sleep": {"seconds": 5}}}),
        container("b", lifecycle={"postStart": {"httpGet": {"path": "/started", "port": 80, "scheme": "HTTPS"}}, "preStop": {"tcpSocket": {"port": 80}}})]})


def _environment(pod):
    def field(name, path, **more):
        return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path, **more}}}

    def amount(name, resource, divisor=None, of=None):
        return {"name": name, "valueFrom": {"resourceFieldRef": {"resource": resource, **({"divisor": divisor} if divisor else {}), **({"containerName": of} if of else {})}}}

    def key(kind, name, optional=None):
        return {"name": name, "valueFrom": {kind: {"name": "settings", "key": name.lower(), **({} if optional is None else {"optional": optional})}}}

    plain = [{"name": n.upper().replace("-", "_"), "value": v} for n, v in strange.ALL.items()]
    pod("env-values", {"containers": [container(env=[
        {"name": "UNSET"}, *plain, {"name": "LONG", "value": strange.LONG}, {"name": "ABROAD_LONG", "value": strange.ABROAD_LONG[2]}, {"name": "a.dotted-name", "value": "1"},
            {"name": "REFERS", "value": "$(UNSET)$$(ESCAPED)"},
        {"name": "VERY_LONG_NAME_" + "X" * 80, "value": "v"}, {"name": "TWICE", "value": "1"}, {"name": "TWICE", "value": "2"}])]})
    pod("env-fields", {"containers": [container(env=[
        field("NAME", "metadata.name"), field("NAMESPACE", "metadata.namespace"), field("UID", "metadata.uid"), field("LABEL", "metadata.labels['app']"),
            field("NO_LABEL", "metadata.labels['absent']"),
        field("NOTE", "metadata.annotations['example.com/note']"), field("LINES", "metadata.annotations['strange.example/lines']"), field("NODE", "spec.nodeName"),
            field("ACCOUNT", "spec.serviceAccountName"),
        field("IP", "status.podIP"), field("IPS", "status.podIPs"), field("HOST_IP", "status.hostIP"), field("HOST_IPS", "status.hostIPs"),
            field("EXPLICIT", "metadata.name", apiVersion="v1")])]},
        alive(state("app", running(), ready=True)), node="plain", labels={"app": "env"}, annotations={"example.com/note": "noted", "strange.example/lines": strange.LINES})
    names = [f"{side}.{what}" for side in ("limits", "requests") for what in ("cpu", "memory", "ephemeral-storage", "hugepages-2Mi")]
    asked = [amount(n.upper().replace(".", "_").replace("-", "_"), n) for n in names]
    divided = [amount(f"D{i}", n, d) for i, (n, d) in enumerate([
        ("limits.cpu", "1m"), ("limits.cpu", "1"), ("requests.cpu", "1m"), ("limits.memory", "1Mi"), ("limits.memory", "1M"), ("limits.memory", "1Ki"), ("requests.memory", "1Gi"),
            ("requests.ephemeral-storage", "1k"), ("limits.memory", "0"), ("limits.hugepages-2Mi", "1Mi")])]
    full = {"limits": {"cpu": "1500m", "memory": "1000000001", "ephemeral-storage": "2G", "hugepages-2Mi": "6Mi"}, "requests": {"cpu": "0.1", "memory": "100Mi", "ephemeral-storage": "1.5k"}}
    pod("env-resources", {"containers": [container("unlimited", env=asked[:3] + asked[4:7]), container("limited", resources=full, env=asked + divided),
        container("other", env=[amount("OF", "limits.cpu", of="limited"), amount("SELF", "limits.cpu", of="other")])]})
    pod("env-keys", {"containers": [container(env=[key("secretKeyRef", "S"), key("secretKeyRef", "S_OPTIONAL", True), key("secretKeyRef", "S_NEEDED", False), key("configMapKeyRef", "C"),
        key("configMapKeyRef", "C_OPTIONAL", True)])]})
    pod("env-from", {"containers": [
        container("a", envFrom=[{"configMapRef": {"name": "plain"}}, {"configMapRef": {"name": "absent", "optional": True}, "prefix": "PRE_"},
            {"secretRef": {"name": "s"}, "prefix": "a.very-long-prefix_"}, {"secretRef": {"name": "a-secret-with-quite-a-long-name", "optional": False}}]),
        container("b", envFrom=[{"secretRef": {"name": "s", "optional": True}}], env=[{"name": "A", "value": "1"}])],
        "initContainers": [container("c", envFrom=[{"configMapRef": {"name": "plain"}}], env=[key("secretKeyRef", "S")])]})


def _commands_and_ports(pod):
    pod("commands", {"containers": [
        container("a", command=["/bin/sh", "-c", "set -e\nif true; then\n\techo \"$1\"\nfi\n"], args=["--", *strange.ALL.values()]), container("b", args=["--only", "args", "", "\n", " "]),
        container("c", command=[""], args=[strange.LONG, strange.ABROAD_LONG[0]]), container("d", image="images.example/" + "a" * 100, workingDir="/tmp", tty=True, stdin=True)]})

    def port(number, **more):
        return {"containerPort": number, **more}

    pod("ports", {"containers": [
        container("one", ports=[port(80)]), container("named", ports=[port(8443, name="https")]),
            container("two", ports=[port(53, protocol="UDP", name="dns"), port(53, protocol="TCP", name="dns-tcp")]),
        container("all", ports=[port(1), port(65535, protocol="SCTP"), port(9000, hostPort=19000), port(9001, hostPort=19001, protocol="UDP", hostIP="192.0.2.1", name="game"),
            port(9002, hostPort=19001, protocol="SCTP")]),
        container("host", ports=[port(7000, hostPort=7000)]), container("none", ports=[])]})
    pod("host-network", {"hostNetwork": True, "hostPID": True, "hostIPC": True, "dnsPolicy": "ClusterFirstWithHostNet", "containers": [container(ports=[port(7001), port(7002, name="b")])]})
    pod("dns", {"hostname": "h", "subdomain": "s", "setHostnameAsFQDN": True, "dnsPolicy": "None",
        "dnsConfig": {"nameservers": ["192.0.2.53"], "searches": ["a.example"], "options": [{"name": "ndots", "value": "2"}]},
                "hostAliases": [{"ip": "192.0.2.1", "hostnames": ["a", "b"]}], "enableServiceLinks": False, "shareProcessNamespace": True, "activeDeadlineSeconds": 3600,
                    "imagePullSecrets": [{"name": "absent"}]})


def _resources(pod):
    """On one node, whose description adds them up."""
    def asking(name, *containers, node="busy", **more):
        status = more.pop("status", None)
        made = [container(f"c{i}", resources={k: v for k, v in (("requests", r), ("limits", li)) if v}) for i, (r, li) in enumerate(containers)]
        pod("resources-" + name, {"containers": made, **more}, status or {"phase": "Running", "containerStatuses": [state(x["name"], running(), ready=True) for x in made]}, node=node)

    asking("none", ({}, {}))
    asking("guaranteed", ({"cpu": "1", "memory": "1Gi"}, {"cpu": "1", "memory": "1Gi"}))
    asking("limits-only", ({}, {"cpu": "250m", "memory": "1e9", "ephemeral-storage": "1Gi"}))
    asking("requests-only", ({"cpu": "0.1", "memory": "0.1Gi", "ephemeral-storage": "12345"}, {}))
    asking("odd", ({"cpu": "1e-1", "memory": "129e6"}, {"cpu": "1.25", "memory": "129M"}), ({"cpu": "001m", "memory": "1500m"}, {"memory": "123456789"}),
        ({"cpu": "0", "memory": "0"}, {"memory": "1Ti"}))
    asking("extended", ({"example.com/gpu": "2", "hugepages-2Mi": "64Mi", "memory": "1M", "vendor.example/not-on-this-node": "1"},
        {"example.com/gpu": "2", "hugepages-2Mi": "64Mi", "vendor.example/not-on-this-node": "1"}))
    asking("init", ({"cpu": "100m"}, {}), initContainers=[
        container("big", resources={"requests": {"cpu": "2", "memory": "3Gi"}}),
            container("side", restartPolicy="Always", resources={"requests": {"cpu": "300m", "memory": "64Mi"}, "limits": {"cpu": "400m"}}),
            container("late", resources={"requests": {"cpu": "1900m"}})])
    asking("of-the-pod", ({"cpu": "100m"}, {}), ({}, {"memory": "64Mi"}), resources={"requests": {"cpu": "1", "memory": "512Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}})
    asking("of-the-pod-only", ({}, {}), resources={"limits": {"memory": "1Gi"}})
    asking("overhead", ({"cpu": "500m", "memory": "128Mi"}, {"cpu": "500m"}), runtimeClassName=PREFIX + "overhead")
    more = {"cpu": "2", "memory": "256Mi"}
    asking("resized", (more, {}), status={"phase": "Running", "containerStatuses": [
        state("c0", running(), ready=True, allocatedResources={"cpu": "1", "memory": "300Mi"}, resources={"requests": {"cpu": "1", "memory": "512Mi"}})],
        "conditions": conditions("True", {"type": "PodResizePending", "status": "True", "reason": "Infeasible", "message": "no room", "lastTransitionTime": HEAL})})
    asking("finished", ({"cpu": "4"}, {}), status={"phase": "Succeeded"}, restartPolicy="Never")
    for node in ("bare", "no-room", "capacity-only", "extended", "quantities"):
        asking(f"on-{node}", ({"cpu": "150m", "memory": "200Mi", "ephemeral-storage": "1Gi"}, {"cpu": "3", "memory": "1e9"}), node=node)
    asking("on-capacity-only-too", ({}, {}), node="capacity-only")
    asking("with-claims", ({}, {}), resourceClaims=[{"name": "gpu", "resourceClaimName": "absent"}])


def _placement(pod):
    seconds = [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30},
        {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 0}]
    # With more than one toleration of a key the order is the sort's, which is not a stable one.
    pod("tolerations", {"tolerations": [*seconds, {"operator": "Exists"}, {"key": "z", "operator": "Exists"}, {"key": "y", "value": "v"},
        {"key": "x", "operator": "Equal", "value": "v", "effect": "NoSchedule"},
                                        {"key": "w", "operator": "Equal", "effect": "PreferNoSchedule"}, {"key": "v", "value": "1", "effect": "NoExecute", "tolerationSeconds": -7},
                                            {"key": "u", "operator": "Exists", "effect": "NoExecute"}]})
    pod("tolerations-many", {"tolerations": [*seconds, *({"key": f"example.com/k{i % 4}", "value": str(i), "effect": "NoSchedule"} for i in range(20))]})
    pod("tolerates-effects", {"tolerations": [*seconds, {"operator": "Exists", "effect": "NoSchedule"}, {"operator": "Exists", "effect": "PreferNoSchedule"}]})

    def spread(topology, skew=1, when="DoNotSchedule", **more):
        return {"topologyKey": topology, "maxSkew": skew, "whenUnsatisfiable": when, **more}

    odd = {"matchLabels": {"app": "x", "a": ""}, "matchExpressions": [
        {"key": "tier", "operator": "In", "values": ["b", "a"]}, {"key": "env", "operator": "NotIn", "values": ["dev"]}, {"key": "present", "operator": "Exists"},
            {"key": "absent", "operator": "DoesNotExist"}]}
    pod("spread", {"topologySpreadConstraints": [spread("kubernetes.io/hostname", 2, "ScheduleAnyway", labelSelector=odd),
        spread("a.zone", labelSelector={"matchLabels": {"app": "x"}}, minDomains=2, nodeAffinityPolicy="Ignore", nodeTaintsPolicy="Honor", matchLabelKeys=["pod-template-hash"]),
                                                 spread("rack", labelSelector={}), spread("row")]})
    pod("spread-one", {"topologySpreadConstraints": [spread("zone", labelSelector={"matchLabels": {"app": "x"}})]})
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": odd, "namespaces": ["a", "b"]}
    pod("affinity", {"affinity": {
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "cpus", "operator": "Gt", "values": ["4"]}],
            "matchFields": [{"key": "metadata.name", "operator": "In", "values": ["x"]}]}]},
                         "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 5, "preference": {"matchExpressions": [{"key": "zone", "operator": "Exists"}]}}]},
        "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]},
            "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": term}]}}})
    pod("selectors", {"nodeSelector": {"z": "", "a": "b", "example.com/long-key-of-a-node": "v" * 63, "kubernetes.io/os": "linux"}})
    pod("gated", {"schedulingGates": [{"name": "example.com/quota"}, {"name": "example.com/review"}]})
    pod("priority", {"priorityClassName": PREFIX + "low", "preemptionPolicy": "Never"})
    pod("critical", {"priorityClassName": "system-node-critical"}, node="plain")
    pod("runtime-class", {"runtimeClassName": PREFIX + "plain"})
    pod("account", {"serviceAccountName": "pull"})


def _security(pod):
    local = {"type": "Localhost", "localhostProfile": "profiles/audit.json"}
    pod("seccomp-default", {"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}, "runAsUser": 1000, "runAsGroup": 3000, "fsGroup": 2000, "supplementalGroups": [1, 2],
        "sysctls": [{"name": "kernel.shm_rmid_forced", "value": "0"}]}})
    pod("seccomp-local", {"securityContext": {"seccompProfile": local, "runAsNonRoot": True, "runAsUser": 1}, "containers": [
        container("a", securityContext={"seccompProfile": local, "readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False, "capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]}}),
        container("b", securityContext={"seccompProfile": {"type": "Unconfined"}, "privileged": True}, ports=[{"containerPort": 1}]),
            container("c", securityContext={"appArmorProfile": {"type": "Unconfined"}, "procMount": "Default"})]})
    pod("windows", {"os": {"name": "windows"}, "securityContext": {"windowsOptions": {"hostProcess": True, "runAsUserName": "NT AUTHORITY\\SYSTEM"}}, "hostNetwork": True})

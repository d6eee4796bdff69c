"""The Kubernetes objects of an incident."""

import base64
import hashlib
import json

PART = "escalate-test-incident"  # label whose value is the incident's name
CRD_NAME = "datas.data.spirl.com"


def crd():
    schema = {"type": "object", "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": CRD_NAME},
        "spec": {
            "group": "data.spirl.com", "scope": "Namespaced",
            "names": {"plural": "datas", "singular": "data", "kind": "Data", "listKind": "DataList"},
            "versions": [{"name": "v1alpha1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }


def objects(i, namespace=None, reword="", env=(), plants=None):
    """All objects of incident i, the namespace first. plants: what planted.make() returned, for the incident that has it."""
    ns = namespace or i.namespace
    app = ns + "-spirl-server"
    labels = {
        "app.kubernetes.io/name": "spirl-server", "app.kubernetes.io/instance": ns,
        "app.kubernetes.io/version": "0.40.0", "app.kubernetes.io/managed-by": "Helm",
    }
    select = {k: labels[k] for k in ("app.kubernetes.io/name", "app.kubernetes.io/instance")}

    def meta(name):
        return {"name": name, "namespace": ns, "labels": dict(labels)}

    config = (
        f"trustDomainDeployment:\n  id: {ns}\n  name: eu-prod-1\n  trustDomainName: example.org\n"
        "telemetry:\n  enabled: true\n  metricsAPI:\n    port: 9090\n  emitLatencyMetrics: true\n"
        "svidIssuance:\n  pathTemplate: /ns/{{.namespace}}/sa/{{.service_account}}\n"
    )
    wrapped = base64.b64encode(hashlib.sha512(ns.encode()).digest()).decode()
    out = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ns, "labels": {PART: i.name}}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta(app), "automountServiceAccountToken": False},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(app + "-config"), "data": {"config.yaml": config}},
        {"apiVersion": "v1", "kind": "Service", "metadata": meta(app + "-agent"), "spec": {"selector": select, "ports": [{"name": "agent", "port": 80, "targetPort": "agent"}]}},
        {"apiVersion": "data.spirl.com/v1alpha1", "kind": "Data", "metadata": meta("configuration"), "spec": {
            "revision": 42, "wrappedKeys": [{"keyId": "k-1", "algorithm": "AES-256-GCM", "ciphertext": wrapped}]}},
        {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta(app), "spec": {"maxUnavailable": 1, "selector": {"matchLabels": select}}},
        {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta(app), "spec": {
            "podSelector": {"matchLabels": select}, "policyTypes": ["Egress"], "egress": [{}]}},
        # The number of pods is fixed: a second pod of an incident would only cost the node CPU.
        {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": meta(app), "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": app},
            "minReplicas": i.replicas, "maxReplicas": i.replicas,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}]}},
        _deployment(i, ns, app, labels, select, meta, reword, env),
    ]
    if plants:
        plants.into(out)
    return out


def _deployment(i, ns, app, labels, select, meta, reword, extra):
    env = {"DEPLOYMENT_ID": ns, "EMIT_LATENCY_METRICS": "true", **i.env}
    if reword:
        env["LOG_REWORD"] = reword
    env.update(e.split("=", 1) for e in extra)

    def probe(path, **more):
        # Long timeouts: many incidents start at once on few cores, and a slow probe is none of them.
        return {"httpGet": {"path": path, "port": "health"}, "periodSeconds": 5, "timeoutSeconds": 5, **more}

    server = {
        "name": "spirl-server", "image": i.image, "imagePullPolicy": i.pull,
        "env": [{"name": k, "value": v} for k, v in env.items()],
        "ports": [{"name": "agent", "containerPort": 8443}, {"name": "metrics", "containerPort": 9090}, {"name": "health", "containerPort": 8086}],
        "resources": {"requests": i.requests, "limits": i.limits},
        "livenessProbe": probe("/live", failureThreshold=6), "readinessProbe": probe("/ready", failureThreshold=2),
        "volumeMounts": [{"name": "config", "mountPath": "/etc/spirl"}, {"name": "state", "mountPath": "/var/run/spirl"}],
    }
    spec = {
        "serviceAccountName": app, "terminationGracePeriodSeconds": 1, "containers": [server],
        "volumes": [{"name": "config", "configMap": {"name": app + "-config"}}, {"name": "state", "emptyDir": {}}],
    }
    if i.init:
        spec["initContainers"] = [{"name": "prepare", "image": "localhost/busybox:1", "imagePullPolicy": "Never", "command": ["/bin/sh", "-c", i.init]}]
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta(app), "spec": {
        # Recreate: a rolling update would keep the old pod of an incident whose new one never gets ready.
        "replicas": i.replicas, "strategy": {"type": "Recreate"}, "selector": {"matchLabels": select},
        "template": {"metadata": {"labels": {**labels, PART: i.name}}, "spec": spec}}}


def yaml(value, indent=0):
    """Enough of YAML for these objects; every string is quoted as JSON does, which YAML reads alike."""
    pad = "  " * indent
    if isinstance(value, dict) and value:
        lines = []
        for k, v in value.items():
            nested = isinstance(v, (dict, list)) and v
            lines.append(f"{pad}{k if k.replace('.', '').replace('/', '').replace('-', '').replace('_', '').isalnum() else json.dumps(k)}:" + ("\n" + yaml(v, indent + 1) if nested else " " + json.dumps(v)))
        return "\n".join(lines)
    if isinstance(value, list) and value:
        return "\n".join(f"{pad}- " + yaml(v, indent + 1).lstrip() for v in value)
    return pad + json.dumps(value)

"""Autoscalers and disruption budgets."""

import strange
from catalogue import CRASH, START


def condition(kind, status, reason="", message=""):
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": START}


OK = [condition("AbleToScale", "True", "ReadyForNewScale", "recommended size matches current size"),
    condition("ScalingActive", "True", "ValidMetricFound", "the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)"),
      condition("ScalingLimited", "False", "DesiredWithinRange", "the desired count is within the acceptable range")]


def fill(c):
    _autoscalers(c)
    _budgets(c)


def _autoscalers(c):
    def hpa(name, metrics=None, current=None, *, target="Deployment/deploy-rolled-out", status=None, low=1, high=10, **more):
        behavior = more.pop("behavior", None)
        kind, _, to = target.partition("/")
        spec = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": kind, "name": to}, "maxReplicas": high}
        for key, value in (("minReplicas", low), ("metrics", metrics), ("behavior", behavior)):
            if value is not None:
                spec[key] = value
        if current is not None or status is not None:
            status = {"currentReplicas": 3, "desiredReplicas": 3, "currentMetrics": current, "conditions": OK, **(status or {})}
        return c.add("autoscaling/v2", "HorizontalPodAutoscaler", name, spec, status=status, **more)

    def resource(name, **value):
        return {"type": "Resource", "resource": {"name": name, **value}}

    def of(**target):
        kinds = {"averageUtilization": "Utilization", "averageValue": "AverageValue", "value": "Value"}
        return {"target": {"type": kinds[next(iter(target))], **target}}

    def now(**current):
        return {"current": current}

    def box(name, container, **value):
        return {"type": "ContainerResource", "containerResource": {"name": name, "container": container, **value}}

    def pods(name, **value):
        return {"type": "Pods", "pods": {"metric": {"name": name, "selector": {"matchLabels": {"verb": "GET"}}}, **value}}

    def thing(name, to, **value):
        kind, _, named = to.partition("/")
        return {"type": "Object", "object": {"metric": {"name": name}, "describedObject": {"apiVersion": "networking.k8s.io/v1", "kind": kind, "name": named}, **value}}

    def external(name, **value):
        return {"type": "External", "external": {"metric": {"name": name, "selector": {"matchLabels": {"queue": "a"}}}, **value}}

    hpa("hpa-plain", low=None)
    hpa("hpa-absent-target", target="StatefulSet/absent", status={"currentReplicas": 0, "desiredReplicas": 0,
        "conditions": [condition("AbleToScale", "False", "FailedGetScale", "the HPA controller was unable to get the target's current scale: statefulsets.apps \"absent\" not found")]})
    hpa("hpa-utilization", [resource("cpu", **of(averageUtilization=70))], [resource("cpu", **now(averageUtilization=42, averageValue="105m"))])
    hpa("hpa-utilization-unknown", [resource("cpu", **of(averageUtilization=70)), resource("memory", **of(averageUtilization=1))], [resource("cpu", **now(averageValue="105m"))])
    hpa("hpa-value", [resource("memory", **of(averageValue="500Mi")), resource("cpu", **of(averageValue="0.5"))],
        [resource("memory", **now(averageValue="314572800")), resource("cpu", **now(averageValue="1e-1"))])
    hpa("hpa-value-unknown", [resource("memory", **of(averageValue="1.5G"))])
    hpa("hpa-container", [box("cpu", "app", **of(averageUtilization=60)), box("memory", "side", **of(averageValue="100Mi")), box("cpu", "gone", **of(averageUtilization=5)),
        box("memory", "gone", **of(averageValue="1"))],
        [box("cpu", "app", **now(averageUtilization=250, averageValue="1500m")), box("memory", "side", **now(averageValue="99Mi"))])
    hpa("hpa-pods", [pods("requests-per-second", **of(averageValue="1k")), pods("queue_\"quoted\"", **of(averageValue="250m")), pods("größe-日本", **of(averageValue="1"))],
        [pods("requests-per-second", **now(averageValue="1234567m"))])
    hpa("hpa-object", [thing("hits", "Ingress/main", **of(value="10k")), thing("misses \"x\"", "Ingress/main", **of(averageValue="7")), thing("hits", "Service/plain", **of(value="1"))],
        [thing("hits", "Ingress/main", **now(value="9999", averageValue="3333")), thing("misses \"x\"", "Ingress/main", **now(averageValue="500m"))])
    hpa("hpa-external", [external("queue-length", **of(value="30")), external("queue-age", **of(averageValue="1k")), external("unknown", **of(value="1")),
        external("unknown too", **of(averageValue="1"))],
        [external("queue-length", **now(value="12")), external("queue-age", **now(averageValue="3500m"))])
    # What is current need not be of the type that is asked for in the same place.
    hpa("hpa-shifted", [resource("cpu", **of(averageUtilization=70)), pods("p", **of(averageValue="1")), external("e", **of(averageValue="1")), external("e", **of(value="1")),
        thing("o", "Ingress/main", **of(value="1"))],
        [pods("p", **now(averageValue="5")), resource("cpu", **now(averageUtilization=1)), external("e", **now(value="5")), external("e", **now(averageValue="5")),
            thing("o", "Ingress/main", **now(averageValue="2"))])
    policies = [{"type": "Pods", "value": 4, "periodSeconds": 60}, {"type": "Percent", "value": 1000, "periodSeconds": 1800}]
    hpa("hpa-behavior", behavior={"scaleUp": {"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": policies},
        "scaleDown": {"stabilizationWindowSeconds": 3600, "selectPolicy": "Disabled", "policies": policies[:1]}})
    hpa("hpa-behavior-up", behavior={"scaleUp": {"selectPolicy": "Min"}})
    hpa("hpa-behavior-down", behavior={"scaleDown": {"policies": policies}})
    hpa("hpa-behavior-empty", behavior={})
    # The tolerance is dropped by a server that does not serve it.
    hpa("hpa-tolerance", behavior={"scaleUp": {"tolerance": "0.05"}, "scaleDown": {"tolerance": "0"}})
    hpa("hpa-limited", high=3, low=3, current=[], status={"currentReplicas": 3, "desiredReplicas": 2147483647, "lastScaleTime": CRASH, "observedGeneration": 1, "conditions": [
        condition("ScalingLimited", "True", "TooManyReplicas", "the desired replica count is more than the maximum replica count"),
            condition("ScalingActive", "False", "FailedGetResourceMetric", strange.SENTENCE * 5), condition("Bare", "Unknown"), condition("Tabs", "True", "T", strange.TABS),
            condition("Lines", "True", "L", strange.LINES)]})
    hpa("hpa-strange", target="Odd/größe", labels=strange.labels(20), annotations=strange.annotations(), high=2147483647, low=2147483646)


def _budgets(c):
    def pdb(name, spec=None, status=None, selector=None, **more):
        if status is not None:
            status = dict(zip(("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"), status), observedGeneration=1)
        return c.add("policy/v1", "PodDisruptionBudget", name, {"selector": {"matchLabels": {"app": name}} if selector is None else selector, **(spec or {})}, status=status, **more)

    odd = [{"key": "tier", "operator": "In", "values": ["web", "api"]}, {"key": "env", "operator": "NotIn", "values": ["dev"]}, {"key": "app", "operator": "Exists"},
        {"key": "retired", "operator": "DoesNotExist"}]
    pdb("pdb-neither", {}, (0, 0, 0, 0))
    pdb("pdb-min", {"minAvailable": 2}, (1, 3, 2, 3))
    pdb("pdb-min-percent", {"minAvailable": "50%"}, (0, 1, 2, 3))
    pdb("pdb-min-zero", {"minAvailable": 0})
    pdb("pdb-max", {"maxUnavailable": 1}, (1, 1000000, 999999, 1000000))
    pdb("pdb-max-percent", {"maxUnavailable": "33%", "unhealthyPodEvictionPolicy": "AlwaysAllow"})
    pdb("pdb-max-zero", {"maxUnavailable": 0, "unhealthyPodEvictionPolicy": "IfHealthyBudget"}, (0, 3, 3, 3))
    pdb("pdb-all", {"minAvailable": "100%"}, selector={})
    pdb("pdb-selector", {"minAvailable": 1}, selector={"matchLabels": {"z": "1", "a": ""}, "matchExpressions": odd})
    pdb("pdb-expressions", {"minAvailable": 1}, selector={"matchExpressions": odd[:2]})
    c.add("policy/v1", "PodDisruptionBudget", "pdb-no-selector", {"maxUnavailable": "0%"},
        status={"observedGeneration": 1, "disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0, "disruptedPods": {"x": CRASH}, "conditions": [
        {"type": "DisruptionAllowed", "status": "False", "reason": "SyncFailed", "message": "why", "lastTransitionTime": CRASH, "observedGeneration": 1}]})
    pdb("pdb-strange", {"maxUnavailable": 2147483647}, labels=strange.labels(20), annotations=strange.annotations())

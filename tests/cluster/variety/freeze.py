"""The policies that keep controllers off.

The controllers of the cluster are real: they would mark a node without a kubelet as lost and evict
its pods, make pods of what has a template, overwrite each status, and report it all as events, some
every five seconds. So their writes to these objects are refused, and nothing changes any more from
the moment it is made. Deletion is left to those two that carry it out.
"""

from catalogue import NAMESPACE, PREFIX

POLICY = "admissionregistration.k8s.io/v1"
MESSAGE = "kept as it is for comparison"
ADMITTED = ("namespace-controller", "generic-garbage-collector")
CONTROLLERS = (
    "(request.userInfo.username.startsWith('system:serviceaccount:kube-system:') && !("
    + " || ".join(f"request.userInfo.username == 'system:serviceaccount:kube-system:{a}'" for a in ADMITTED)
    + ")) || request.userInfo.username.startsWith('system:kube-') || request.userInfo.username.startsWith('system:node:')")


def policies(nodes):
    """nodes: their names, so that the API server asks about no other node. First the policies, then what puts them in force."""
    every = {"operations": ["CREATE", "UPDATE", "DELETE"], "apiVersions": ["*"]}
    inside = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}}, "resourceRules": [{**every, "apiGroups": ["*"], "resources": ["*/*"], "scope": "Namespaced"}]}
    fake = {"resourceRules": [{**every, "apiGroups": [""], "resources": ["nodes", "nodes/*"], "resourceNames": nodes}]}
    # Events about nodes, and those that complain of these policies, would appear among everybody's.
    told = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "default"}},
        "resourceRules": [{"operations": ["CREATE", "UPDATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["events"]}]}
    about = f"(has(object.involvedObject.name) && object.involvedObject.name.startsWith('{PREFIX}')) || (has(object.message) && object.message.contains('{MESSAGE}'))"
    out = []
    for name, matched, more in (("nodes", fake, {}), ("events", told, {"matchConditions": [{"name": "about-the-variety", "expression": about}], "failurePolicy": "Ignore"}),
        ("namespace", inside, {})):
        name = PREFIX + name
        out.append({"apiVersion": POLICY, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name}, "spec": {
            "matchConstraints": matched, "validations": [{"expression": f"!({CONTROLLERS})", "message": MESSAGE}], **more}})
        out.append({"apiVersion": POLICY, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name}, "spec": {"policyName": name, "validationActions": ["Deny"]}})
    return out

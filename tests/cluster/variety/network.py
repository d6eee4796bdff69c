"""Services, endpoint slices, ingresses, network policies.

kube-proxy of the cluster's node makes rules of the services: the addresses are those for documentation.
"""

import strange
from catalogue import NAMESPACE, PREFIX

DISCOVERY = "discovery.k8s.io/v1"


def fill(c):
    _services(c)
    _slices(c)
    _ingresses(c)
    _policies(c)


def _services(c):
    def service(name, spec=None, ingress=None, endpoints=(), **more):
        spec = {"ports": [{"port": 80}], **(spec or {})}
        for i, (addresses, ports) in enumerate(endpoints):
            c.add(DISCOVERY, "EndpointSlice", f"{name}-{i}", addressType="IPv6" if any(":" in a for a in addresses) else "IPv4",
                labels={"kubernetes.io/service-name": name, "endpointslice.kubernetes.io/managed-by": "variety"}, ports=ports, endpoints=[
                {"addresses": [a.strip("!?")], "conditions": {} if a.startswith("?") else {"ready": not a.startswith("!")}} for a in addresses])
        return c.add("v1", "Service", name, spec, labels=more.pop("labels", None), status=None if ingress is None else {"loadBalancer": {"ingress": ingress}}, **more)

    def ips(count, first=1):
        return [f"192.0.2.{i}" for i in range(first, first + count)]

    unnamed, web, dns = [{"port": 8080}], {"name": "web", "port": 8080}, {"name": "dns", "port": 5353, "protocol": "UDP"}
    service("plain")
    service("selector", {"selector": {"z": "1", "a": "", "app.kubernetes.io/name": "x"}}, endpoints=[(ips(1), unnamed)])
    service("ports", {"selector": {"app": "x"}, "ports": [
        {"name": "web", "port": 80, "targetPort": "http"}, {"name": "tls", "port": 443, "targetPort": 8443, "appProtocol": "kubernetes.io/h2c"},
            {"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP", "appProtocol": "example.com/dns"},
        {"name": "sctp", "port": 65535, "protocol": "SCTP", "targetPort": 1}]}, endpoints=[(ips(2), [web, dns]), (ips(3, 10), [web])])
    service("endpoints-three", endpoints=[(ips(3), unnamed)])
    service("endpoints-four", endpoints=[(ips(4), unnamed)])
    service("endpoints-many", endpoints=[(ips(7), unnamed), (ips(9, 100), unnamed)])
    service("endpoints-unready", endpoints=[(["!192.0.2.1", "!192.0.2.2"], unnamed)])
    service("endpoints-mixed", endpoints=[(["192.0.2.1", "!192.0.2.2", "?192.0.2.3", "192.0.2.4", "!192.0.2.5", "192.0.2.6", "!192.0.2.7"], unnamed)])
    service("endpoints-other-name", {"ports": [{"name": "web", "port": 80}, {"name": "none", "port": 81}]}, endpoints=[(ips(2), [web])])
    service("endpoints-ipv6", endpoints=[(["2001:db8::1", "2001:db8::2"], unnamed), (ips(1), unnamed)])
    service("endpoints-no-ports", {"clusterIP": "None", "ports": []}, endpoints=[(["192.0.2.1", "!192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"], [])])
    # Named ports of the service, and a slice without any.
    service("endpoints-portless", {"ports": [{"name": "a", "port": 1}, {"name": "b", "port": 2}]}, endpoints=[(["192.0.2.1", "!192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"], [])])
    service("endpoints-empty", endpoints=[([], unnamed)])
    service("headless", {"clusterIP": "None", "selector": {"app": "sts-phases"}, "publishNotReadyAddresses": True})
    service("headless-dual", {"clusterIP": "None", "ipFamilyPolicy": "RequireDualStack"})
    service("headless-ipv6-first", {"clusterIP": "None", "ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv6", "IPv4"]})
    service("prefer-dual", {"ipFamilyPolicy": "PreferDualStack"})
    service("node-port", {"type": "NodePort", "ports": [{"port": 80, "nodePort": 32701}], "externalTrafficPolicy": "Local"}, endpoints=[(ips(1), unnamed)])
    service("node-ports", {"type": "NodePort", "ports": [{"name": "a", "port": 80, "nodePort": 32703}, {"name": "b", "port": 80, "protocol": "UDP", "nodePort": 32703},
        {"name": "c", "port": 82, "targetPort": "named", "nodePort": 32704}]})
    service("balanced", {"type": "LoadBalancer", "loadBalancerIP": "203.0.113.9", "loadBalancerSourceRanges": ["198.51.100.0/24", "203.0.113.0/25"],
        "ports": [{"port": 443, "nodePort": 32705}]}, [{"ip": "203.0.113.10"}])
    service("balanced-local", {"type": "LoadBalancer", "externalTrafficPolicy": "Local", "healthCheckNodePort": 32706, "ports": [{"port": 443, "nodePort": 32707}],
        "loadBalancerClass": "example.com/lb"},
            [{"ip": "203.0.113.10", "ipMode": "Proxy"}, {"ip": "203.0.113.11", "ipMode": "VIP"}, {"hostname": "lb.example.com"},
                {"ip": "203.0.113.12", "hostname": "both.example.com", "ports": [{"port": 443, "protocol": "TCP", "error": "example.com/failed"}]}])
    service("balanced-pending", {"type": "LoadBalancer", "allocateLoadBalancerNodePorts": False, "loadBalancerClass": "example.com/lb"})
    service("external-name", {"type": "ExternalName", "externalName": "db.example.com", "ports": []})
    service("external-name-ports", {"type": "ExternalName", "externalName": "db.example.com", "ports": [{"name": "pg", "port": 5432}], "selector": {"ignored": "yes"}})
    service("external-ips", {"externalIPs": ["203.0.113.20", "203.0.113.21"]})
    service("affinity", {"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 77}}, "internalTrafficPolicy": "Local"})
    service("near", {"trafficDistribution": "PreferClose", "internalTrafficPolicy": "Cluster"})
    service("strange", labels=strange.labels(30), annotations=strange.annotations())


def _slices(c):
    def slice_(name, kind="IPv4", ports=None, endpoints=None, **more):
        return c.add(DISCOVERY, "EndpointSlice", "slice-" + name, addressType=kind, ports=ports, endpoints=endpoints or [], **more)

    slice_("empty")
    # No service may lead to a slice with a port that has no number: kubectl ends in a panic then.
    slice_("ports", "IPv4", [{}, {"name": "a", "port": 1}, {"name": "b", "port": 53, "protocol": "UDP", "appProtocol": "x"}, {"name": "any", "protocol": "SCTP"}],
        [{"addresses": ["192.0.2.1"]}])
    slice_("endpoints", ports=[{"port": 80}], endpoints=[
        {"addresses": ["192.0.2.1"]}, {"addresses": ["192.0.2.2", "192.0.2.3"], "conditions": {"ready": True, "serving": True, "terminating": False}, "hostname": "h",
            "nodeName": PREFIX + "plain", "zone": "zone-a", "hints": {"forZones": [{"name": "zone-b"}]}},
        {"addresses": ["192.0.2.4"], "conditions": {"ready": False, "terminating": True}, "targetRef": {"kind": "Pod", "name": "running", "namespace": NAMESPACE, "uid": "x"}},
            {"addresses": ["192.0.2.5"], "targetRef": {"name": "no-kind"}}])
    slice_("ipv6", "IPv6", [{"name": "x", "port": 80}], [{"addresses": ["2001:db8::1"]}, {"addresses": ["2001:db8::ffff"], "zone": ""}])
    slice_("names", "FQDN", [{"port": 80}], [{"addresses": ["a.example.com", "b.example.com"], "nodeName": "x"}])
    slice_("strange", labels=strange.labels(20), annotations=strange.annotations(), endpoints=[{"addresses": ["192.0.2.9"]}])


def _ingresses(c):
    def to(name, port=80):
        return {"service": {"name": name, "port": {"number": port} if isinstance(port, int) else {"name": port}}}

    thing = {"resource": {"apiGroup": "example.com", "kind": "Bucket", "name": "static"}}

    def path(at, backend, kind="Prefix"):
        return {"path": at, "pathType": kind, "backend": backend}

    def ingress(name, spec, status=None, **more):
        return c.add("networking.k8s.io/v1", "Ingress", name, spec, status=None if status is None else {"loadBalancer": {"ingress": status}}, **more)

    ingress("default-only", {"defaultBackend": to("endpoints-many")})
    ingress("default-resource", {"defaultBackend": thing, "ingressClassName": "absent"},
        [{"hostname": "z.example.com"}, {"ip": "203.0.113.30"}, {"ip": "203.0.113.3", "hostname": "unseen.example.com"}, {"ip": "203.0.113.30"}])
    ingress("main", {"ingressClassName": "nginx", "tls": [{"hosts": ["a.example.com", "b.example.com"], "secretName": "tls"}, {"hosts": ["c.example.com"]}, {"secretName": "only"}],
        "rules": [
        {"host": "a.example.com", "http": {"paths": [path("/", to("endpoints-three")), path("/exact", to("ports", "web"), "Exact"), path("/number", to("ports", 443)),
            path("/" + "long/" * 20, to("endpoints-many"), "ImplementationSpecific")]}},
        {"host": "*.example.com", "http": {"paths": [path("/absent", to("absent")), path("/port-absent", to("ports", 99)), path("/resource", thing)]}},
        {"http": {"paths": [{"pathType": "ImplementationSpecific", "backend": to("endpoints-unready")}]}}, {"host": "nothing.example.com"}]}, [{"ip": "2001:db8::30"}])
    ingress("hosts-only", {"defaultBackend": {"resource": {"kind": "Odd", "name": "in-core"}}, "rules": [{"host": "x.example.com"}, {"host": "y.example.com"}]})
    ingress("ingress-strange", {"defaultBackend": to("plain", "absent")}, labels=strange.labels(20), annotations=strange.annotations())


def _policies(c):
    def policy(name, spec, **more):
        return c.add("networking.k8s.io/v1", "NetworkPolicy", name, spec, **more)

    odd = {"matchLabels": {"z": "1", "a": ""}, "matchExpressions": [{"key": "tier", "operator": "In", "values": ["b", "a"]}, {"key": "x", "operator": "DoesNotExist"}]}
    ports = [{"port": 80}, {"port": "named", "protocol": "UDP"}, {"port": 1000, "endPort": 2000, "protocol": "SCTP"}, {"protocol": "TCP"}]
    peers = [{"podSelector": odd}, {"namespaceSelector": {"matchLabels": {"team": "x"}}}, {"podSelector": {}, "namespaceSelector": {}},
        {"podSelector": {"matchLabels": {"a": "b"}}, "namespaceSelector": odd},
             {"ipBlock": {"cidr": "192.0.2.0/24"}}, {"ipBlock": {"cidr": "2001:db8::/32", "except": ["2001:db8:1::/48", "2001:db8:2::/48"]}}]
    policy("deny-all", {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})
    policy("allow-all", {"podSelector": {}, "policyTypes": ["Egress", "Ingress"], "ingress": [{}], "egress": [{}]})
    policy("ingress-only", {"podSelector": {"matchLabels": {"app": "x"}}, "ingress": [{"ports": ports, "from": peers}, {"from": peers[:1]}, {"ports": ports[:1]}]})
    policy("egress-only", {"podSelector": odd, "policyTypes": ["Egress"], "egress": [{"ports": ports, "to": peers}, {"to": peers[4:5]}, {"ports": ports[2:3]}]})
    policy("no-types", {"podSelector": {"matchExpressions": odd["matchExpressions"]}, "egress": [{"to": peers[:2]}]})
    policy("policy-strange", {"podSelector": {}}, labels=strange.labels(20), annotations=strange.annotations())

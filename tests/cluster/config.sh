# shellcheck shell=bash
# The files that `up` writes before it starts anything: certificates, kubeconfigs and the
# configuration of each component. Sourced after lib.sh.

# ---- Certificates ----------------------------------------------------------------------------

# Users of the tests: no binding of any kind, the tests bind what they need.
TEST_USERS=(viewer podlogs rbacuser metrics)

# sign NAME SUBJECT [ALTERNATIVE NAMES]. Elliptic curves: a dozen RSA keys would take seconds.
sign() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$PKI/$1.key" -out "$PKI/$1.csr" -subj "$2" 2>/dev/null
  openssl x509 -req -in "$PKI/$1.csr" -CA "$PKI/ca.crt" -CAkey "$PKI/ca.key" -CAcreateserial -days 3650 \
    -out "$PKI/$1.crt" -extfile <(echo "subjectAltName=${3:-DNS:$1}") 2>/dev/null
  rm "$PKI/$1.csr"
}

# A user that is new since the others were made has no certificate yet.
sign_users() {
  local user
  for user in "${TEST_USERS[@]}"; do
    [ -f "$PKI/$user.crt" ] || sign "$user" "/CN=$user"
  done
}

write_certificates() {
  if [ -f "$PKI/complete" ]; then
    sign_users
    return
  fi
  rm -rf "$PKI"
  mkdir -p "$PKI"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$PKI/ca.key" -out "$PKI/ca.crt" \
    -days 3650 -subj /CN=test-ca 2>/dev/null
  openssl ecparam -name prime256v1 -genkey -noout -out "$PKI/service-accounts.key"
  openssl ec -in "$PKI/service-accounts.key" -pubout -out "$PKI/service-accounts.pub" 2>/dev/null

  sign apiserver /CN=kube-apiserver "DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,IP:127.0.0.1,IP:10.96.0.1,IP:$NODE_IP"
  sign apiserver-to-kubelet /O=system:masters/CN=kube-apiserver
  sign front-proxy /CN=front-proxy
  sign kubelet-serving "/O=system:nodes/CN=system:node:$NODE_NAME" "DNS:$NODE_NAME,IP:127.0.0.1,IP:$NODE_IP"
  sign metrics-server-serving /CN=metrics-server "DNS:metrics-server.kube-system.svc"
  sign kwok-serving /CN=kwok "IP:$NODE_IP"

  sign admin /O=system:masters/CN=admin
  sign kubelet "/O=system:nodes/CN=system:node:$NODE_NAME"
  sign controller-manager /CN=system:kube-controller-manager
  sign scheduler /CN=system:kube-scheduler
  sign kube-proxy /CN=system:kube-proxy
  # Both are helpers of the test cluster and not what is tested, hence no roles of their own.
  sign metrics-server /O=system:masters/CN=metrics-server
  sign kwok /O=system:masters/CN=kwok
  sign_users
  touch "$PKI/complete"
}

# Certificates inside the file, so that a test can copy it and change one thing.
write_kubeconfigs() {
  local user
  for user in admin kubelet controller-manager scheduler kube-proxy metrics-server kwok "${TEST_USERS[@]}"; do
    cat >"$RUN/$user.kubeconfig" <<YAML
apiVersion: v1
kind: Config
clusters:
- name: escalate-test
  cluster:
    server: https://127.0.0.1:$API_PORT
    certificate-authority-data: $(base64 -w0 "$PKI/ca.crt")
users:
- name: $user
  user:
    client-certificate-data: $(base64 -w0 "$PKI/$user.crt")
    client-key-data: $(base64 -w0 "$PKI/$user.key")
contexts:
- name: escalate-test
  context: {cluster: escalate-test, user: $user}
current-context: escalate-test
YAML
    chmod 600 "$RUN/$user.kubeconfig"
  done
}

# ---- Components ------------------------------------------------------------------------------

# The addresses given out are kept in run/ and not in /var/lib/cni, so that `down` can forget them:
# it removes pods without asking the network plugin, and 253 addresses would soon be used up.
write_pod_network() {
  mkdir -p "$RUN/cni"
  cat >"$RUN/cni/10-bridge.conflist" <<JSON
{
  "cniVersion": "0.4.0",
  "name": "escalate-test",
  "plugins": [
    {
      "type": "bridge", "bridge": "$BRIDGE", "isGateway": true, "ipMasq": true, "hairpinMode": true,
      "ipam": {
        "type": "host-local", "dataDir": "$RUN/cni-addresses",
        "ranges": [[{"subnet": "$POD_SUBNET"}]], "routes": [{"dst": "0.0.0.0/0"}]
      }
    },
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
JSON
}

# restrict_oom_score_adj: in a container without CAP_SYS_RESOURCE runc may not lower the score.
write_containerd_config() {
  cat >"$RUN/containerd.toml" <<TOML
version = 2
root = "$RUN/containerd/root"
state = "$RUN/containerd/state"
[grpc]
  address = "$CONTAINERD_SOCK"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$RUN/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
TOML
}

# write_kubelet_config LOG_MAX_SIZE
# - crashLoopBackOff: the real mechanism, but a test need not wait for its five minutes.
# - eviction and image garbage collection as good as off: a disk that is fairly full would evict the
#   pods of a test, or remove images which no registry could give back.
# - failCgroupV1, failSwapOn: the machine is as it is.
# - the API limits: the default of 50 per second is what a burst of pod starts waits for.
write_kubelet_config() {
  cat >"$RUN/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $PKI/ca.crt}
authorization: {mode: Webhook}
tlsCertFile: $PKI/kubelet-serving.crt
tlsPrivateKeyFile: $PKI/kubelet-serving.key
containerRuntimeEndpoint: unix://$CONTAINERD_SOCK
cgroupDriver: cgroupfs
failSwapOn: false
failCgroupV1: false
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
maxPods: 200
kubeAPIQPS: 200
kubeAPIBurst: 400
featureGates: {KubeletCrashLoopBackOffMax: true}
crashLoopBackOff: {maxContainerRestartPeriod: 20s}
containerLogMaxSize: $1
containerLogMaxFiles: 5
YAML
}

# conntrack 0: the limit belongs to the machine, and a container may not change it.
write_kube_proxy_config() {
  cat >"$RUN/kube-proxy.yaml" <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
hostnameOverride: $NODE_NAME
clientConnection: {kubeconfig: $RUN/kube-proxy.kubeconfig}
clusterCIDR: $POD_CIDR
conntrack: {maxPerCore: 0, min: 0}
YAML
}

# Metrics come from a process on the host, behind the same aggregation layer as anywhere else: the
# API server looks up the endpoint of the service and asks it at the bridge's address.
write_metrics_api() {
  cat >"$RUN/metrics-api.yaml" <<YAML
apiVersion: v1
kind: Service
metadata: {name: metrics-server, namespace: kube-system}
spec:
  ports: [{name: https, port: 443, targetPort: $METRICS_PORT, protocol: TCP}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: metrics-server-host
  namespace: kube-system
  labels: {kubernetes.io/service-name: metrics-server}
addressType: IPv4
ports: [{name: https, port: $METRICS_PORT, protocol: TCP}]
endpoints: [{addresses: [$NODE_IP], conditions: {ready: true}}]
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.metrics.k8s.io}
spec:
  group: metrics.k8s.io
  version: v1beta1
  groupPriorityMinimum: 100
  versionPriority: 100
  service: {name: metrics-server, namespace: kube-system}
  caBundle: $(base64 -w0 "$PKI/ca.crt")
YAML
}

# write_kwok_config: one file for the stages, and the log that every fake container answers with.
write_kwok_config() {
  local stages
  stages=$(dirname "$(readlink -f "$BIN/kwok")")/stages
  {
    for stage in "$stages"/*.yaml; do
      cat "$stage"
      echo ---
    done
    cat <<YAML
apiVersion: kwok.x-k8s.io/v1alpha1
kind: ClusterLogs
metadata: {name: every-fake-container}
spec:
  logs: [{logsFile: $RUN/kwok-container.log}]
YAML
  } >"$RUN/kwok.yaml"
  for second in $(seq 10 59); do
    echo "2026-01-01T00:00:$second.000000000Z stdout F {\"level\":\"info\",\"msg\":\"a line of a fake container\",\"n\":$second}"
  done >"$RUN/kwok-container.log"
}

# write_fake_nodes COUNT: tainted, so that no ordinary pod lands where nothing would run it.
write_fake_nodes() {
  local i
  for i in $(seq -w 1 "$1"); do
    cat <<YAML
---
apiVersion: v1
kind: Node
metadata:
  name: fake-$i
  annotations: {kwok.x-k8s.io/node: fake}
  labels:
    escalate-test: kwok
    kubernetes.io/hostname: fake-$i
    kubernetes.io/os: linux
    kubernetes.io/arch: amd64
    topology.kubernetes.io/region: eu-west-1
    topology.kubernetes.io/zone: eu-west-1$(echo "abc" | cut -c$((10#$i % 3 + 1)))
spec:
  taints: [{key: kwok.x-k8s.io/node, value: fake, effect: NoSchedule}]
status:
  # Given here, because kwok's stage leaves them empty; the API server needs one to ask for logs.
  addresses: [{type: InternalIP, address: $NODE_IP}, {type: Hostname, address: fake-$i}]
  allocatable: {cpu: "64", memory: 256Gi, pods: "250"}
  capacity: {cpu: "64", memory: 256Gi, pods: "250"}
YAML
  done >"$RUN/fake-nodes.yaml"
}

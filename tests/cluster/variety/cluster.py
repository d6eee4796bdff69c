"""The API of the cluster that ESCALATE_TEST_KUBECONFIG names, and never of another."""

import contextlib
import fcntl
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.parse

PLURALS = {"Ingress": "ingresses", "NetworkPolicy": "networkpolicies", "PriorityClass": "priorityclasses", "RuntimeClass": "runtimeclasses",
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies"}


def path(version, kind, namespace="", name="", subresource=""):
    parts = ["api" if version == "v1" else "apis", version] + (["namespaces", namespace] if namespace else []) + [PLURALS.get(kind, kind.lower() + "s"), name, subresource]
    return "/" + "/".join(urllib.parse.quote(p, safe="/") for p in parts if p)


class Refused(Exception):
    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code = code


class Api:
    """By way of `kubectl proxy` on a socket that only this user may open: kubectl knows every way to sign in."""

    def __init__(self, at):
        self.at, self.local = at, threading.local()

    def _connection(self):
        if not getattr(self.local, "connection", None):
            connection = http.client.HTTPConnection("localhost", timeout=60)
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.connect(self.at)
            connection.auto_open = 0
            self.local.connection = connection
        return self.local.connection

    def __call__(self, method, where, body=None, content="application/json", headers=None):
        connection = self._connection()
        try:
            connection.request(method, where, None if body is None else json.dumps(body).encode(), {"Content-Type": content, "Accept": "application/json", **(headers or {})})
            answer = connection.getresponse()
            text = answer.read()
        except OSError:
            self.local.connection = None
            raise
        if answer.will_close:
            self.local.connection = None
        if answer.status >= 400:
            try:
                message = json.loads(text)["message"]
            except (ValueError, KeyError, TypeError):
                message = text.decode(errors="replace")
            raise Refused(answer.status, message)
        return json.loads(text)


@contextlib.contextmanager
def api():
    config = os.environ.get("ESCALATE_TEST_KUBECONFIG")
    if not config:
        sys.exit("variety: ESCALATE_TEST_KUBECONFIG is not set")
    # One `apply` or `delete` at a time; the lock goes with the process.
    fcntl.flock(os.open(os.path.dirname(os.path.abspath(__file__)), os.O_RDONLY), fcntl.LOCK_EX)
    with tempfile.TemporaryDirectory() as folder:
        at = os.path.join(folder, "socket")
        proxy = subprocess.Popen(["kubectl", "--kubeconfig", config, "proxy", "--unix-socket", at], stdout=subprocess.PIPE, text=True)
        try:
            # The first line says that it serves; without one it has ended, and has said why.
            if not proxy.stdout.readline():
                sys.exit("variety: kubectl proxy did not start")
            yield Api(at)
        finally:
            proxy.terminate()
            proxy.wait()

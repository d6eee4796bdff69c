"""Secrets for the incident `planted`, made anew each time, and harmless look-alikes that must be kept.

Nothing here is a secret, and token prefixes are put together at run time, so that a scanner finds none in the source.
"""

import base64
import json
import secrets
import string
import subprocess
import tempfile
import time
import uuid

ALNUM = string.ascii_letters + string.digits


def word(n, letters=ALNUM):
    return "".join(secrets.choice(letters) for _ in range(n))


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*args, data=None):
    return subprocess.run(["openssl", *args], input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout


class Key:
    def __init__(self, algorithm="EC", option="ec_paramgen_curve:P-256"):
        self.pem = openssl("genpkey", "-algorithm", algorithm, "-pkeyopt", option).decode()
        self.public = openssl("pkey", "-pubout", data=self.pem.encode()).decode()

    def sec1(self):
        return openssl("ec", data=self.pem.encode()).decode()

    def sign_es256(self, message):
        """Raw r and s, as a JWS has them, from the DER of openssl."""
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as f:
            f.write(self.pem)
            f.flush()
            der = openssl("dgst", "-sha256", "-sign", f.name, data=message)
        out, at = b"", 2
        for _ in range(2):
            length = der[at + 1]
            out += der[at + 2 : at + 2 + length].lstrip(b"\0").rjust(32, b"\0")
            at += 2 + length
        return out


def jws(key, kind, claims):
    head = {"alg": "ES256", "kid": word(12), "typ": kind}
    body = ".".join(b64url(json.dumps(p, separators=(",", ":")).encode()) for p in (head, claims))
    return body + "." + b64url(key.sign_es256(body.encode()))


def body_lines(pem):
    # The last line can be so short that it is found anywhere by chance.
    return [line for line in pem.splitlines() if len(line) >= 16 and not line.startswith("-----")]


class Plants:
    """The planted values, each with its kind and places, and the objects and log lines that hold them."""

    def __init__(self):
        self.found, self.keep = [], []
        key, other, signer = Key(), Key("RSA", "rsa_keygen_bits:2048"), Key()
        sec1 = key.sec1()
        claims = {"sub": "spiffe://example.org/ns/payments/sa/checkout", "aud": ["billing"], "exp": int(time.time()) + 3600, "jti": word(16)}
        jwt, wit = jws(signer, "JWT", claims), jws(signer, "wit+jwt", claims)
        sa = jws(signer, "JWT", {**claims, "iss": "https://kubernetes.default.svc", "sub": "system:serviceaccount:payments:checkout"})
        bearer, password, url_password, api_key = word(40), word(18), word(20), word(32)
        arg_password, map_password, note_password, last_words = word(20), word(20), word(20), word(24)
        aws_id, aws_secret = "AK" + "IA" + word(16, string.ascii_uppercase + "234567"), word(40)
        github = "gh" + "p_" + word(36)
        wrapped = base64.b64encode(secrets.token_bytes(96)).decode()
        basic = base64.b64encode(f"ingest:{password}".encode()).decode()
        key_b64 = base64.b64encode(key.pem.encode()).decode()

        def add(kind, where, *values):
            self.found.extend({"kind": kind, "where": where, "value": v} for v in values)

        for kind, where, token in (("jwt-svid", "log", jwt), ("wit-svid", "log", wit), ("service-account-token", "log stderr", sa)):
            add(kind, where, token, token.rsplit(".", 1)[1])
        add("pem-pkcs8-ec", "log env", *body_lines(key.pem))
        add("pem-sec1-ec", "log", *body_lines(sec1))
        add("pem-pkcs8-rsa", "log configmap", *body_lines(other.pem))
        add("pem-base64", "log", key_b64)
        add("bearer", "log", bearer)
        add("basic", "log stderr", basic, password)
        add("url-password", "log env", url_password)
        add("api-key", "log", api_key)
        add("url-password", "args", arg_password)
        add("password", "configmap", map_password)
        add("url-password", "annotation", note_password)
        add("password", "termination-message", last_words)
        add("aws-access-key-id", "log env", aws_id)
        add("aws-secret-access-key", "log env", aws_secret)
        add("github-token", "log env annotation", github)
        add("wrapped-key", "custom-resource", wrapped)

        self.lookalikes(signer)
        url = f"postgres://spirl:{url_password}@db.example.org:5432/events"
        trace = self.keep_value("trace-id", secrets.token_hex(16))
        spiffe = self.keep_value("spiffe-id", "spiffe://example.org/ns/payments/sa/checkout")

        def line(logger, msg, **fields):
            return json.dumps({"level": "error", "ts": time.time(), "logger": logger, "msg": msg, "trace_id": trace, **fields}, separators=(",", ":"))

        session = "server.agentServer.session"
        self.stdout = [
            line(session, "token rejected", error=f"jwt validation failed for {jwt}: token is expired", spiffe_id=spiffe),
            line(session, "token rejected", token=wit),
            line("server.relay", "upstream answered 401", headers={"authorization": ["Bearer " + bearer], "x-api-key": [api_key]}),
            line("server.subsystems", "key manager", key=key.pem),
            line("server.subsystems", "key manager", key=key_b64),
            line("server.subsystems", "cannot connect", url=url),
            line("server.ingestServiceSink", "login refused", user="ingest", password=password),
            line("server.subsystems", "cloud credentials", aws_access_key_id=aws_id, aws_secret_access_key=aws_secret, github_token=github),
            # A key over several lines of the log, each of which gets its own time stamp.
            *sec1.splitlines(),
            *other.pem.splitlines(),
            *(line("server.agentServer", "look-alike", kind=k["kind"], value=k["value"]) for k in self.keep if "\n" not in k["value"]),
            *self.certificate.splitlines(),
            *signer.public.splitlines(),
        ]
        self.stderr = ["Authorization: Basic " + basic, "mounted token: " + sa]
        self.env = {
            "CONTROL_PLANE_AUTH_KEY_PEM": key.pem, "EVENTS_DATABASE_URL": url, "AWS_ACCESS_KEY_ID": aws_id, "AWS_SECRET_ACCESS_KEY": aws_secret,
            "GITHUB_TOKEN": github, "TERMINATION_MESSAGE": f"fatal: login failed for user spirl: password={last_words}",
            "KMS_KEY_ARN": self.arn, "PLANT_SECRETS_FILE": "/etc/planted/lines.json",
        }
        self.args = [f"-proxy-url=http://proxy-user:{arg_password}@proxy.example.org:3128"]
        self.config = f"controlPlane:\n  relay:\n    password: {map_password}\n  auth:\n    key:\n      id: sak-{word(10).lower()}\n      pem: |\n" + "".join(f"        {x}\n" for x in other.pem.splitlines())
        self.annotations = {"example.org/webhook": f"https://deploy:{note_password}@hooks.example.org/x", "example.org/ci-token": github, "example.org/owner": spiffe}
        self.wrapped = wrapped

    def keep_value(self, kind, value):
        self.keep.append({"kind": kind, "value": value})
        return value

    def lookalikes(self, key):
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as f:
            f.write(key.pem)
            f.flush()
            self.certificate = openssl("req", "-x509", "-new", "-key", f.name, "-subj", "/CN=example.org", "-days", "2").decode()
        for x in body_lines(self.certificate):
            self.keep_value("certificate", x)
        for x in body_lines(key.public):
            self.keep_value("public-key", x)
        self.arn = self.keep_value("kms-arn", f"arn:aws:kms:eu-west-1:111122223333:key/{uuid.uuid4()}")
        self.keep_value("image-digest", "sha256:" + secrets.token_hex(32))
        self.keep_value("uid", str(uuid.uuid4()))
        self.keep_value("span-id", secrets.token_hex(8))
        self.keep_value("fingerprint", ":".join(f"{b:02X}" for b in secrets.token_bytes(32)))
        self.keep_value("spiffe-id", "spiffe://example.org/region/eu-west-1/cluster/prod/ns/identity/sa/token-exchange")
        self.keep_value("status", "invalid_public_key")

    def into(self, objects):
        """Puts the secrets into the objects of the incident."""
        for o in objects:
            if o["kind"] == "ConfigMap":
                o["data"]["control-plane.yaml"] = self.config
            elif o["kind"] == "Data":
                o["spec"]["wrappedKeys"][0]["ciphertext"] = self.wrapped
            elif o["kind"] == "Deployment":
                o["metadata"]["annotations"] = dict(self.annotations)
                template = o["spec"]["template"]
                template["metadata"]["annotations"] = dict(self.annotations)
                server = template["spec"]["containers"][0]
                server["env"] += [{"name": k, "value": v} for k, v in self.env.items()]
                server["args"] = self.args
                server["volumeMounts"].append({"name": "planted", "mountPath": "/etc/planted"})
                name = o["metadata"]["name"] + "-planted"
                template["spec"]["volumes"].append({"name": "planted", "secret": {"secretName": name}})
                namespace = o["metadata"]["namespace"]
        # In a Secret, which no collector reads: as an environment variable the lines would be in the pod a second time.
        lines = json.dumps({"stdout": self.stdout, "stderr": self.stderr})
        objects.insert(1, {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}, "stringData": {"lines.json": lines}})

    def save(self, path):
        data = {"secrets": [f["value"] for f in self.found], "keep": [k["value"] for k in self.keep], "planted": self.found, "kept": self.keep}
        with open(path, "w") as f:
            json.dump(data, f, indent=1)

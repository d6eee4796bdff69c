#!/usr/bin/env python3
"""Makes the images of the test cluster out of programs that are on this machine.

    images.py OUT_FOLDER BIN_FOLDER

There is no image registry to pull from, so each image is one layer with a static program in it,
written in the archive form of `docker save`. The same input gives the same bytes, so that the
caller can tell by a hash whether an image has to be imported again.
"""

import hashlib
import io
import json
import os
import platform
import subprocess
import sys
import tarfile

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
FOLDERS = {"bin": 0o755, "dev": 0o755, "etc": 0o755, "proc": 0o755, "sys": 0o755, "tmp": 0o1777, "var": 0o755}
# Enough for programs which look up their own user or the name localhost.
TEXTS = {
    "etc/passwd": "root:x:0:0:root:/:/bin/sh\nnonroot:x:65532:65532:nonroot:/:/bin/false\n",
    "etc/group": "root:x:0:\nnonroot:x:65532:\n",
}


def add(archive, name, kind=tarfile.REGTYPE, mode=0o644, content=b"", target=""):
    entry = tarfile.TarInfo(name)  # owner root, time 0
    entry.type, entry.mode, entry.size, entry.linkname = kind, mode, len(content), target
    archive.addfile(entry, io.BytesIO(content))


def layer(programs, links):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, mode in FOLDERS.items():
            add(archive, name, tarfile.DIRTYPE, mode)
        for name, text in TEXTS.items():
            add(archive, name, content=text.encode())
        for name, source in programs.items():
            with open(source, "rb") as file:
                add(archive, name, mode=0o755, content=file.read())
        for name, target in links.items():
            add(archive, name, tarfile.SYMTYPE, 0o777, target=target)
    return out.getvalue()


def write_image(folder, tag, programs, entrypoint, links=None):
    content = layer(programs, links or {})
    config = json.dumps({
        "architecture": ARCHITECTURE,
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {"Entrypoint": entrypoint, "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(content).hexdigest()]},
    }).encode()
    config_name = hashlib.sha256(config).hexdigest() + ".json"
    manifest = json.dumps([{"Config": config_name, "RepoTags": [tag], "Layers": ["layer.tar"]}]).encode()
    path = os.path.join(folder, tag.split("/")[1].split(":")[0] + ".tar")
    with tarfile.open(path + ".partial", "w") as archive:
        add(archive, config_name, content=config)
        add(archive, "layer.tar", content=content)
        add(archive, "manifest.json", content=manifest)
    os.replace(path + ".partial", path)


def main():
    out, programs = sys.argv[1:]
    os.makedirs(out, exist_ok=True)
    write_image(out, "localhost/pause:1", {"pause": os.path.join(programs, "pause")}, ["/pause"])
    applets = subprocess.run(["/bin/busybox", "--list"], capture_output=True, text=True, check=True).stdout.split()
    write_image(out, "localhost/busybox:1", {"bin/busybox": "/bin/busybox"}, ["/bin/sh"],
                {"bin/" + applet: "busybox" for applet in applets if applet != "busybox"})
    server = os.path.join(programs, "spirl-server")
    if os.path.exists(server):
        write_image(out, "localhost/spirl-server:test", {"bin/spirl-server": server}, ["/bin/spirl-server"])


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""What a build of this checkout is made of, as SPDX 2.3 JSON: ourselves, the Debian packages of tools/packages/main.txt with the
versions that are installed here, and what links or runs; and the npm packages that the console's bundle was made of.

Run by `./dev sbom`, which installs what is missing first. Without a time of its own a document of the same build is the
same: its namespace is the hash of what it lists.
"""
import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import urllib.parse

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def packages():
    with open(os.path.join(ROOT, "tools", "packages", "main.txt"), encoding="utf-8") as lists:
        return [line.strip() for line in lists if line.strip() and not line.startswith("#")]


def installed(names):
    """Name, version, source package and its version, architecture."""
    form = "${Package}\t${Version}\t${source:Package}\t${source:Version}\t${Architecture}\n"
    out = subprocess.run(["dpkg-query", "-W", "-f", form, *names], capture_output=True, text=True, check=True).stdout
    return sorted(tuple(line.split("\t")) for line in out.splitlines())


def bundled():
    """Name, version, licence and hash of what is in the console's bundle, which is committed: by its lock, without what only builds or tests it."""
    with open(os.path.join(ROOT, "workers", "gateway", "console", "package-lock.json"), encoding="utf-8") as lock:
        listed = json.load(lock)["packages"]
    return sorted((path.removeprefix("node_modules/"), each["version"], each["license"], each["integrity"])
                  for path, each in listed.items() if path and not each.get("dev"))


def own_version():
    with open(os.path.join(ROOT, "CMakeLists.txt"), encoding="utf-8") as cmake:
        return re.search(r"project\(tenantry VERSION ([0-9.]+)", cmake.read()).group(1)


def commit_time():
    """Of the newest commit: the same for whoever makes the document of it again."""
    out = subprocess.run(["git", "-C", ROOT, "log", "-1", "--format=%cd", "--date=format-local:%Y-%m-%dT%H:%M:%SZ"],
                         capture_output=True, text=True, env={**os.environ, "TZ": "UTC"})
    return out.stdout.strip() or "1970-01-01T00:00:00Z"


def listing(ref, name, version, purl, **more):
    return {"SPDXID": ref, "name": name, "versionInfo": version, "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
            "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION", **more,
            "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}]}


def document():
    rows, scripts, version = installed(packages()), bundled(), own_version()
    digest = hashlib.sha256(repr((version, rows, scripts)).encode()).hexdigest()
    own = {"SPDXID": "SPDXRef-tenantry", "name": "tenantry", "versionInfo": version, "downloadLocation": "NOASSERTION",
           "filesAnalyzed": False, "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION",
           "copyrightText": "NOASSERTION", "primaryPackagePurpose": "APPLICATION"}
    listed, relations = [own], [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES",
                                 "relatedSpdxElement": own["SPDXID"]}]
    for name, package_version, source, source_version, architecture in rows:
        listed.append(listing("SPDXRef-deb-" + re.sub(r"[^A-Za-z0-9.-]", "-", name), name, package_version,
                              f"pkg:deb/debian/{name}@{package_version}?arch={architecture}",
                              sourceInfo=f"Debian source {source} {source_version}"))
    for name, package_version, licence, integrity in scripts:
        algorithm, _, value = integrity.partition("-")
        listed.append(listing("SPDXRef-npm-" + re.sub(r"[^A-Za-z0-9.-]", "-", name), name, package_version,
                              f"pkg:npm/{urllib.parse.quote(name)}@{package_version}", licenseDeclared=licence,
                              checksums=[{"algorithm": algorithm.upper(), "checksumValue": base64.b64decode(value).hex()}]))
    for each in listed[1:]:
        relations.append({"spdxElementId": own["SPDXID"], "relationshipType": "DEPENDS_ON", "relatedSpdxElement": each["SPDXID"]})
    return {"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": f"tenantry-{version}",
            "documentNamespace": f"urn:tenantry:sbom:{digest}",
            "creationInfo": {"created": commit_time(), "creators": ["Tool: tenantry-sbom"]},
            "packages": listed, "relationships": relations}


if __name__ == "__main__":
    json.dump(document(), sys.stdout, indent=2)
    print()

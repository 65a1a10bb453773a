#!/usr/bin/env python3
"""Checks what Kubernetes and Docker Compose are told: that names meet, times suffice and options exist.

    deploy/check_manifests.py            against the options of this repository
    deploy/check_manifests.py DIRECTORY  against those of another
"""

import re
import sys
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent

# What still waits when a node has drained has this long to leave; `Server::close`.
CLOSING = 5


def main(sources=ROOT):
    manifests = load()
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    wrong = [
        *identities(manifests),
        *references(manifests),
        *times(manifests, compose),
        *mounts(compose),
        *options(Path(sources), manifests, compose),
    ]
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{len(manifests)} manifests and {len(compose['services'])} services fit together")


def load():
    """The objects of all files that the kustomization names, by kind and name."""
    folder = HERE / "kubernetes"
    named = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    present = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
    if set(named) != present:
        sys.exit(f"kustomization.yaml does not name what is there: {sorted(set(named) ^ present)}")
    objects = [doc for name in named for doc in yaml.safe_load_all((folder / name).read_text())]
    return {(doc["kind"], doc["metadata"]["name"]): doc for doc in objects}


API_VERSIONS = {
    "ConfigMap": "v1",
    "Deployment": "apps/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "Namespace": "v1",
    "PodDisruptionBudget": "policy/v1",
    "Secret": "v1",
    "Service": "v1",
}


def identities(manifests):
    for (kind, name), manifest in manifests.items():
        if manifest["apiVersion"] != API_VERSIONS.get(kind):
            yield f"{kind} {name}: {manifest['apiVersion']} is not the version of its kind"
    for kind in ("ConfigMap", "Secret"):
        for key, value in (manifests[kind, "fanfare"].get("data") or manifests[kind, "fanfare"]["stringData"]).items():
            if not isinstance(value, str):
                yield f"{kind} fanfare: {key} is no string"


def references(manifests):
    """Selectors select the pods, ports and settings have the names they are called by."""
    deployment = manifests["Deployment", "fanfare"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    container = deployment["template"]["spec"]["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    selectors = {"Deployment": deployment["selector"]["matchLabels"]}
    selectors["PodDisruptionBudget"] = manifests["PodDisruptionBudget", "fanfare"]["spec"]["selector"]["matchLabels"]
    for (kind, name), manifest in manifests.items():
        if kind == "Service":
            selectors[f"Service {name}"] = manifest["spec"]["selector"]
            for port in manifest["spec"]["ports"]:
                if port["targetPort"] not in ports:
                    yield f"Service {name}: no port is called {port['targetPort']}"
    for place, selector in selectors.items():
        if not selector.items() <= labels.items():
            yield f"{place}: selects other pods: {selector}"
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        ask = container[probe]["httpGet"]
        path = "/readyz" if probe == "readinessProbe" else "/healthz"
        if (ask["path"], ports.get(ask["port"])) != (path, 9100):
            yield f"{probe}: asks {ask}, not {path} of port 9100"
    for source in container["envFrom"]:
        kind, name = ("ConfigMap", "configMapRef") if "configMapRef" in source else ("Secret", "secretRef")
        if (kind, source[name]["name"]) not in manifests:
            yield f"Deployment: there is no {kind} {source[name]['name']}"
    target = manifests["HorizontalPodAutoscaler", "fanfare"]["spec"]["scaleTargetRef"]
    if (target["kind"], target["name"]) not in manifests:
        yield f"HorizontalPodAutoscaler: there is no {target}"


def times(manifests, compose):
    """Nobody is killed before it has drained."""
    pod = manifests["Deployment", "fanfare"]["spec"]["template"]["spec"]
    drain = seconds(manifests["ConfigMap", "fanfare"]["data"]["FANFARE_DRAIN_TIME"])
    needed = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"] + drain + CLOSING
    if pod["terminationGracePeriodSeconds"] <= needed:
        yield f"terminationGracePeriodSeconds: {pod['terminationGracePeriodSeconds']} is not more than {needed}"
    gateway = compose["services"]["gateway"]
    needed = seconds(gateway["environment"]["FANFARE_DRAIN_TIME"]) + CLOSING
    if seconds(gateway["stop_grace_period"]) <= needed:
        yield f"gateway: stop_grace_period {gateway['stop_grace_period']} is not more than {needed} s"


def mounts(compose):
    """What is mounted from here exists, and every service is watched and bounded."""
    for name, service in compose["services"].items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith(".") and not (ROOT / source).exists():
                yield f"{name}: there is no {source}"
            if not source.startswith(".") and source not in compose["volumes"]:
                yield f"{name}: there is no volume {source}"
        for wanted in ("healthcheck", "restart"):
            if wanted not in service:
                yield f"{name}: has no {wanted}"
        if "memory" not in service["deploy"]["resources"]["limits"]:
            yield f"{name}: its memory has no limit"


def options(sources, manifests, compose):
    """Every FANFARE_ variable that is set is an option of the node."""
    text = "".join(path.read_text() for path in sources.glob("crates/gateway/src/**/*.rs"))
    known = set(re.findall(r'env = "(FANFARE_\w+)"', text))
    places = {
        "docker-compose.yml": compose["services"]["gateway"]["environment"],
        "config.yaml": manifests["ConfigMap", "fanfare"]["data"],
        "secret.yaml": manifests["Secret", "fanfare"]["stringData"],
        "Dockerfile": re.findall(r"(FANFARE_\w+)=", (HERE / "Dockerfile").read_text()),
    }
    for place, names in places.items():
        for name in names:
            if name not in known:
                yield f"{place}: {name} is no option of the node"


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)(s|m)", text).groups()
    return int(number) * {"s": 1, "m": 60}[unit]


if __name__ == "__main__":
    main(*sys.argv[1:])

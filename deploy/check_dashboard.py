#!/usr/bin/env python3
"""Checks that dashboards, rules and the autoscaler ask only for metrics that exist.

    deploy/check_dashboard.py            against the sources of this repository
    deploy/check_dashboard.py DIRECTORY  against the sources of another
    deploy/check_dashboard.py FILE|URL   and against what a node with Redis serves, such as http://localhost:9100/metrics
    deploy/check_dashboard.py BINARY     the same, of a node and a Redis that are started for it
"""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent

# What Prometheus itself and the load balancer say.
OTHERS = {"up", "haproxy_server_status"}

# What the collector of the prometheus crate says of the process.
PROCESS = {
    f"process_{name}"
    for name in (
        "cpu_seconds_total",
        "open_fds",
        "max_fds",
        "resident_memory_bytes",
        "virtual_memory_bytes",
        "start_time_seconds",
        "threads",
    )
}


def main(argument=None):
    live = argument if argument and not Path(argument).is_dir() else None
    sources = Path(argument) if argument and not live else HERE.parent
    metrics = metrics_of(sources)
    served = set(re.findall(r"^([a-z_]\w*)", scrape(live), re.MULTILINE)) if live else set()
    asked = list(questions())
    wrong = [*layout_mistakes(), *syntax_mistakes(asked)]
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    for place, query in asked:
        for name in names_in(query) - metrics.keys() - recorded - OTHERS - served:
            wrong.append(f"{place}: no such metric: {name}")
    if live:
        used = {name for _, query in asked for name in names_in(query)}
        missing = {name for name in used & metrics.keys() if name not in served}
        # A metric with labels appears when it is first counted.
        wrong += [f"{live}: does not serve {name}" for name in sorted(missing) if metrics[name] != "labelled"]
        unseen = sorted(name for name in missing if metrics[name] == "labelled")
        print(f"not counted yet, so not served: {', '.join(unseen) or 'none'}")
    unused = sorted(name for name in metrics if name.startswith("fanfare_") and not asks_for(name, asked))
    print(f"on no panel and in no rule: {', '.join(unused) or 'none'}")
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{len(asked)} queries ask for metrics that exist")


def metrics_of(root):
    """The metrics that the sources make, and whether each is plain, labelled or a histogram."""
    metrics = {}
    for path in root.glob("crates/*/src/**/*.rs"):
        text = path.read_text()
        for maker, name in re.findall(r'(\w+(?:::new)?)\(\s*"(fanfare_\w+)"', text):
            if maker in ("HistogramOpts::new", "histogram"):
                metrics |= {name + part: "plain" for part in ("_bucket", "_sum", "_count")}
            else:
                metrics[name] = "labelled" if maker in ("Opts::new", "counters") else "plain"
        if "ProcessCollector" in text:
            metrics |= dict.fromkeys(PROCESS, "plain")
    return metrics


def questions():
    """Every query, and where it stands."""
    for path, dashboard in dashboards():
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                yield f"{path.name}: {panel['title']}", target["expr"]
        for variable in dashboard["templating"]["list"]:
            yield f"{path.name}: ${variable['name']}", variable["definition"].split("(")[1].split(",")[0]
    for rule in rules():
        yield rule.get("record") or rule["alert"], rule["expr"]
    for path in HERE.glob("kubernetes/*.yaml"):
        for name in re.findall(r"\bname: (fanfare_\w+)", path.read_text()):
            yield path.name, name


def dashboards():
    return [(path, json.loads(path.read_text())) for path in HERE.glob("grafana/dashboards/*.json")]


def rules():
    for name in ("recording.yml", "alerts.yml"):
        for group in yaml.safe_load((HERE / "prometheus" / name).read_text())["groups"]:
            yield from group["rules"]


def names_in(query):
    """The metrics in a query: the words that are no functions, keywords, labels or numbers."""
    query = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", query)
    query = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", query)
    query = re.sub(r"\boffset\s+\w+", " ", query)
    words = re.findall(r"(?<![\w.$])([a-zA-Z_][\w:]*)(?!\w*\s*\()", query)
    return set(words) - {"and", "or", "unless", "bool"}


def asks_for(name, asked):
    stem = re.sub(r"_(bucket|sum|count)$", "", name)
    return any(name in names_in(query) or f"{stem}_bucket" in names_in(query) for _, query in asked)


def layout_mistakes():
    """Panels that lie on each other, share an id or ask a data source that is not provisioned."""
    provisioned = {
        source["uid"]
        for path in HERE.glob("grafana/provisioning/datasources/*.yml")
        for source in yaml.safe_load(path.read_text())["datasources"]
    }
    for path, dashboard in dashboards():
        cells, ids = {}, set()
        for panel in dashboard["panels"]:
            place = f"{path.name}: {panel['title']}"
            if panel["id"] in ids:
                yield f"{place}: its id is another's"
            ids.add(panel["id"])
            if panel["type"] != "row" and panel["datasource"]["uid"] not in provisioned:
                yield f"{place}: its data source is not provisioned"
            at = panel["gridPos"]
            for cell in ((x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])):
                if cells.setdefault(cell, place) != place:
                    yield f"{place}: it lies on {cells[cell]}"
                    break
            if at["x"] + at["w"] > 24:
                yield f"{place}: it is wider than the page"


def syntax_mistakes(asked):
    """What promtool says of the queries, taken as rules."""
    queries = {query.replace("$__rate_interval", "1m"): place for place, query in asked}
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}, file)
        file.flush()
        checked = subprocess.run(["promtool", "check", "rules", file.name], capture_output=True, text=True)
    if checked.returncode:
        places = list(queries.values())
        yield re.sub(r'"query:(\d+)"', lambda found: places[int(found[1])], checked.stderr.strip())


def scrape(live):
    """What a node serves: one that runs, or one that is started."""
    if not (Path(live).is_file() and os.access(live, os.X_OK)):
        return read(live)
    redis, clients, admin = free_ports(3)
    node = [live, "--listen", f"127.0.0.1:{clients}", "--admin-listen", f"127.0.0.1:{admin}", "--drain-time", "0s"]
    with (
        running(["redis-server", "--port", str(redis), "--bind", "127.0.0.1", "--save", ""], redis),
        running([*node, "--adapter", "redis", "--redis", f"redis://127.0.0.1:{redis}"], clients),
    ):
        # Some metrics are there once something has happened.
        read(f"http://127.0.0.1:{clients}/socket.io/?EIO=4&transport=polling")
        return read(f"http://127.0.0.1:{admin}/metrics")


@contextmanager
def running(command, port):
    """A process that listens on a port."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"{command[0]} does not listen")
                time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait()


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def read(place):
    if place.startswith(("http://", "https://")):
        with urllib.request.urlopen(place, timeout=10) as answer:
            return answer.read().decode()
    return Path(place).read_text()


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Runs the Autobahn WebSocket cases against the echo example of the engine.

Usage: python autobahn.py target/debug/examples/ws_echo

Every case of the categories 1 to 7, 9 and 10 has to pass; 12 and 13 are about compression, which is not offered. A case
passes in Autobahn's own sense: both its messages and its closing handshake are OK, NON-STRICT (right, but not what a
SHOULD of the RFC asks for) or INFORMATIONAL (the RFC leaves it open, as in 7.1.6, 7.13.1 and 7.13.2). Failed and
NON-STRICT cases are named.
"""

import asyncio
import subprocess
import sys

from kosoku import FailureError, run_fuzzingclient

CASES = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*"]
EXPECTED = 301
CASES_AT_A_TIME = 4
PATIENCE_SECONDS = 120


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    # Port 0: the server takes a free one and says which.
    server = subprocess.Popen([sys.argv[1], "0"], stdout=subprocess.PIPE, text=True)
    try:
        url = server.stdout.readline().strip().removeprefix("listening on ")
        if not url.startswith("ws://"):
            sys.exit("autobahn: the server did not start")
        results = asyncio.run(run(url))
        if server.poll() is not None:
            sys.exit(f"autobahn: the server ended with {server.returncode}")
    finally:
        server.kill()
        server.wait()
    sys.exit(0 if report(results) else 1)


async def run(url):
    try:
        running = run_fuzzingclient(url, CASES, concurrency=CASES_AT_A_TIME)
        return await asyncio.wait_for(running, PATIENCE_SECONDS)
    except FailureError as failure:
        return failure.results
    except TimeoutError:
        sys.exit(f"autobahn: not done within {PATIENCE_SECONDS} s")


def report(results):
    """Prints what is worth knowing, the summary last; says whether all is well."""
    for case in results:
        verdict = f"{case.behavior.value}, close {case.behavior_close.value}"
        if not case.passed:
            print(f"case {case.case_id}: {verdict}: {case.result} {case.result_close}")
        elif "NON-STRICT" in verdict:
            print(f"case {case.case_id} passes as {verdict}")
    passed = sum(case.passed for case in results)
    failed = len(results) - passed
    if len(results) != EXPECTED:
        print(f"autobahn: {len(results)} cases were run instead of {EXPECTED}")
    print(f"autobahn: {passed} passed, {failed} failed")
    return passed == EXPECTED and failed == 0


if __name__ == "__main__":
    main()

"""Runs samples of the API document as they stand there, with what they take for granted: imports, credentials and `requests`.

Reads JSON lines from standard input, each {"sample": path, "url": …, "appid": …, "appkey": …, "replace": {…}}: `replace` holds the
placeholders (ids, ciphertexts) to be filled in. Writes the parsed answer to each as a line.
"""
import base64
import hmac
import json
import sys
import textwrap
import time
import urllib.parse
import urllib.request
from collections import OrderedDict
from hashlib import sha256


class Requests:
    """The one function of the `requests` package that the samples call."""

    answer = None

    def post(self, url, data, headers):
        request = urllib.request.Request(url, data=data.encode("utf-8"), headers=headers, method="POST")
        with urllib.request.urlopen(request) as response:
            self.answer = json.load(response)


for line in sys.stdin:
    job = json.loads(line)
    with open(job["sample"], encoding="utf-8") as file:
        code = textwrap.dedent(file.read())
    for placeholder, value in {"<ehsm_srv_address>": job["url"], **job["replace"]}.items():
        if placeholder not in code:
            raise SystemExit(f"{job['sample']} has no {placeholder}")
        code = code.replace(placeholder, value)
    requests = Requests()
    exec(
        code,
        {
            "OrderedDict": OrderedDict,
            "appid": job["appid"],
            "appkey": job["appkey"],
            "base64": base64,
            "headers": {"Content-Type": "application/json"},
            "hmac": hmac,
            "json": json,
            "requests": requests,
            "sha256": sha256,
            "time": time,
            "urllib": urllib,
        },
    )
    print(json.dumps(requests.answer), flush=True)

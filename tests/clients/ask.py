"""Asks over TLS with Python's own HTTP client: `ask.py URL CA CERTIFICATE KEY`; prints what is answered."""

import ssl
import sys
import urllib.request

url, authority, certificate, key = sys.argv[1:]
context = ssl.create_default_context(cafile=authority)
context.load_cert_chain(certificate, key)
with urllib.request.urlopen(url, context=context) as answer:
    print(answer.read().decode(), end="")

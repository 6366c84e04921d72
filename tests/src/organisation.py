"""An organisation's domain in a network of its own: DNS on 127.0.0.1:53 and TLS on 127.0.0.1:443, and a command run in it.

Runs under `unshare --map-root-user --mount --net`. Arguments: a JSON file {"records": {name: {"A"|"TXT": [text]}},
"documents": {path: JSON}, "certificate": file, "key": file, "resolv": file, "services": command that runs them or [],
"listening": addresses of the services, on port 443}, then the command.
"""
import fcntl
import http.server
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

with open(sys.argv[1]) as file:
    organisation = json.load(file)

# SIOCSIFFLAGS: the loopback interface of a new network is down.
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
    fcntl.ioctl(control, 0x8914, struct.pack("16sh14x", b"lo", 0x1 | 0x40))
with open(organisation["resolv"], "w") as file:
    file.write("nameserver 127.0.0.1\noptions timeout:2 attempts:1\n")
subprocess.run(["mount", "--bind", organisation["resolv"], os.path.realpath("/etc/resolv.conf")], check=True)

questions = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
questions.bind(("127.0.0.1", 53))


def answer_questions():
    while True:
        data, sender = questions.recvfrom(4096)
        query = dns.message.from_wire(data)
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AA | dns.flags.RA
        question = query.question[0]
        name = question.name.to_text().rstrip(".").lower()
        records = organisation["records"].get(name)
        if records is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        else:
            kind = dns.rdatatype.to_text(question.rdtype)
            if records.get(kind):
                answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *records[kind]))
        questions.sendto(answer.to_wire(), sender)


class Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        document = organisation["documents"].get(self.path)
        body = json.dumps(document).encode()
        self.send_response(401 if document is None else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


pages = http.server.ThreadingHTTPServer(("127.0.0.1", 443), Pages)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(organisation["certificate"], organisation["key"])
pages.socket = context.wrap_socket(pages.socket, server_side=True)
for work in (answer_questions, pages.serve_forever):
    threading.Thread(target=work, daemon=True).start()

services = subprocess.Popen(organisation["services"], stdout=subprocess.DEVNULL) if organisation["services"] else None
for address in organisation["listening"]:
    while True:
        try:
            socket.create_connection((address, 443)).close()
            break
        except ConnectionRefusedError:
            if services.poll() is not None:
                sys.exit("the services have ended")
            time.sleep(0.05)
try:
    ended = subprocess.run(sys.argv[2:], stdin=subprocess.DEVNULL).returncode
finally:
    if services:
        services.kill()
sys.exit(ended)

# SPDX-License-Identifier: Apache-2.0
"""What stands for BIND: it has each zone in its newest state, unless its name says otherwise.

    python -m tests.functional.designate.nameserver PORT

A name holds ``fail-notify``, which is not answered when the zone has changed; ``fail-query``,
which is not answered when it is asked for; ``fail-missing``, which is not there; or ``fail-old``,
which does not change.  Where the folder has a file ``mended-NAME``, nothing of that fails.
"""

import socketserver
import sys
import time
from pathlib import Path

import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rrset


class _Handler(socketserver.BaseRequestHandler):
    def handle(self):
        data, socket = self.request
        query = dns.message.from_wire(data)
        name = query.question[0].name.to_text()
        is_notify = query.opcode() == dns.opcode.NOTIFY
        silent = "fail-notify" if is_notify else "fail-query"
        if _fails(silent, name):
            return
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AA
        if not is_notify:
            _add_soa(answer, name)
        socket.sendto(answer.to_wire(), self.client_address)


def _fails(how, name):
    is_mended = Path(f"mended-{name.rstrip('.')}").exists()
    return how in name and not is_mended


def _add_soa(answer, name):
    is_deleted = Path(f"deleted-{name.rstrip('.')}").exists()
    if is_deleted or _fails("fail-missing", name):
        answer.set_rcode(dns.rcode.NXDOMAIN)
        return
    serial = 1 if _fails("fail-old", name) else int(time.time()) + 100
    text = f"ns1.example. host.example. {serial} 1 1 1 1"
    answer.answer.append(dns.rrset.from_text(name, 60, "IN", "SOA", text))


if __name__ == "__main__":
    address = ("127.0.0.1", int(sys.argv[1]))
    socketserver.ThreadingUDPServer(address, _Handler).serve_forever()

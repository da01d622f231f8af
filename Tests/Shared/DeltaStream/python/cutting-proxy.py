#!/usr/bin/env python3
"""cutting-proxy.py TARGET-PORT CUTS BYTES: forwards a port of loopback to another, and cuts connections after BYTES bytes of what
the target answers, the next ones after a half, a third of that and so on, until it has cut CUTS of them. Prints its port."""
import socket
import sys
import threading

target, cuts, limit = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
done = 0


def pump(source, sink, budget):
    global done
    try:
        while data := source.recv(65536):
            if budget is not None:
                data, budget = data[:budget], budget - len(data)
            sink.sendall(data)
            if budget is not None and budget <= 0:
                done += 1
                print("cut", flush=True)
                break
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


listener = socket.create_server(("127.0.0.1", 0))
print(f"port {listener.getsockname()[1]}", flush=True)
while True:
    client, _ = listener.accept()
    server = socket.create_connection(("127.0.0.1", target))
    budget = limit // (done + 1) if done < cuts else None
    threading.Thread(target=pump, args=(client, server, None), daemon=True).start()
    threading.Thread(target=pump, args=(server, client, budget), daemon=True).start()

"""Processes with a network of their own: nothing but a loopback interface, so that fixed ports collide with nobody's.

Linux only. Root makes the namespace as it is; anybody else inside a user namespace, where the kernel allows those.
"""
import ctypes
import fcntl
import os
import signal
import socket
import struct
import subprocess

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 0x1
PR_SET_PDEATHSIG = 1


def start(command, **options):
    """Starts `command` in a new namespace and process group. Its loopback interface is up. It ends with its parent."""
    apart = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
    raised = ["python3", __file__, *command]
    libc = ctypes.CDLL(None)

    def prepare():
        os.setsid()
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    return subprocess.Popen([*apart, *raised], preexec_fn=prepare, **options)


def stop(process):
    """Ends the whole group of a process that `start` gave."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(5)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


def raise_loopback():
    """Sets the loopback interface of this namespace up (netdevice(7))."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        request = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(door, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(door, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | IFF_UP))


if __name__ == "__main__":
    import sys

    raise_loopback()
    os.execvp(sys.argv[1], sys.argv[1:])

#!/usr/bin/python3
"""Ports of the loopback that nobody has, of UDP and of TCP; none that the system gives to clients: what is free now and of those
would be some connection's before a server has started.

    tools/free_ports.py 7
"""
import random
import socket
import sys


def first_of_clients():
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        return int(file.read().split()[0])


def is_free(port):
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, socket.socket() as streams:
            datagrams.bind(("127.0.0.1", port))
            streams.bind(("127.0.0.1", port))
            return True
    except OSError:
        return False


def free_ports(count):
    span = range(10000, max(11000, first_of_clients()))
    ports = set()
    while len(ports) < count:
        port = random.SystemRandom().choice(span)
        if is_free(port):
            ports.add(port)
    return list(ports)


def free_port():
    return free_ports(1)[0]


if __name__ == "__main__":
    print(*free_ports(int(sys.argv[1])))

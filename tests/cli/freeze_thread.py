#!/usr/bin/env python3
"""Freezes one thread of a program that trains, so that the rest of it lives on: freeze_thread.py RANK FILE COMMAND…

Starts the command, waits until FILE has some lines (metrics: steps are being done), and stops, as a debugger does, a
device's thread of process RANK (of those that train). Exits as the command does. Exit code 77: this system lets nobody
debug. With "RANK/N" instead of RANK N times, whenever a new process trains in place of a frozen one.
"""
import ctypes
import os
import sys
import time

SEIZE, INTERRUPT = 0x4206, 0x4207
ALL = 0x40000000  # __WALL: threads that are traced
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long] * 4
libc.ptrace.restype = ctypes.c_long


def numbers(folder):
    try:
        return sorted(int(name) for name in os.listdir(folder) if name.isdigit())
    except FileNotFoundError:
        return []


def children(pid):
    """In the order in which they were started."""
    found = []
    for task in numbers(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/children") as file:
                found += [int(child) for child in file.read().split()]
        except FileNotFoundError:
            pass
    return found


def trainers(pid):
    below = children(pid)
    return [leaf for child in below for leaf in trainers(child)] if below else [pid]


def name(pid, task):
    with open(f"/proc/{pid}/task/{task}/comm") as file:
        return file.read().strip()


def freeze(pid):
    devices = [t for t in numbers(f"/proc/{pid}/task") if name(pid, t).startswith("device ")]
    # A device that has several programs to run (generate) has a thread for each: the last is that of single tokens.
    task = [t for t in devices if name(pid, t) == name(pid, devices[0])][-1]
    if libc.ptrace(SEIZE, task, 0, 0) != 0:
        print("SKIPPED: no thread can be stopped here:", os.strerror(ctypes.get_errno()))
        os.kill(pid, 9)
        sys.exit(77)
    libc.ptrace(INTERRUPT, task, 0, 0)
    return pid


def lines(path):
    try:
        with open(path, "rb") as file:
            return sum(1 for _ in file)
    except FileNotFoundError:
        return 0


def main():
    which, metrics, command = sys.argv[1], sys.argv[2], sys.argv[3:]
    rank, _, times = which.partition("/")
    child = os.fork()
    if child == 0:
        os.execvp(command[0], command)
    frozen = []
    seen = 0
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG | ALL)  # frozen threads, too, or their process would never be gone
        if pid == child and (os.WIFEXITED(status) or os.WIFSIGNALED(status)):
            return os.waitstatus_to_exitcode(status)
        running = trainers(child)
        is_new = len(running) > int(rank) and running[int(rank)] not in frozen
        if is_new and len(frozen) < int(times or 1) and lines(metrics) >= seen + 5:
            frozen.append(freeze(running[int(rank)]))
            seen = lines(metrics)
        time.sleep(0.02)


sys.exit(main())

"""A seccomp filter: system calls that no prediction needs are refused with EPERM, for this process and for good.

No sockets, no other programs or processes (threads are fine), no reach into other processes, no administration, no
change of modes, owners or times. Source: Linux `Documentation/userspace-api/seccomp_filter.rst`. Numbers:
asm/unistd_64.h (x86_64) and asm-generic/unistd.h (aarch64).
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct

from holdfast.targets.kernel import PR_SET_NO_NEW_PRIVS, prctl

_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_CLONE_THREAD = 0x10000
_X32 = 0x40000000
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_NONE = -1

# fmt: off
_REFUSED = {  # system call: number on x86_64, on aarch64
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201),
    "accept": (43, 202), "accept4": (288, 242), "sendto": (44, 206), "sendmsg": (46, 211), "sendmmsg": (307, 269),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "fork": (57, _NONE), "vfork": (58, _NONE), "execve": (59, 221), "execveat": (322, 281),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424), "process_madvise": (440, 440), "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "shmget": (29, 194), "shmat": (30, 196),
    "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "setns": (308, 268),
    "unshare": (272, 97), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "keyctl": (250, 219),
    "add_key": (248, 217), "request_key": (249, 218), "init_module": (175, 105), "finit_module": (313, 273),
    "kexec_load": (246, 104), "open_by_handle_at": (304, 265),
    "chmod": (90, _NONE), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, _NONE),
    "fchown": (93, 55), "lchown": (94, _NONE), "fchownat": (260, 54), "setxattr": (188, 5), "lsetxattr": (189, 6),
    "fsetxattr": (190, 7), "setxattrat": (463, 463), "removexattr": (197, 14), "lremovexattr": (198, 15),
    "fremovexattr": (199, 16), "removexattrat": (466, 466), "utime": (132, _NONE), "utimes": (235, _NONE),
    "futimesat": (261, _NONE), "utimensat": (280, 88), "file_setattr": (469, 469),
}
_CHANGES = {  # refused too where nothing else keeps files from being written
    "creat": (85, _NONE), "truncate": (76, 45), "rename": (82, _NONE), "renameat": (264, 38), "renameat2": (316, 276),
    "mkdir": (83, _NONE), "mkdirat": (258, 34), "rmdir": (84, _NONE), "unlink": (87, _NONE), "unlinkat": (263, 35),
    "link": (86, _NONE), "linkat": (265, 37), "symlink": (88, _NONE), "symlinkat": (266, 36), "mknod": (133, _NONE),
    "mknodat": (259, 33), "openat2": (437, 437),
}
_CLONE, _CLONE3, _PRLIMIT = (56, 220), (435, 435), (302, 261)
_SIGNALS = {"kill": (62, 129), "tgkill": (234, 131)}
_OPEN = {"open": (2, _NONE, 1), "openat": (257, 56, 2)}  # with the index of the argument that holds the flags
# fmt: on


def restrict(*, writes: bool) -> None:
    """Install the filter; OSError where the kernel or the machine does not allow it.

    With `writes` False, opening a file for writing and changing a folder are refused as well.
    """
    machine = platform.machine()
    if machine not in _MACHINES:
        raise OSError(errno.ENOSYS, f"no list of system calls for {machine}")
    program = b"".join(_program(*_MACHINES[machine], writes=writes))
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.create_string_buffer(header, len(header)))


def _program(column: int, architecture: int, *, writes: bool) -> list[bytes]:
    own = os.getpid()
    steps = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_EQUAL, architecture, 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
        _step(_AT_LEAST, _X32, 0, 1),
        _refuse(),
        *_refuse_if(_CLONE3[column], error=errno.ENOSYS),  # its flags lie in memory; libc falls back to clone
        *_unless(_CLONE[column], 0, _ANY_BIT, _CLONE_THREAD),
        *_unless(_PRLIMIT[column], 0, _EQUAL, 0, own),
    ]
    for numbers in _SIGNALS.values():
        steps += _unless(numbers[column], 0, _EQUAL, own)
    for numbers in (_REFUSED if writes else _REFUSED | _CHANGES).values():
        steps += _refuse_if(numbers[column])
    for *known, place in () if writes else _OPEN.values():
        steps += _refuse_flags(known[column], place)
    return [*steps, _step(_RETURN, _ALLOW)]


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _refuse(error: int = errno.EPERM) -> bytes:
    return _step(_RETURN, 0x00050000 | error)


def _refuse_if(number: int, error: int = errno.EPERM) -> list[bytes]:
    return [] if number == _NONE else [_step(_EQUAL, number, 0, 1), _refuse(error)]


def _unless(number: int, argument: int, test: int, *values: int) -> list[bytes]:
    """Refuse the call unless its argument passes the test with one of the values."""
    tests = [_step(test, value, len(values) - i, 0) for i, value in enumerate(values)]
    body = [_step(_LOAD, _ARGUMENTS + 8 * argument), *tests, _refuse(), _step(_RETURN, _ALLOW)]
    return [_step(_EQUAL, number, 0, len(body)), *body]


def _refuse_flags(number: int, argument: int) -> list[bytes]:
    if number == _NONE:
        return []
    body = [
        _step(_LOAD, _ARGUMENTS + 8 * argument),
        _step(_ANY_BIT, _WRITING, 0, 1),
        _refuse(errno.EROFS),
        _step(_RETURN, _ALLOW),
    ]
    return [_step(_EQUAL, number, 0, len(body)), *body]

"""Translates errors of Python and the operating system to ours, with a message and a remedy.

An ``OSError`` that reaches a command means that something is missing, forbidden, full or
unreachable. That is not a bug and is not reported as one.
"""

import errno
import os
import socket
import ssl
from typing import Final, NamedTuple

from socialsim.errors import InputError, LogFullError, SocialsimError, TransientError


class ResourceError(SocialsimError):
    """The machine lacks a resource, or a limit of this process denies it."""


class _Meaning(NamedTuple):
    kind: type[SocialsimError]
    remedy: str


_PATH: Final = _Meaning(InputError, "name another path")
_RIGHTS: Final = _Meaning(InputError, "this user lacks the permission: choose another path, or ask its owner")
_FULL: Final = _Meaning(LogFullError, "free disk space, then run the same command again")
_DISK: Final = _Meaning(LogFullError, "check the disk: the system log has details")
_FILES: Final = _Meaning(ResourceError, "raise the limit of open files (ulimit -n), or use fewer --processes")
_MEMORY: Final = _Meaning(ResourceError, "give it more memory, or use fewer --users or --processes")
_TASKS: Final = _Meaning(ResourceError, "raise the limit of processes (ulimit -u), or use fewer --processes")
_PORT: Final = _Meaning(InputError, "choose another port, or 0 for a free one")
_AWAY: Final = _Meaning(TransientError, "check that it is running, and that host and port are right")
_BUSY: Final = _Meaning(TransientError, "another program is using it: try again when it has exited")
_FILESYSTEM: Final = _Meaning(InputError, "this file system lacks a required operation: choose another path")

#: The meaning of each errno where no code closer to the error has translated it.
OS_MEANINGS: Final[dict[int, _Meaning]] = {
    errno.ENOENT: _PATH,
    errno.ENOTDIR: _PATH,
    errno.EISDIR: _PATH,
    errno.EEXIST: _PATH,
    errno.ENOTEMPTY: _PATH,
    errno.ELOOP: _PATH,
    errno.ENAMETOOLONG: _PATH,
    errno.EINVAL: _PATH,
    errno.ENXIO: _PATH,
    errno.ENODEV: _PATH,
    errno.ESPIPE: _PATH,
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EROFS: _RIGHTS,
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: _FULL,
    errno.EIO: _DISK,
    errno.ESTALE: _DISK,
    errno.EMFILE: _FILES,
    errno.ENFILE: _FILES,
    errno.ENOMEM: _MEMORY,
    errno.ENOBUFS: _MEMORY,
    errno.EAGAIN: _TASKS,
    errno.EADDRINUSE: _PORT,
    errno.EADDRNOTAVAIL: _PORT,
    errno.ECONNREFUSED: _AWAY,
    errno.ECONNRESET: _AWAY,
    errno.ECONNABORTED: _AWAY,
    errno.ENOTCONN: _AWAY,
    errno.EHOSTUNREACH: _AWAY,
    errno.EHOSTDOWN: _AWAY,
    errno.ENETUNREACH: _AWAY,
    errno.ENETDOWN: _AWAY,
    errno.ENETRESET: _AWAY,
    errno.ETIMEDOUT: _AWAY,
    errno.EPIPE: _AWAY,
    errno.EBUSY: _BUSY,
    errno.ETXTBSY: _BUSY,
    errno.EDEADLK: _BUSY,
    errno.ENOLCK: _FILESYSTEM,
    errno.ENOTSUP: _FILESYSTEM,
    errno.EXDEV: _FILESYSTEM,
    errno.ENOSYS: _FILESYSTEM,
    errno.EMLINK: _FILESYSTEM,
}


def explain_platform(error: BaseException) -> SocialsimError | None:
    """Our error for one of Python or the system that is not a bug; None for any other."""
    if isinstance(error, MemoryError):
        return ResourceError(f"out of memory; {_MEMORY.remedy}")
    if isinstance(error, UnicodeEncodeError) and error.encoding != "utf-8":
        text = error.object[error.start : error.end]
        return InputError(
            f"{text!a} cannot be encoded in {error.encoding}, the encoding of this locale; set LC_ALL=C.UTF-8"
        )
    if isinstance(error, UnicodeDecodeError):
        return InputError(
            f"input holds {error.object[error.start : error.end]!r}, which is not {error.encoding}; UTF-8 is allowed "
            "(SOCIALSIM_DEBUG=1 shows where)"
        )
    if isinstance(error, ModuleNotFoundError):
        return SocialsimError(f"the module {error.name} is missing: the installation is incomplete, install again")
    return _explain_os(error, _path_prefix(error)) if isinstance(error, OSError) else None


def unwritable(target: str, error: OSError) -> SocialsimError:
    """Our error for a failed write to ``target``, which is a path or an option with its value."""
    known = _explain_os(error, f"{target}: cannot be written: ")
    return known if known is not None else InputError(f"{target}: cannot be written: {error.strerror or error}")


def _explain_os(error: OSError, prefix: str) -> SocialsimError | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return InputError(f"{prefix}the certificate is not accepted: {getattr(error, 'verify_message', error)}")
    if isinstance(error, ssl.SSLError):
        reason = getattr(error, "reason", None) or error
        return TransientError(f"{prefix}TLS failed: {reason}; check that the server speaks TLS on that port")
    if isinstance(error, socket.gaierror):
        return TransientError(f"{prefix}the host name cannot be resolved: {error.strerror}; check its spelling and DNS")
    if isinstance(error, TimeoutError) and error.errno is None:
        return TransientError(f"{prefix}no answer in time; {_AWAY.remedy}")
    meaning = OS_MEANINGS.get(error.errno or 0)
    # A path error without a path is a bug of ours.
    if meaning is None or (meaning is _PATH and not prefix):
        return None
    return meaning.kind(f"{prefix}{_reason(error)}; {meaning.remedy}")


def _path_prefix(error: BaseException) -> str:
    name = getattr(error, "filename", None)
    if name is None:
        return ""
    return f"{os.fsdecode(name)}: " if isinstance(name, (str, bytes)) else ""


def _reason(error: OSError) -> str:
    return error.strerror or os.strerror(error.errno or 0)

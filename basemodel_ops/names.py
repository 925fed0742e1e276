"""Names that come from outside, before they reach a warehouse or a disk: the faults that quoting cannot mend."""

import re

UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\]")


def identifier_fault(name: str) -> str | None:
    """Why no warehouse can have a thing of exactly that name; None where it can."""
    if not name:
        return "is empty"
    if "\0" in name:
        return "holds a NUL, at which a name ends"
    try:
        name.encode()
    except UnicodeEncodeError:
        return "is no Unicode text"
    return None


def file_fault(name: str, longest: int = 255) -> str | None:
    """Why a file or folder cannot be named so, or would not stay in its folder; None where all is well."""
    fault = identifier_fault(name)
    if fault:
        return fault
    if name.startswith("."):
        return "begins with a dot"
    if UNSAFE.search(name):
        return "holds a slash, a backslash or a control character"
    return f"is longer than {longest} bytes" if len(name.encode()) > longest else None

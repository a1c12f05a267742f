"""Files and folders that commands write: whole or not at all, and never in the place of somebody else's.

places    what stands at an output path, before the work begins
writing   all files at their places in one moment, or none of them
owned     folders: only what was written here before, and is as it was, is replaced or deleted
"""

from .owned import check_folder, is_listed, locked, record, whole_folder, write_folder
from .places import check_file, is_special, require_writable, sha256_of_file
from .writing import made_folders, staging, write_all, write_whole

__all__ = [
    "check_file",
    "check_folder",
    "is_listed",
    "is_special",
    "locked",
    "made_folders",
    "record",
    "require_writable",
    "sha256_of_file",
    "staging",
    "whole_folder",
    "write_all",
    "write_folder",
    "write_whole",
]

"""Many independent pieces of work: in this process, in several on this machine, or on many machines, by Dask.

crew      the workers, and each piece given to one of them
local     the processes on this machine: loopback addresses alone, and none outlives this process
worker    what runs in a worker: one piece at a time, by the same stapes as here
rows      results as rows of a Parquet file, written as they come
"""

from .crew import ALL_CORES, Crew, Lost, available_cores

__all__ = ["ALL_CORES", "Crew", "Lost", "available_cores"]

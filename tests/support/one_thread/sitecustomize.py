"""Gives asyncio one thread for blocking calls, so that the N-th system call of a kind is always the same one."""

import os

os.cpu_count = lambda: -3  # asyncio asks for four more than that

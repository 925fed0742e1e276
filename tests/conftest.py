"""Settings that must stand before numerical libraries load."""

import os

# Threads that wait without spinning: tests run beside other work, on few cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

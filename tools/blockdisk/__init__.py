"""A recording disk: what a program really asks of a block device, and every state a power cut could leave there.

`recorder` (a process) serves one FUSE file that logs writes and flushes; `disk` puts a loop device and a journaled ext4
on it; `log` reads the log; `states` lists the states (pure); `replay` mounts one after another. All of it runs in
namespaces of its own (`sandbox`), so that mounts, loop devices and processes vanish with it, whatever happens. It needs
root, FUSE, loop devices and e2fsprogs.
"""

//! Control groups as the kernel shows them: which hierarchies are mounted, and raw reads and writes of their files.

//! What kind of file system holds a path, and how full it is.

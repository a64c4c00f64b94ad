//! Reading /proc/self/mountinfo.

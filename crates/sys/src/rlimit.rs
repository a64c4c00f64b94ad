//! Resource limits, clamped to what this process may set.

//! Tests of the module next door.

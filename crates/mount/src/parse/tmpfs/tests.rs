//! Tests of the grammar next door.

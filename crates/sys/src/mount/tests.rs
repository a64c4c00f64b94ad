//! Tests of mounting by descriptor.

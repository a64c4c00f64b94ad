//! Checks and reports for people who work on Stead.
fn main() {}

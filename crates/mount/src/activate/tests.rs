//! Tests of the ledger, each in a mount namespace of its own.

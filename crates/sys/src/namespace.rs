//! Namespaces: entering, making and naming them; the loopback of a new network namespace.

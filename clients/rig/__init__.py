"""What the suites run on: tools, engines in network namespaces, and the counting."""

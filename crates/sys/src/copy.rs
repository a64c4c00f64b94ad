//! Copying a tree with everything it carries: data, holes, links, owners, times, attributes.

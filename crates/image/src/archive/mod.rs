//! Archives of images: Docker's `docker save` form and OCI's image layout, in a tar.

pub(crate) mod docker;
pub(crate) mod input;
pub(crate) mod members;
pub(crate) mod oci;
pub(crate) mod writer;

//! Volumes: one verb a file.

use crate::route::Route;

/// The routes of this noun; literal paths before `{name*}`.
pub(crate) const ROUTES: &[Route] = &[];

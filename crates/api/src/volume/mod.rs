//! Volumes: one verb a file.

mod adopt;
mod archive;
mod cat;
mod clone;
mod create;
mod create_from;
mod diff;
mod du;
mod export;
mod files;
mod import;
mod inspect;
mod ls;
mod protect;
mod prune;
mod rename;
mod resize;
mod rm;
mod rollback;
mod scrub;
mod snapshot;
mod trash;
mod undelete;
mod unprotect;
mod update;

use hyper::Method;

use crate::route::{Route, route};
use crate::version::Version;

/// The routes of this noun; literal paths before `{name*}`.
pub(crate) const ROUTES: &[Route] = &[
    route(Method::GET, "/volumes", ls::get),
    route(Method::GET, "/volumes/{name*}", inspect::get),
    route(Method::POST, "/volumes/create", create::post),
    route(Method::POST, "/volumes/prune", prune::post).since(Version(1, 25)),
    route(Method::PUT, "/volumes/{name*}", update::put).since(Version(1, 42)),
    route(Method::DELETE, "/volumes/{name*}", rm::delete),
    route(Method::GET, "/stead/volumes", ls::get_wide),
    route(Method::POST, "/stead/volumes/create", create_from::post),
    route(Method::HEAD, "/stead/volumes/{name}/archive", archive::head),
    route(Method::GET, "/stead/volumes/{name}/archive", archive::get),
    route(Method::PUT, "/stead/volumes/{name}/archive", archive::put),
    route(Method::GET, "/stead/volumes/{name}/export", export::get),
    route(Method::GET, "/stead/volumes/{name}/file", cat::get),
    route(Method::GET, "/stead/volumes/{name}/files", files::get),
    route(Method::POST, "/stead/volumes/{name}/import", import::post),
    route(Method::GET, "/stead/volumes/{name}/usage", du::get),
    route(Method::GET, "/stead/volumes/trash", trash::ls::get),
    route(Method::GET, "/stead/volumes/trash/{id}/json", trash::inspect::get),
    route(Method::POST, "/stead/volumes/trash/empty", trash::empty::post),
    route(Method::POST, "/stead/volumes/prune", prune::post_now),
    route(Method::POST, "/stead/volumes/undelete", undelete::post),
    route(Method::GET, "/stead/volumes/{name}/snapshots", snapshot::ls::get),
    route(Method::GET, "/stead/volumes/{name}/snapshots/{snapshot}", snapshot::inspect::get),
    route(Method::POST, "/stead/volumes/{name}/adopt", adopt::post),
    route(Method::GET, "/stead/volumes/{name}/changes", diff::get),
    route(Method::POST, "/stead/volumes/{name}/scrub", scrub::post),
    route(Method::POST, "/stead/volumes/{name}/clone", clone::post),
    route(Method::POST, "/stead/volumes/snapshots", snapshot::create::post_group),
    route(Method::POST, "/stead/volumes/{name}/snapshots", snapshot::create::post),
    route(Method::POST, "/stead/volumes/{name}/rollback", rollback::post),
    route(Method::DELETE, "/stead/volumes/{name}/snapshots/{snapshot}", snapshot::rm::delete),
    route(Method::POST, "/stead/volumes/{name}/protect", protect::post),
    route(Method::POST, "/stead/volumes/{name}/resize", resize::post),
    route(Method::POST, "/stead/volumes/{name}/rename", rename::post),
    route(Method::POST, "/stead/volumes/{name}/unprotect", unprotect::post),
    route(Method::POST, "/stead/volumes/{name}/update", update::post),
    route(Method::GET, "/stead/volumes/{name}", inspect::get_whole),
    route(Method::DELETE, "/stead/volumes/{name}", rm::delete_now),
];

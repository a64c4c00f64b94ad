//! End-to-end tests: the `stead` binary against the real kernel, as root. One module a topic.
//!
//! With `STEAD_TEST_ENGINE=docker` the same commands go to a dockerd (20.10) of the test's own, which shows whether a test tells the truth about Docker.
//! What cannot run says `SKIPPED name: why` on stderr; nothing is skipped in silence.
#![cfg_attr(test, expect(clippy::disallowed_methods, reason = "a test's scene is set by panicking code and plain files"))]

#[cfg(test)]
mod anonymous;
#[cfg(test)]
mod api;
#[cfg(test)]
mod api_images;
#[cfg(test)]
mod api_serve;
#[cfg(test)]
mod api_streams;
#[cfg(test)]
mod api_volumes;
#[cfg(test)]
mod containers;
#[cfg(test)]
mod copy;
#[cfg(test)]
mod differential;
#[cfg(test)]
mod door;
#[cfg(test)]
mod escapes;
#[cfg(test)]
mod events;
#[cfg(test)]
mod faces;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod ghosts;
#[cfg(test)]
mod handling;
#[cfg(test)]
mod handling_hostile;
#[cfg(test)]
mod health;
#[cfg(test)]
mod images;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod kill_undo;
#[cfg(test)]
mod migrate;
#[cfg(test)]
mod migrate_hostile;
#[cfg(test)]
mod monitor;
#[cfg(test)]
mod mounts;
#[cfg(test)]
mod networks;
#[cfg(test)]
mod networks_host;
#[cfg(test)]
mod ownership;
#[cfg(test)]
mod ownership_layers;
#[cfg(test)]
mod places;
#[cfg(test)]
mod populate;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod registry;
#[cfg(test)]
mod renames;
#[cfg(test)]
mod runtime;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod scrub;
#[cfg(test)]
mod service;
#[cfg(test)]
mod sharing;
#[cfg(test)]
mod snapshots;
#[cfg(test)]
mod snapshots_databases;
#[cfg(test)]
mod snapshots_killed;
#[cfg(test)]
mod snapshots_live;
#[cfg(test)]
mod snapshots_scheduled;
#[cfg(test)]
mod state;
#[cfg(test)]
mod surface_api;
#[cfg(test)]
mod surface_files;
#[cfg(test)]
mod surface_modes;
#[cfg(test)]
mod surface_verbs;
#[cfg(test)]
mod tutorial;
#[cfg(test)]
mod undo;
#[cfg(test)]
mod undo_incidents;
#[cfg(test)]
mod usage;
#[cfg(test)]
mod volumes;

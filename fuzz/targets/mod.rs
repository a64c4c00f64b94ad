//! What is fuzzed: each function takes any bytes and must return. `fuzz_targets/` runs them under libFuzzer, a test of the crate `api`
//! replays the kept corpora through them.

mod parsers;
mod request;

pub(crate) use parsers::{binds, bodies, bolt, clean, filters, frames, image, journal, layer, log, split};
pub(crate) use request::{answer, request};

/// What takes any bytes.
pub(crate) type Target = fn(&[u8]);

/// A target by its name, which is also the name of its corpus.
pub(crate) const ALL: [(&str, Target); 11] = [
    ("binds", binds),
    ("bodies", bodies),
    ("bolt", bolt),
    ("filters", filters),
    ("frames", frames),
    ("image", image),
    ("journal", journal),
    ("layer", layer),
    ("log", log),
    ("request", request),
    ("split", split),
];

//! Images on their way out, and images made here.

mod commits;
mod pushes;

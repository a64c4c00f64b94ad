//! Advisory locks (flock) that die with their holder.

//! `search`.

use stead_base::filter::Filters;
use stead_image::Found;

use super::access::Auth;
use crate::{Engine, Failure, Result};

/// The filters `search` knows.
const FILTERS: [&str; 3] = ["is-automated", "is-official", "stars"];
/// Answers where nothing is said, and at most.
const LIMIT_DEFAULT: i64 = 25;
const LIMIT_MAX: i64 = 100;

impl Engine {
    /// Asks the registry's index for images; 0 is Docker's limit.
    ///
    /// # Errors
    /// A filter or a limit that is refused; the way to the index.
    pub fn image_search(&self, term: &str, filters: &Filters, limit: i64, auth: &Auth) -> Result<Vec<Found>> {
        filters.check(&FILTERS)?;
        let limit = if limit == 0 { LIMIT_DEFAULT } else { limit };
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(Failure::invalid(format!("limit {limit} is outside the range of [1, 100]")));
        }
        let official = filters.flag("is-official")?;
        let automated = filters.flag("is-automated")?;
        let mut stars = 0;
        for value in filters.get("stars") {
            let wanted: i64 = value.parse().map_err(|_number| Failure::invalid(format!("invalid filter 'stars=[{value}]'")))?;
            stars = stars.max(wanted);
        }
        let mut found = self.images.search(term, limit, &self.access(auth, "docker.io")?)?;
        // Docker Hub has no automated builds any more.
        found.retain(|one| official.is_none_or(|o| o == one.is_official) && one.star_count >= stars && automated != Some(true));
        Ok(found)
    }
}

//! The table of routes: one visible array, and how a request finds its line.

use hyper::Method;
use stead_engine::Failure;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::version::Version;
use crate::{build, container, exec, image, network, plugin, swarm, system, volume};

/// What a handler returns.
pub(crate) type Answer = Result<Reply, Failure>;

/// One route.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    /// HTTP's verb.
    pub(crate) method: Method,
    /// `/containers/{id}/json`; `{name*}` takes several segments, because names of images contain slashes.
    pub(crate) path: &'static str,
    /// The first version that has it.
    pub(crate) since: Version,
    /// What it does, on a thread that may block.
    pub(crate) act: fn(&mut Ask) -> Answer,
}

/// A route of all versions.
pub(crate) const fn route(method: Method, path: &'static str, act: fn(&mut Ask) -> Answer) -> Route {
    Route { method, path, since: crate::version::OLDEST, act }
}

impl Route {
    /// The same, but only from a version on.
    pub(crate) const fn since(mut self, version: Version) -> Self {
        self.since = version;
        self
    }
}

/// All nouns. The first line that fits wins, so literal paths stand before `{name*}` in their noun.
pub(crate) const NOUNS: &[&[Route]] = &[
    build::ROUTES,
    container::ROUTES,
    exec::ROUTES,
    image::ROUTES,
    network::ROUTES,
    plugin::ROUTES,
    swarm::ROUTES,
    system::ROUTES,
    volume::ROUTES,
];

/// The named parts of a path.
pub(crate) type Params = Vec<(&'static str, String)>;

/// Finds the route for a path without its version.
pub(crate) fn find(method: &Method, path: &str, version: Version) -> Option<(&'static Route, Params)> {
    let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    let routes = NOUNS.iter().flat_map(|noun| noun.iter());
    routes.filter(|route| route.method == *method && route.since <= version).find_map(|route| {
        let mut params = Params::new();
        fits(route.path.trim_start_matches('/'), &segments, &mut params).then_some((route, params))
    })
}

/// Whether the segments are what the pattern says; the named ones are noted.
fn fits(pattern: &'static str, segments: &[&str], params: &mut Params) -> bool {
    let (first, rest) = match pattern.split_once('/') {
        Some((first, rest)) => (first, Some(rest)),
        None => (pattern, None),
    };
    let Some((segment, left)) = segments.split_first() else { return false };
    let Some(name) = first.strip_prefix('{').and_then(|f| f.strip_suffix('}')) else {
        return first == *segment && follow(rest, left, params);
    };
    let Some(name) = name.strip_suffix('*') else {
        if segment.is_empty() {
            return false;
        }
        params.push((name, (*segment).to_owned()));
        return follow(rest, left, params);
    };
    // As many segments as the rest of the pattern leaves: its length is known, no pattern holds two of these.
    let tail = rest.map_or(0, |rest| rest.split('/').count());
    let Some(count) = segments.len().checked_sub(tail).filter(|count| *count > 0) else { return false };
    let value = segments[..count].join("/");
    if value.is_empty() {
        return false;
    }
    params.push((name, value));
    follow(rest, &segments[count..], params)
}

fn follow(rest: Option<&'static str>, left: &[&str], params: &mut Params) -> bool {
    match rest {
        Some(rest) => fits(rest, left, params),
        None => left.is_empty(),
    }
}

#[cfg(test)]
mod openapi;

#[cfg(test)]
mod tests {
    use super::*;

    fn params(pattern: &'static str, path: &str) -> Option<Params> {
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let mut params = Params::new();
        fits(pattern.trim_start_matches('/'), &segments, &mut params).then_some(params)
    }

    #[test]
    fn names_of_images_may_contain_slashes() {
        let name = |text: &str| Some(vec![("name", text.to_owned())]);
        assert_eq!(params("/images/{name*}/json", "/images/localhost:5000/a/b/json"), name("localhost:5000/a/b"));
        assert_eq!(params("/images/{name*}/json", "/images/a/json"), name("a"));
        assert_eq!(params("/images/{name*}", "/images/a/b:c"), name("a/b:c"));
        assert_eq!(params("/images/{name*}/json", "/images/json"), None);
        assert_eq!(params("/images/{name*}", "/images/"), None);
    }

    #[test]
    fn other_names_may_not() {
        assert_eq!(params("/containers/{id}/json", "/containers/a/json"), Some(vec![("id", "a".to_owned())]));
        assert_eq!(params("/containers/{id}/json", "/containers/a/b/json"), None);
        assert_eq!(params("/containers/{id}/json", "/containers//json"), None);
        assert_eq!(params("/containers/{id}", "/containers/a/"), None);
    }

    #[test]
    fn literal_routes_win_in_every_noun() {
        for route in NOUNS.iter().flat_map(|noun| noun.iter()) {
            let path: String = route
                .path
                .split('/')
                .skip(1)
                .map(|s| if s.starts_with('{') { "/x" } else { s })
                .map(|s| format!("/{}", s.trim_start_matches('/')))
                .collect();
            let (found, _) = find(&route.method, &path, crate::version::NEWEST).unwrap();
            assert_eq!(found.path, route.path, "{} {path}", route.method);
        }
    }
}

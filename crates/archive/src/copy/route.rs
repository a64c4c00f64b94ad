//! Which of the two arguments of `cp` is the container.

use super::paths::join;

/// What a `cp` was asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// Out of a container, to a local path or (`-`) as a tar to standard output.
    Out {
        /// Name or id.
        container: String,
        /// Path in it.
        path: String,
        /// Local path or `-`.
        local: String,
    },
    /// Into a container, from a local path or (`-`) a tar on standard input.
    In {
        /// Local path or `-`.
        local: String,
        /// Name or id.
        container: String,
        /// Path in it.
        path: String,
    },
}

/// Why two arguments are no route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// The first argument is empty.
    #[error("source can not be empty")]
    EmptySource,
    /// The second argument is empty.
    #[error("destination can not be empty")]
    EmptyDestination,
    /// Both name containers.
    #[error("copying between containers is not supported")]
    BetweenContainers,
    /// Neither does.
    #[error("must specify at least one container source")]
    NoContainer,
}

/// Reads the two arguments.
///
/// # Errors
/// [`RouteError`], with Docker's words.
pub fn route(source: &str, destination: &str) -> Result<Route, RouteError> {
    if source.is_empty() {
        return Err(RouteError::EmptySource);
    }
    if destination.is_empty() {
        return Err(RouteError::EmptyDestination);
    }
    match (split_argument(source), split_argument(destination)) {
        ((Some(_), _), (Some(_), _)) => Err(RouteError::BetweenContainers),
        ((None, _), (None, _)) => Err(RouteError::NoContainer),
        ((Some(container), path), (None, local)) => {
            Ok(Route::Out { container: container.to_owned(), path: path.to_owned(), local: local.to_owned() })
        }
        ((None, local), (Some(container), path)) => {
            Ok(Route::In { local: local.to_owned(), container: container.to_owned(), path: path.to_owned() })
        }
    }
}

/// `CONTAINER:PATH`; an absolute path, and one that begins with a dot (`./file:name`), is local whatever colons it holds.
pub fn split_argument(argument: &str) -> (Option<&str>, &str) {
    if argument.starts_with('/') {
        return (None, argument);
    }
    match argument.split_once(':') {
        Some((container, path)) if !container.is_empty() && !container.starts_with('.') => (Some(container), path),
        // Docker takes an empty container name for none, and then the text after the colon for the path.
        Some(("", path)) => (None, path),
        _ => (None, argument),
    }
}

/// Where a symlink at `path` leads, as the next question to ask the container.
pub fn link_destination(path: &str, target: &str) -> String {
    if target.starts_with('/') {
        return target.to_owned();
    }
    join(&super::paths::split_entry(path).0, target)
}

#[cfg(test)]
mod tests {
    use super::{Route, RouteError, route, split_argument};

    #[test]
    fn arguments_split_as_docker_splits_them() {
        for (argument, container, path) in [
            ("c:/x", Some("c"), "/x"),
            ("c:", Some("c"), ""),
            ("c:rel:with:colons", Some("c"), "rel:with:colons"),
            ("/abs:olute", None, "/abs:olute"),
            ("./file:name", None, "./file:name"),
            ("../file:name", None, "../file:name"),
            ("plain", None, "plain"),
            ("-", None, "-"),
        ] {
            assert_eq!(split_argument(argument), (container, path), "{argument}");
        }
    }

    #[test]
    fn one_side_is_a_container() {
        assert_eq!(route("a:/x", "b:/y"), Err(RouteError::BetweenContainers));
        assert_eq!(route("x", "y"), Err(RouteError::NoContainer));
        assert_eq!(route("", "y"), Err(RouteError::EmptySource));
        assert_eq!(route("x", ""), Err(RouteError::EmptyDestination));
        assert_eq!(route("a:/x", "-"), Ok(Route::Out { container: "a".into(), path: "/x".into(), local: "-".into() }));
        assert_eq!(route("-", "a:/x"), Ok(Route::In { local: "-".into(), container: "a".into(), path: "/x".into() }));
    }
}

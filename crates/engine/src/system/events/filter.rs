//! Which events pass Docker's filters.

use stead_base::filter::Filters;
use stead_event::Event;

/// Actions that carry more than their word: a filter that names only the word means all of them.
const OPEN: [&str; 3] = ["health_status", "exec_create", "exec_start"];
/// Filters that ask for the id or the name of whom it happened to.
const BY_NAME: [&str; 9] = ["daemon", "container", "plugin", "volume", "network", "node", "service", "secret", "config"];

/// Whether every filter lets the event pass.
pub(super) fn includes(filters: &Filters, event: &Event) -> bool {
    let name = event.attributes.get("name").map_or("", String::as_str);
    let begins = |wanted: &str| event.id.starts_with(wanted) || name.starts_with(wanted);
    action(filters, &event.action)
        && filters.any("type", |wanted| event.kind == wanted)
        && filters.any("scope", |wanted| wanted == "local")
        && BY_NAME.iter().all(|key| filters.any(key, begins))
        && image(filters, event)
        && filters.labels(&event.attributes)
}

fn action(filters: &Filters, action: &str) -> bool {
    let open = filters.get("event").iter().any(|wanted| OPEN.contains(&wanted.as_str()));
    filters.any("event", |wanted| action == wanted || (open && action.starts_with(wanted)))
}

/// By the id or the name of an image, with or without its tag: events of images, and of containers made from them.
fn image(filters: &Filters, event: &Event) -> bool {
    let key = if event.kind == "image" { "name" } else { "image" };
    let name = event.attributes.get(key).map_or("", String::as_str);
    filters.any("image", |wanted| [&event.id, name, without_tag(&event.id), without_tag(name)].contains(&wanted))
}

/// `a/b:tag` and `a/b@digest` without what is behind the name.
fn without_tag(reference: &str) -> &str {
    let reference = reference.split('@').next().unwrap_or(reference);
    match reference.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => reference,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, action: &str, id: &str, attributes: &[(&str, &str)]) -> Event {
        let attributes = attributes.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Event { kind: kind.into(), action: action.into(), id: id.into(), attributes, time: stead_base::time::Time::from_nanos(0) }
    }

    fn passes(words: &[&str], event: &Event) -> bool {
        includes(&Filters::from_words(words).unwrap(), event)
    }

    #[test]
    fn containers_are_found_by_id_name_image_and_label() {
        let die = event("container", "die", "abcdef", &[("name", "web-1"), ("image", "reg:5000/a/redis:7"), ("tier", "db")]);
        for yes in [
            &["container=abc"][..],
            &["container=web"],
            &["container=other", "container=web-1"],
            &["image=reg:5000/a/redis"],
            &["image=reg:5000/a/redis:7"],
            &["label=tier"],
            &["label=tier=db", "type=container", "event=die", "event=start", "scope=local"],
            &[],
        ] {
            assert!(passes(yes, &die), "{yes:?}");
        }
        for no in
            [&["container=eb"][..], &["image=redis"], &["label=tier=web"], &["type=image"], &["event=di"], &["scope=swarm"], &["volume=x"]]
        {
            assert!(!passes(no, &die), "{no:?}");
        }
    }

    #[test]
    fn open_actions_are_found_by_their_word() {
        let exec = event("container", "exec_start: sh -c true", "abc", &[]);
        assert!(passes(&["event=exec_start"], &exec));
        assert!(passes(&["event=exec_start: sh -c true"], &exec));
        assert!(!passes(&["event=exec_die"], &exec));
        let health = event("container", "health_status: healthy", "abc", &[]);
        assert!(passes(&["event=health_status"], &health) && passes(&["event=health_status: healthy"], &health));
        assert!(!passes(&["event=health_status: unhealthy"], &health));
    }

    #[test]
    fn images_are_found_by_name() {
        let pull = event("image", "pull", "busybox:latest", &[("name", "busybox")]);
        assert!(passes(&["image=busybox"], &pull) && passes(&["image=busybox:latest"], &pull));
        assert!(!passes(&["image=busy"], &pull));
        assert_eq!(without_tag("reg:5000/a"), "reg:5000/a");
        assert_eq!(without_tag("a@sha256:00"), "a");
    }
}

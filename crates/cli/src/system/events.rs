//! `stead events`: what happened and what happens.

use std::time::Duration;

use serde_json::{Value, json};
use stead_base::time::Time;
use stead_engine::system::events::{EventQuery, Message, Next};

use crate::command::{Act, Arity, Command, Matches, Outcome, text, value};
use crate::context::Context;
use crate::failure::Failure;
use crate::format::inspect::{EXIT_TEMPLATE, RULES};
use crate::format::{Absent, Rules, Template};
use crate::listing::{check_filter, filters, moment};
use crate::output;

/// A stream that is followed wakes at least this often; nothing depends on it.
const WAIT: Duration = Duration::from_secs(3600);

pub(crate) static EVENTS: Command = Command {
    name: "events",
    usage: "[OPTIONS]",
    about: "Get real time events from the engine",
    long: "Shows what happens from now on until it is interrupted. With --since also what happened before, with an --until that is past only that.\n\
           Every process of Stead writes to one journal below the root, so events of all of them are shown, also of those that nobody waited for.\n\
           Filters: type, event, container, image, volume, network, daemon, scope, label.",
    also: &["stead system events", "stead events"],
    flags: &[&[
        value("filter", Some('f'), "filter", check_filter, "Filter output based on conditions provided"),
        text(
            "format",
            None,
            "Format output using a custom template:\n'json':             Print in JSON format\n'TEMPLATE':         Print output using the given Go template",
        ),
        text("since", None, "Show all events created since timestamp"),
        text("until", None, "Stream events until this timestamp"),
    ]],
    arity: Arity::Exactly(0),
    examples: &[
        ("Follow what happens to containers", "stead events -f type=container"),
        ("Everything of the last hour", "stead events --since 1h --until 0s"),
        ("Wait for a container to become healthy", "stead events -f container=web -f 'event=health_status: healthy' --format json"),
    ],
    act: Act::Run(run),
    ..Command::NEW
};

/// How an event is shown.
enum Shape {
    Words,
    Json,
    Template(Template),
}

fn run(context: &Context, matches: &Matches) -> Outcome {
    let shape = match matches.filled("format") {
        None => Shape::Words,
        Some("json" | "{{json .}}") => Shape::Json,
        Some(text) => Shape::Template(Template::parse(text).map_err(|error| Failure::plain(EXIT_TEMPLATE, error.to_string()))?),
    };
    let query = EventQuery { since: moment(matches, "since")?, until: moment(matches, "until")?, filters: filters(matches)? };
    let mut stream = context.engine()?.system_events(query)?;
    loop {
        match stream.next(WAIT, None)? {
            Next::Event(message) => output::line(&shown(&message, &shape)?)?,
            Next::Quiet => {}
            Next::End => return Ok(0),
        }
    }
}

fn shown(message: &Message, shape: &Shape) -> Result<String, Failure> {
    match shape {
        Shape::Words => Ok(words(message)),
        Shape::Json => serde_json::to_string(message).map_err(Failure::error),
        Shape::Template(template) => Ok(template.run(&fields(message), Rules { absent, ..RULES })?),
    }
}

/// `TIME TYPE ACTION ID (k=v, k=v)`.
fn words(message: &Message) -> String {
    let moment = Time::from_nanos(i128::from(message.time_nano));
    let mut line = format!("{} {} {} {}", local(moment), message.kind, message.action, message.actor.id);
    if !message.actor.attributes.is_empty() {
        let pairs: Vec<String> = message.actor.attributes.iter().map(|(key, value)| format!("{key}={value}")).collect();
        line.push_str(&format!(" ({})", pairs.join(", ")));
    }
    line
}

/// RFC 3339 with all nine digits in the zone of whoever reads it.
fn local(moment: Time) -> String {
    let Ok(stamp) = jiff::Timestamp::from_nanosecond(moment.nanos()) else { return moment.rfc3339_nano() };
    let zoned = stamp.to_zoned_datetime(jiff::tz::TimeZone::system());
    let zone = if zoned.offset().seconds() == 0 { "Z".to_owned() } else { zoned.strftime("%:z").to_string() };
    format!("{}{zone}", zoned.strftime("%Y-%m-%dT%H:%M:%S.%9f"))
}

/// The names templates know.
fn fields(message: &Message) -> Value {
    json!({
        "Status": message.status, "ID": message.id, "From": message.from,
        "Type": message.kind, "Action": message.action, "Actor": message.actor,
        "Scope": message.scope, "Time": message.time, "TimeNano": message.time_nano,
    })
}

fn absent(key: &str, parent: Option<&str>) -> Absent {
    if parent == Some("Attributes") { Absent::NoValue } else { (RULES.absent)(key, parent) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stead_engine::system::events::Actor;

    fn message() -> Message {
        Message {
            status: "die".into(),
            id: "abc".into(),
            from: "busybox".into(),
            kind: "container".into(),
            action: "die".into(),
            actor: Actor {
                id: "abc".into(),
                attributes: [("exitCode".to_owned(), "0".to_owned()), ("image".into(), "busybox".into())].into(),
            },
            scope: "local",
            time: 1_764_040_000,
            time_nano: 1_764_040_000_000_000_012,
        }
    }

    #[test]
    fn events_are_shown_as_docker_shows_them() {
        let text = words(&message());
        assert!(text.ends_with(" container die abc (exitCode=0, image=busybox)"), "{text}");
        assert!(text.contains(":40.000000012"), "{text}");
        let json = shown(&message(), &Shape::Json).unwrap();
        assert_eq!(
            json,
            r#"{"status":"die","id":"abc","from":"busybox","Type":"container","Action":"die","Actor":{"ID":"abc","Attributes":{"exitCode":"0","image":"busybox"}},"scope":"local","time":1764040000,"timeNano":1764040000000000012}"#
        );
        let template = |text: &str| shown(&message(), &Shape::Template(Template::parse(text).unwrap())).unwrap();
        assert_eq!(
            template("{{.Type}} {{.Action}} {{.Actor.ID}} {{.Actor.Attributes.exitCode}} {{.Actor.Attributes.x}}"),
            "container die abc 0 <no value>"
        );
        assert_eq!(template("{{.Status}} {{.From}} {{.TimeNano}}"), "die busybox 1764040000000000012");
    }
}
